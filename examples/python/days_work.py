"""A day's work with the prompt server, from a first text to the archive.

    PVC_URL=http://127.0.0.1:8000 PVC_KEY=pvc_… python3 days_work.py

Each step prints one line. An answer that is an error ends it with the server's own sentence and exit code 1.
"""

import os
import sys
import uuid

from pvc_client import PvcClient, PvcError

FIRST = "You answer customers of {{ shop }}.\nAnswer in five sentences at most.\nHelp with: {{ issue }}"
BETTER = FIRST.replace("five sentences at most.", "two sentences at most. Never promise a refund.")
VARIABLES = {
    "shop": {"type": "string", "default": "our web shop", "description": "the shop's name"},
    "issue": {"type": "string", "required": True, "description": "what the customer wrote"},
}


def day(pvc: PvcClient, name: str) -> None:
    # 1. Write a prompt. Its first version exists at once.
    prompt = pvc.create_prompt(name, FIRST, variables=VARIABLES, description="Answers to customers").data
    first = prompt["latestVersion"]
    step(f"created {name}, version {first['number']}")

    # 2. A better text is the next version, with the reason for it. Version 1 stays as it was.
    second = pvc.add_version(name, BETTER, variables=VARIABLES, reason="answers were too long").data
    step(f"version {second['number']}: {second['metadata']['reason']}")

    # 3. The same text again makes no third version.
    again = pvc.add_version(name, BETTER, variables=VARIABLES).data
    step(f"the same text again: version {again['number']}, deduplicated {str(again['deduplicated']).lower()}")

    # 4. What changed, and what that may mean. It is advice; nothing is blocked by it.
    diff = pvc.diff(name, 1, 2).data
    reasons = "; ".join(reason["message"] for reason in diff["impact"]["reasons"])
    step(f"diff {diff['fromVersion']} to {diff['toVersion']}: {diff['semanticImpact']} ({reasons})")

    # 5. Try it before anybody else sees it: render the version by its number.
    trial = pvc.render(name, {"issue": "my parcel is late"}, version=2, strict=True).data
    step(f"version 2 says: {one_line(trial['rendered'])}")

    # 6. Put `staging` on it, then `production`. What was staged is live now, so staging is free again.
    pvc.put_tag(name, "staging", second["id"], reason="to be tried")
    step("staging is version 2")
    pvc.put_tag(name, "production", second["id"], reason="shorter answers")
    step("production is version 2")

    # 7. What your service calls: whatever is in production, with the variables filled in.
    live = pvc.render(name, {"issue": "my parcel is late", "shop": "the tea shop"}).data
    step(f"production (version {live['version']}) says: {one_line(live['rendered'])}")

    # 8. All prompts, page by page.
    pages = list(pvc.pages("/prompts", limit=20))
    step(f"listed {sum(map(len, pages))} prompts on {len(pages)} pages")

    # 9. A safe update: it is refused if somebody changed the prompt since we read it.
    read = pvc.prompt(name)
    pvc.update_prompt(name, {"description": "somebody else was here"})
    try:
        pvc.update_prompt(name, {"description": "Answers to customers, short"}, if_match=read.etag)
    except PvcError as stale:
        if stale.status != 412:
            raise
        step(f"refused with 412: {stale.message}")
        read = pvc.prompt(name)
    updated = pvc.update_prompt(name, {"description": "Answers to customers, short"}, if_match=read.etag).data
    step(f"read again and updated: {updated['description']}")

    # 10. A write that is sent twice with one Idempotency-Key has one effect. (Retries do this by themselves.)
    key = str(uuid.uuid4())
    once = pvc.add_version(name, BETTER + "\nBe kind.", variables=VARIABLES, idempotency_key=key)
    twice = pvc.add_version(name, BETTER + "\nBe kind.", variables=VARIABLES, idempotency_key=key)
    same = once.data["id"] == twice.data["id"]
    step(f"sent twice: version {twice.data['number']} once, replayed {str(twice.replayed and same).lower()}")

    # 11. A template that cannot work is refused before it is stored, with its line.
    try:
        pvc.add_version(name, "You answer customers.\n{% include 'rules.txt' %}")
        raise AssertionError("a bad template was taken")
    except PvcError as bad:
        if bad.status != 422:
            raise
        step(f"refused with 422, line {bad.details['problems'][0]['line']}: {bad.message}")

    # 12. Version 2 was not better after all: production goes back. Keep the receipt: it proves what the log said.
    back = pvc.put_tag(name, "production", first["id"], reason="customers missed the longer answers")
    step("production is version 1 again")

    # 13. Who moved production, and why.
    moves = [
        f"{move['fromNumber'] or 'nothing'} to {move['toNumber']} ({move['reason']})"
        for move in pvc.every(f"/prompts/{name}/tags/production/history")
    ]
    step(f"history of production: {', '.join(moves)}")

    # 14. The last entries of the audit log, and the one that the receipt is for.
    entries = pvc.call("GET", "/prompts/audit", query={"template_id": prompt["id"], "limit": 5}).data["data"]
    step(f"audit log: {', '.join(entry['verb'] for entry in entries)}")
    holds = back.receipt in [(entry["seq"], entry["hash"]) for entry in entries]
    step(f"receipt: entry {back.receipt[0] if back.receipt else None}, in the log {str(holds).lower()}")

    # 15. Nobody needs it any more. Its name, versions and history stay; nothing is served.
    pvc.archive_prompt(name)
    try:
        pvc.render(name, {"issue": "my parcel is late"})
        raise AssertionError("an archived prompt was rendered")
    except PvcError as gone:
        if gone.status != 410:
            raise
        step(f"archived; render answers 410: {gone.message}")


def step(text: str) -> None:
    print(f"- {text}", flush=True)


def one_line(text: str) -> str:
    return " / ".join(text.splitlines())


def main() -> int:
    try:
        url, key = os.environ["PVC_URL"], os.environ["PVC_KEY"]
    except KeyError as missing:
        print(f"Set {missing.args[0]}: the server's address is PVC_URL, the API key PVC_KEY.", file=sys.stderr)
        return 1
    try:
        day(PvcClient(url, key), f"support-reply-{uuid.uuid4().hex[:8]}")
    except PvcError as refused:
        print(refused, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
