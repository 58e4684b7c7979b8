/**
 * Tells the prompt server how a run of promptfoo went. In promptfooconfig.yaml:
 *
 *     extensions:
 *       - file://report.mjs:afterAll
 *
 * PVC_URL is the server, EVALUATION_ID the evaluation that was triggered, EVAL_WEBHOOK_SECRET what its reports are
 * signed with; EVALUATION_DIGEST, where it is set, holds the report to that very content. Without EVALUATION_ID
 * nothing is told: a run by hand stays one. A report that is not taken makes promptfoo fail.
 *
 * Node 20 or newer, no packages. Tried with promptfoo 0.123.
 */

import { createHmac, randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

/** How promptfoo marks a result that an error stood in the way of, in `failureReason`. */
const ERROR = 2;
/** Before each further try, in milliseconds. */
const WAITS = [500, 1000, 2000, 4000];
const TIMEOUT = 15_000;

/**
 * Called by promptfoo when all is done.
 * @param {{evalId?: string, results: object[]}} context
 */
export async function afterAll({ evalId, results }) {
  const { PVC_URL, EVALUATION_ID, EVALUATION_DIGEST, EVAL_WEBHOOK_SECRET } = process.env;
  if (!EVALUATION_ID) return;
  if (!PVC_URL || !EVAL_WEBHOOK_SECRET) throw new Error("PVC_URL or EVAL_WEBHOOK_SECRET is not set.");
  const said = { evaluationId: EVALUATION_ID, ...outcomeOf(results) };
  if (EVALUATION_DIGEST) said.digest = EVALUATION_DIGEST;
  if (evalId) said.metrics.promptfooEvalId = evalId;
  const url = `${PVC_URL.replace(/\/+$/, "")}/api/v1/evaluations/webhook?evaluationId=${EVALUATION_ID}`;
  await report(url, JSON.stringify(said), keyOf(EVAL_WEBHOOK_SECRET));
  console.log(`reported: ${said.status}, score ${said.score ?? "none"}`);
}

/**
 * Passed where every result is a success, with the mean of their scores; error where one could not be had at all,
 * or there is none.
 * @param {object[]} results
 */
export function outcomeOf(results) {
  const sum = (of) => results.reduce((total, each) => total + (of(each) ?? 0), 0);
  const passed = sum((each) => (each.success ? 1 : 0));
  const errors = sum((each) => (!each.success && each.failureReason === ERROR ? 1 : 0));
  const metrics = {
    results: results.length,
    passed,
    failed: results.length - passed - errors,
    errors,
    cost: sum((each) => each.cost),
    tokens: sum((each) => each.tokenUsage?.total ?? each.response?.tokenUsage?.total),
    latencyMs: results.length ? Math.round(sum((each) => each.latencyMs) / results.length) : null,
  };
  if (!results.length || errors) return { status: "error", metrics };
  const score = Math.min(1, Math.max(0, sum((each) => each.score) / results.length));
  return { status: passed === results.length ? "passed" : "failed", score, metrics };
}

/** What is signed with: the bytes behind whsec_, or those of the text itself. */
function keyOf(secret) {
  return secret.startsWith("whsec_") ? Buffer.from(secret.slice(6), "base64") : Buffer.from(secret, "utf8");
}

/** Send it, signed as standardwebhooks.com says; again after 5xx, 429 and lost connections, under the same id. */
async function report(url, body, key) {
  const id = `msg_${randomUUID()}`;
  for (let attempt = 0; ; attempt += 1) {
    const failure = await sent(url, id, body, key);
    if (!failure) return;
    if (!failure.isPassing || attempt === WAITS.length) throw new Error(`The report was not taken: ${failure.why}`);
    await sleep(WAITS[attempt]);
  }
}

/** One try: nothing where the report was taken, else why it was not and whether it may be another time. */
async function sent(url, id, body, key) {
  const timestamp = String(Math.floor(Date.now() / 1000));
  const signature = createHmac("sha256", key).update(`${id}.${timestamp}.${body}`).digest("base64");
  const headers = {
    "content-type": "application/json",
    "webhook-id": id,
    "webhook-timestamp": timestamp,
    "webhook-signature": `v1,${signature}`,
  };
  try {
    const signal = AbortSignal.timeout(TIMEOUT);
    const answer = await fetch(url, { method: "POST", headers, body, redirect: "manual", signal });
    if (answer.ok) return null;
    return { isPassing: answer.status >= 500 || answer.status === 429, why: `${answer.status} ${await answer.text()}` };
  } catch (error) {
    return { isPassing: true, why: `${error.message} ${error.cause?.message ?? ""}`.trim() };
  }
}
