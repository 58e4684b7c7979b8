/**
 * A client of the prompt server in one file, without dependencies: Node 20 or newer, and browsers.
 *
 * Copy it into your project. It does what every caller needs: a time limit on each call, retries that wait as long
 * as the server asks, one Idempotency-Key for a write and all its retries, cursors as an async generator, and every
 * refusal as one kind of error. A page in a browser shows its key to whoever opens the page: give it a key of its
 * own with the scope `prompts:read` alone, or call the server from yours.
 */

/** Answers that say "not now": of the server itself (429, 503), or of a proxy in front of it (502, 504). */
const PASSING = new Set([429, 502, 503, 504]);
const WRITES = new Set(["POST", "PUT", "DELETE"]);

/**
 * The server said no, or could not be reached.
 *
 * `status` is 0 and `code` is NO_ANSWER when no answer came; then nobody knows whether a write took place.
 * `code` is stable and for programs; `message` is a sentence for people; `details` say where, if there is a where.
 */
export class PvcError extends Error {
  /**
   * @param {string} message
   * @param {{status?: number, code?: string, requestId?: string | null, details?: any, cause?: unknown}} [facts]
   */
  constructor(message, { status = 0, code = "NO_ANSWER", requestId = null, details = {}, cause } = {}) {
    super(message, { cause });
    this.name = "PvcError";
    this.status = status;
    this.code = code;
    this.requestId = requestId;
    this.details = details;
  }

  /** Whether the same call may work a little later. */
  get isPassing() {
    return this.status === 0 || PASSING.has(this.status) || this.code === "IDEMPOTENCY_IN_PROGRESS";
  }

  toString() {
    const where = this.status ? `${this.status} ${this.code}` : this.code;
    return `${this.message} (${where}, request ${this.requestId ?? "without an id"})`;
  }
}

/** What the server answered: the decoded body, and what stands in the headers. */
export class Answer {
  /** @param {any} data @param {number} status @param {Headers} headers */
  constructor(data, status, headers) {
    this.data = data;
    this.status = status;
    this.headers = headers;
  }

  /** The revision of what was read; send it back as `ifMatch` with the change that is based on it. */
  get etag() {
    return this.headers.get("ETag");
  }

  /** Whether this is the kept answer of an earlier call with the same Idempotency-Key. */
  get replayed() {
    return this.headers.get("Idempotency-Replayed") === "true";
  }

  /** Number and hash of the audit entry that this call made, or null. */
  get receipt() {
    const seq = this.headers.get("X-Audit-Seq");
    return seq === null ? null : { seq: Number(seq), hash: this.headers.get("X-Audit-Hash") };
  }
}

/**
 * @typedef {object} CallOptions
 * @property {any} [body] sent as JSON
 * @property {Record<string, string | number>} [query]
 * @property {string | null} [ifMatch] an ETag
 * @property {string} [idempotencyKey] else a new one for each call
 * @property {number} [timeout] milliseconds for one try, its body included
 * @property {number} [retries] how often the call is sent again
 */

/** Calls of one API key. It keeps no state between calls. */
export class PvcClient {
  /**
   * @param {string} url
   * @param {string} key
   * @param {{timeout?: number, retries?: number, longestWait?: number}} [limits] in milliseconds, but `retries`;
   *   a wait that the server asks for and that is longer than `longestWait` is not waited: the error is thrown
   */
  constructor(url, key, { timeout = 10_000, retries = 4, longestWait = 90_000 } = {}) {
    if (!/^https?:\/\//.test(url)) throw new TypeError("The server's address begins with http:// or https://.");
    this.base = `${url.replace(/\/+$/, "")}/api/v1`;
    this.key = key;
    this.timeout = timeout;
    this.retries = retries;
    this.longestWait = longestWait;
  }

  // ----------------------------------------------------------------------- any call
  /**
   * Send a call until it is answered. Throws PvcError.
   *
   * A write gets an Idempotency-Key, the same for its retries: the server keeps what it answered to a POST for a
   * day, and gives that again. A retry of a PUT with `ifMatch` whose answer was lost is told 412, and one of a
   * DELETE 404 or 409.
   * @param {string} method
   * @param {string} path
   * @param {CallOptions} [options]
   * @returns {Promise<Answer>}
   */
  async call(method, path, { body, query, ifMatch, idempotencyKey, timeout, retries } = {}) {
    const url = `${this.base}${path}${query ? `?${new URLSearchParams(/** @type {any} */ (query))}` : ""}`;
    /** @type {Record<string, string>} */
    const headers = { Authorization: `Bearer ${this.key}`, Accept: "application/json" };
    if (ifMatch != null) headers["If-Match"] = ifMatch;
    if (WRITES.has(method)) headers["Idempotency-Key"] = idempotencyKey ?? randomName();
    if (body !== undefined) headers["Content-Type"] = "application/json";
    const request = { method, headers, body: body === undefined ? undefined : JSON.stringify(body) };
    const tries = 1 + (retries ?? this.retries);
    for (let attempt = 0; ; attempt += 1) {
      const { answer, error, retryAfter } = await this.#send(url, request, timeout ?? this.timeout);
      if (answer) return answer;
      const wait = millisecondsToWait(attempt, retryAfter);
      if (!error.isPassing || attempt + 1 >= tries || wait > this.longestWait) throw error;
      await new Promise((wake) => setTimeout(wake, wait));
    }
  }

  /** @returns {Promise<{answer?: Answer, error?: any, retryAfter?: string | null}>} */
  async #send(url, request, timeout) {
    let response, text;
    try {
      // The API never redirects; following one would show the key to whoever sent it.
      const signal = AbortSignal.timeout(timeout);
      response = await fetch(url, { ...request, redirect: "error", cache: "no-store", signal });
      text = await response.text();
    } catch (away) {
      const reason = away.cause?.code ?? away.cause?.message ?? away.message;
      return { error: new PvcError(`The server did not answer: ${reason}.`, { cause: away }) };
    }
    if (response.ok) {
      try {
        return { answer: new Answer(text ? JSON.parse(text) : null, response.status, response.headers) };
      } catch {
        // An answer, but not the server's: below.
      }
    }
    const error = errorOf(response.status, text, response.headers.get("X-Request-Id"));
    return { error, retryAfter: response.headers.get("Retry-After") };
  }

  /**
   * The pages of a list, one after the other, until there is no next cursor.
   * @param {string} path
   * @param {Record<string, string | number>} [filters] and `limit`, 1 to 100
   * @returns {AsyncGenerator<any[]>}
   */
  async *pages(path, filters = {}) {
    const query = { limit: 100, ...filters };
    for (;;) {
      const page = (await this.call("GET", path, { query })).data;
      yield page.data;
      // One list (the audit log) belongs to the surface that writes its names with underscores.
      const cursor = page.meta.nextCursor ?? page.meta.next_cursor;
      if (cursor === undefined) return;
      query.cursor = cursor;
    }
  }

  /** The items of a list, page by page as they are needed. @returns {AsyncGenerator<any>} */
  async *every(path, filters = {}) {
    for await (const page of this.pages(path, filters)) yield* page;
  }

  // ----------------------------------------------------------------------- the calls by name
  /** `fields`: description, variables, config, metadata, namespace, type. */
  createPrompt(name, template, fields = {}) {
    return this.call("POST", "/prompts", { body: { name, template, ...fields } });
  }

  prompt(ref) {
    return this.call("GET", pathOf(ref));
  }

  /** @param {string} ref @param {object} changes @param {{ifMatch?: string | null}} [options] */
  updatePrompt(ref, changes, { ifMatch } = {}) {
    return this.call("PUT", pathOf(ref), { body: changes, ifMatch });
  }

  archivePrompt(ref) {
    return this.call("DELETE", pathOf(ref));
  }

  /**
   * The reason is kept in the version's metadata.
   * @param {string} ref
   * @param {any} content
   * @param {{reason?: string, idempotencyKey?: string, variables?: object, config?: object}} [options]
   */
  addVersion(ref, content, { reason = "", idempotencyKey, ...fields } = {}) {
    const body = { content, metadata: reason ? { reason } : {}, ...fields };
    return this.call("POST", pathOf(ref, "versions"), { body, idempotencyKey });
  }

  version(ref, version) {
    return this.call("GET", pathOf(ref, "versions", version));
  }

  diff(ref, fromVersion, toVersion) {
    return this.call("GET", pathOf(ref, "diff"), { query: { fromVersion, toVersion } });
  }

  putTag(ref, tag, versionId, { reason = "" } = {}) {
    return this.call("POST", pathOf(ref, "tags", tag), { body: { versionId, reason } });
  }

  tag(ref, tag) {
    return this.call("GET", pathOf(ref, "tags", tag));
  }

  /**
   * What is in production says this with these values; with `version`, that one does.
   * @param {string} ref
   * @param {object} variables
   * @param {{version?: number, strict?: boolean, timeout?: number, retries?: number}} [options]
   */
  render(ref, variables, { version, strict = false, timeout, retries } = {}) {
    const path = version === undefined ? pathOf(ref, "render") : pathOf(ref, "versions", version, "render");
    return this.call("POST", path, { body: { variables, strict }, timeout, retries });
  }
}

// ------------------------------------------------------------------------- what it is made of
/** `ref` is a prompt's id, its name, or namespace:name. */
function pathOf(ref, ...parts) {
  return ["/prompts", ...[ref, ...parts].map((part) => encodeURIComponent(part))].join("/");
}

/** The server's own words; a plain sentence for an answer that is not the server's. */
function errorOf(status, text, requestId) {
  try {
    const said = JSON.parse(text);
    const { message, code, details } = said.error;
    if (typeof message === "string") {
      return new PvcError(message, { status, code, requestId: said.requestId, details });
    }
  } catch {
    // Not JSON, or not of our shape: below.
  }
  const message = `The answer ${status} is not one of the prompt server's.`;
  return new PvcError(message, { status, code: "FOREIGN_ANSWER", requestId });
}

/** As long as the server asks, or 0.2 s, 0.4 s, 0.8 s … up to 5 s; and a random share, so that callers spread. */
function millisecondsToWait(attempt, retryAfter) {
  const backoff = Math.min(5000, 200 * 2 ** attempt);
  const asked = millisecondsAsked(retryAfter);
  return asked === null ? backoff * (0.5 + Math.random() / 2) : asked + backoff * Math.random();
}

/** Retry-After in milliseconds; a proxy may send a date instead of a number. */
function millisecondsAsked(retryAfter) {
  if (!retryAfter) return null;
  if (/^\d+$/.test(retryAfter)) return Number(retryAfter) * 1000;
  const until = Date.parse(retryAfter);
  return Number.isNaN(until) ? null : Math.max(0, until - Date.now());
}

/** 128 random bits in hex. (crypto.randomUUID is missing on pages without https.) */
function randomName() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
