/**
 * What your service does on every call: ask for the prompt, and go on without the server when it is away.
 *
 *     printf 'my parcel is late\nmy parcel is late\n' | PVC_URL=… PVC_KEY=… node hot-path.mjs support-reply
 *
 * Each line of the input stands for a call of your service; the answer is the text it would send to its model.
 * PVC_TIMEOUT is how many seconds the server has for an answer (0.5).
 */

import { createInterface } from "node:readline";
import { PvcClient, PvcError } from "./pvc-client.mjs";

/**
 * Renders with a short time limit, and remembers each prompt's last good text for the same values.
 *
 * `timeout` and `pause` are in milliseconds: for `pause` after a failure the server is not asked, so that your
 * callers do not wait for it one by one. At most `remembered` texts are kept; the oldest goes first.
 */
class Prompts {
  #last = new Map();
  #askAgainAt = 0;

  /** @param {PvcClient} pvc @param {{timeout?: number, pause?: number, remembered?: number}} [limits] */
  constructor(pvc, { timeout = 500, pause = 1000, remembered = 1000 } = {}) {
    Object.assign(this, { pvc, timeout, pause, remembered });
  }

  /**
   * Throws PvcError for what waiting does not mend: a wrong key, an unknown or archived prompt.
   * @param {string} ref
   * @param {Record<string, any>} variables
   * @param {{otherwise: string}} fallback the text that your service ships with
   * @returns {Promise<{text: string, source: "server" | "memory" | "built in"}>}
   */
  async render(ref, variables, { otherwise }) {
    const knownAs = JSON.stringify([ref, Object.entries(variables).sort()]);
    if (performance.now() >= this.#askAgainAt) {
      try {
        const { data } = await this.pvc.render(ref, variables, { timeout: this.timeout, retries: 0 });
        this.#remember(knownAs, data.rendered);
        return { text: data.rendered, source: "server" };
      } catch (error) {
        if (!(error instanceof PvcError) || !(error.isPassing || error.status >= 500)) throw error;
        this.#askAgainAt = performance.now() + this.pause;
      }
    }
    return this.#last.has(knownAs)
      ? { text: this.#last.get(knownAs), source: "memory" }
      : { text: otherwise, source: "built in" };
  }

  #remember(knownAs, text) {
    this.#last.delete(knownAs); // so that it goes to the end of the line
    this.#last.set(knownAs, text);
    if (this.#last.size > this.remembered) this.#last.delete(this.#last.keys().next().value);
  }
}

const { PVC_URL: url, PVC_KEY: key, PVC_TIMEOUT: seconds = "0.5" } = process.env;
const [ref] = process.argv.slice(2);
if (!url || !key || !ref) {
  console.error("Set PVC_URL and PVC_KEY, and name a prompt: hot-path.mjs support-reply");
  process.exitCode = 1;
} else {
  const prompts = new Prompts(new PvcClient(url, key), { timeout: Number(seconds) * 1000 });
  try {
    for await (const line of createInterface({ input: process.stdin })) {
      const otherwise = `You answer customers of a web shop. Help with: ${line.trim()}`;
      const { text, source } = await prompts.render(ref, { issue: line.trim() }, { otherwise });
      console.log(`${source}: ${text.split("\n").join(" / ")}`);
    }
  } catch (error) {
    if (!(error instanceof PvcError)) throw error;
    console.error(String(error));
    process.exitCode = 1;
  }
}
