// Which variant a session is served, without asking the server. No packages, Node 20 or newer.
//
//     node assign.mjs vectors.json     checks this file against the vectors
//
// The part to copy: `assigned`, `point`, `served`, and the first import.
import { createHash } from "node:crypto";
import { readFileSync, realpathSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The id of the variant that is served; `weights` is {variant id: weight}. */
export function assigned(deploymentId, weights, sessionId) {
  return served(weights, (id) => point(deploymentId, id, sessionId));
}

/** `h`: the first 52 bits of the hash, which a number holds exactly. */
export function point(deploymentId, variantId, sessionId) {
  const digest = createHash("sha256").update(`${deploymentId}:${variantId}:${sessionId}`, "utf8").digest();
  return Number(digest.readBigUInt64BE(0) >> 12n);
}

/** The variant with the greatest score; of equal ones the smaller id, which comes first. */
export function served(weights, pointOf) {
  const scored = Object.keys(weights).filter((id) => weights[id] > 0).sort();
  const scores = scored.map((id) => -weights[id] / Math.log((pointOf(id) + 0.5) / 2 ** 52));
  return scored[scores.indexOf(Math.max(...scores))];
}

/** Compares each vector of the file; the first one that differs ends the run with exit code 1. */
function main(path) {
  const { vectors } = JSON.parse(readFileSync(path, "utf8"));
  for (const [number, { deploymentId, variants, sessionId, served: expected }] of vectors.entries()) {
    const weights = Object.fromEntries(variants.map(({ id, weight }) => [id, weight]));
    const differing = variants.filter(({ id, h }) => point(deploymentId, id, sessionId) !== h);
    const found = assigned(deploymentId, weights, sessionId);
    if (differing.length || found !== expected) {
      console.error(`vector ${number} differs: ${found}, not ${expected}; another h for ${differing.length} variants`);
      process.exitCode = 1;
      return;
    }
  }
  console.log(`${vectors.length} vectors agree`);
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) main(process.argv[2]);
