/**
 * A day's work with the prompt server, from a first text to the archive.
 *
 *     PVC_URL=http://127.0.0.1:8000 PVC_KEY=pvc_… node days-work.mjs
 *
 * Each step prints one line. An answer that is an error ends it with the server's own sentence and exit code 1.
 */

import { PvcClient, PvcError } from "./pvc-client.mjs";

const FIRST = "You answer customers of {{ shop }}.\nAnswer in five sentences at most.\nHelp with: {{ issue }}";
const BETTER = FIRST.replace("five sentences at most.", "two sentences at most. Never promise a refund.");
const variables = {
  shop: { type: "string", default: "our web shop", description: "the shop's name" },
  issue: { type: "string", required: true, description: "what the customer wrote" },
};

const step = (text) => console.log(`- ${text}`);
const oneLine = (text) => text.split("\n").join(" / ");

/** The refusal that a call must end with. */
async function refusal(status, call) {
  try {
    await call;
  } catch (error) {
    if (error instanceof PvcError && error.status === status) return error;
    throw error;
  }
  throw new Error(`This should have been refused with ${status}.`);
}

async function day(pvc, name) {
  // 1. Write a prompt. Its first version exists at once.
  const prompt = (await pvc.createPrompt(name, FIRST, { variables, description: "Answers to customers" })).data;
  const first = prompt.latestVersion;
  step(`created ${name}, version ${first.number}`);

  // 2. A better text is the next version, with the reason for it. Version 1 stays as it was.
  const second = (await pvc.addVersion(name, BETTER, { variables, reason: "answers were too long" })).data;
  step(`version ${second.number}: ${second.metadata.reason}`);

  // 3. The same text again makes no third version.
  const again = (await pvc.addVersion(name, BETTER, { variables })).data;
  step(`the same text again: version ${again.number}, deduplicated ${again.deduplicated}`);

  // 4. What changed, and what that may mean. It is advice; nothing is blocked by it.
  const diff = (await pvc.diff(name, 1, 2)).data;
  const reasons = diff.impact.reasons.map((reason) => reason.message).join("; ");
  step(`diff ${diff.fromVersion} to ${diff.toVersion}: ${diff.semanticImpact} (${reasons})`);

  // 5. Try it before anybody else sees it: render the version by its number.
  const trial = (await pvc.render(name, { issue: "my parcel is late" }, { version: 2, strict: true })).data;
  step(`version 2 says: ${oneLine(trial.rendered)}`);

  // 6. Put `staging` on it, then `production`. What was staged is live now, so staging is free again.
  await pvc.putTag(name, "staging", second.id, { reason: "to be tried" });
  step("staging is version 2");
  await pvc.putTag(name, "production", second.id, { reason: "shorter answers" });
  step("production is version 2");

  // 7. What your service calls: whatever is in production, with the variables filled in.
  const live = (await pvc.render(name, { issue: "my parcel is late", shop: "the tea shop" })).data;
  step(`production (version ${live.version}) says: ${oneLine(live.rendered)}`);

  // 8. All prompts, page by page.
  const pages = [];
  for await (const page of pvc.pages("/prompts", { limit: 20 })) pages.push(page);
  step(`listed ${pages.flat().length} prompts on ${pages.length} pages`);

  // 9. A safe update: it is refused if somebody changed the prompt since we read it.
  const seen = await pvc.prompt(name);
  await pvc.updatePrompt(name, { description: "somebody else was here" });
  const change = { description: "Answers to customers, short" };
  const stale = await refusal(412, pvc.updatePrompt(name, change, { ifMatch: seen.etag }));
  step(`refused with 412: ${stale.message}`);
  const fresh = await pvc.prompt(name);
  const updated = (await pvc.updatePrompt(name, change, { ifMatch: fresh.etag })).data;
  step(`read again and updated: ${updated.description}`);

  // 10. A write that is sent twice with one Idempotency-Key has one effect. (Retries do this by themselves.)
  const options = { variables, idempotencyKey: crypto.randomUUID() };
  const once = await pvc.addVersion(name, `${BETTER}\nBe kind.`, options);
  const twice = await pvc.addVersion(name, `${BETTER}\nBe kind.`, options);
  step(`sent twice: version ${twice.data.number} once, replayed ${twice.replayed && once.data.id === twice.data.id}`);

  // 11. A template that cannot work is refused before it is stored, with its line.
  const bad = await refusal(422, pvc.addVersion(name, "You answer customers.\n{% include 'rules.txt' %}"));
  step(`refused with 422, line ${bad.details.problems[0].line}: ${bad.message}`);

  // 12. Version 2 was not better after all: production goes back. Keep the receipt: it proves what the log said.
  const back = await pvc.putTag(name, "production", first.id, { reason: "customers missed the longer answers" });
  step("production is version 1 again");

  // 13. Who moved production, and why.
  const moves = [];
  for await (const move of pvc.every(`/prompts/${name}/tags/production/history`)) {
    moves.push(`${move.fromNumber ?? "nothing"} to ${move.toNumber} (${move.reason})`);
  }
  step(`history of production: ${moves.join(", ")}`);

  // 14. The last entries of the audit log, and the one that the receipt is for.
  const log = (await pvc.call("GET", "/prompts/audit", { query: { template_id: prompt.id, limit: 5 } })).data.data;
  step(`audit log: ${log.map((entry) => entry.verb).join(", ")}`);
  const holds = log.some((entry) => entry.seq === back.receipt.seq && entry.hash === back.receipt.hash);
  step(`receipt: entry ${back.receipt.seq}, in the log ${holds}`);

  // 15. Nobody needs it any more. Its name, versions and history stay; nothing is served.
  await pvc.archivePrompt(name);
  const gone = await refusal(410, pvc.render(name, { issue: "my parcel is late" }));
  step(`archived; render answers 410: ${gone.message}`);
}

const { PVC_URL: url, PVC_KEY: key } = process.env;
if (!url || !key) {
  console.error(`Set ${url ? "PVC_KEY" : "PVC_URL"}: the server's address is PVC_URL, the API key PVC_KEY.`);
  process.exitCode = 1;
} else {
  try {
    await day(new PvcClient(url, key), `support-reply-${crypto.randomUUID().slice(0, 8)}`);
  } catch (error) {
    if (!(error instanceof PvcError)) throw error;
    console.error(String(error));
    process.exitCode = 1;
  }
}
