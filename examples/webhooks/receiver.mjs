// A receiver of webhooks in one file: no packages, Node 20 or newer.
//
//     WEBHOOK_SECRETS=whsec_… node receiver.mjs 8001
//
// It verifies what arrives, takes each message once, answers at once and works afterwards. While a secret is being
// rotated WEBHOOK_SECRETS holds both, with a space between. What it keeps it keeps in memory: see README.md.
import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";

/** How far a message's time may be from ours, in seconds: what somebody recorded cannot be sent again later. */
const TOLERANCE = 300;
/** Bytes of a body that are read, and ids of messages that are remembered. */
const LARGEST = 1024 * 1024;
const REMEMBERED = 100_000;

/** The message is not from the server, or not from now. */
class Refused extends Error {}

/** The bytes that sign: those behind whsec_, or those of a secret without that prefix. */
function keyOf(secret) {
  return secret.startsWith("whsec_") ? Buffer.from(secret.slice(6), "base64") : Buffer.from(secret);
}

function isSame(one, other) {
  return one.length === other.length && timingSafeEqual(one, other);
}

/** The id of a message that one of the keys has signed (Standard Webhooks 1.0). Throws Refused. */
function verify(keys, headers, body, now) {
  const id = headers["webhook-id"] ?? "";
  const timestamp = headers["webhook-timestamp"] ?? "";
  if (!id || !/^[0-9]{1,12}$/.test(timestamp)) throw new Refused("it lacks an id or a time");
  if (Math.abs(now - Number(timestamp)) > TOLERANCE) throw new Refused("it is too old, or from the future");
  const given = (headers["webhook-signature"] ?? "").split(" ").map((each) => Buffer.from(each));
  const fits = keys.some((key) => {
    const mac = createHmac("sha256", key).update(`${id}.${timestamp}.`).update(body).digest("base64");
    return given.some((each) => isSame(each, Buffer.from(`v1,${mac}`)));
  });
  if (!fits) throw new Refused("its signature does not hold");
  return id;
}

const seen = new Set();

/** Whether the message is new. One that was sent again has the id that it had. */
function isNew(id) {
  if (seen.has(id)) return false;
  seen.add(id);
  if (seen.size > REMEMBERED) seen.delete(seen.values().next().value);
  return true;
}

const newest = new Map();

/**
 * What the messages are for: here they are printed. A message that was delayed can arrive after a later one of the
 * same prompt. Whoever keeps what a prompt is now, as here, leaves it out; whoever counts what happened takes it all
 * the same.
 */
function workOn({ type, sequence, data }) {
  if (data.promptId && sequence !== null) {
    if (sequence <= (newest.get(data.promptId) ?? 0)) {
      console.log(`stale: ${type}, sequence ${sequence}`);
      return;
    }
    newest.set(data.promptId, sequence);
  }
  console.log(`took: ${type}, ${data.prompt ?? "no prompt"}, sequence ${sequence}`);
}

/** The whole body, or null where it is too long. */
async function bodyOf(request) {
  const chunks = [];
  let length = 0;
  for await (const chunk of request) {
    length += chunk.length;
    if (length > LARGEST) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** The status of the answer: 204 for what was taken, or was taken before; 401 for what is not from the server. */
function received(keys, headers, body) {
  try {
    const id = verify(keys, headers, body, Date.now() / 1000);
    const event = JSON.parse(body);
    if (isNew(id)) setImmediate(workOn, event);
    else console.log(`duplicate: ${id}`);
    return 204;
  } catch (refused) {
    if (!(refused instanceof Refused)) throw refused;
    console.log(`refused: ${refused.message}`);
    return 401;
  }
}

const keys = (process.env.WEBHOOK_SECRETS ?? "").split(" ").filter(Boolean).map(keyOf);
if (!keys.length) {
  console.error("Set WEBHOOK_SECRETS to the secret of the subscription.");
  process.exit(1);
}

const server = createServer({ requestTimeout: 10_000 }, async (request, response) => {
  try {
    const body = request.method === "POST" ? await bodyOf(request) : null;
    response.statusCode = body === null ? 413 : received(keys, request.headers, body);
  } catch {
    response.statusCode = 500; // the connection broke off, or a signed body was not JSON
  }
  response.setHeader("Connection", "close");
  response.end();
});
server.listen(Number(process.argv[2] ?? 8001), "127.0.0.1", () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}/`);
});
