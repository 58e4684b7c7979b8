#!/usr/bin/env bash
# A day's work with the prompt server, from a first text to the archive.
#
#     PVC_URL=http://127.0.0.1:8000 PVC_KEY=pvc_… ./days_work.sh
#
# Each step prints one line. An answer that is an error ends it with the server's own sentence and exit code 1.
set -euo pipefail
# shellcheck source=pvc.sh
source "$(dirname "${BASH_SOURCE[0]}")/pvc.sh"

name=support-reply-$(new_key | cut -c 1-8)
variables='{"shop": {"type": "string", "default": "our web shop"}, "issue": {"type": "string", "required": true}}'
first='You answer customers of {{ shop }}.\nAnswer in five sentences at most.\nHelp with: {{ issue }}'
better='You answer customers of {{ shop }}.\nAnswer in two sentences at most. Never promise a refund.\nHelp with: {{ issue }}'
parcel='{"variables": {"issue": "my parcel is late"}}'

# 1. Write a prompt. Its first version exists at once.
call POST /prompts --data @- <<JSON
{"name": "$name", "template": "$first", "variables": $variables, "description": "Answers to customers"}
JSON
prompt_id=$(field id)
first_id=$(field latestVersion.id)
step "created $name, version $(field latestVersion.number)"

# 2. A better text is the next version, with the reason for it. Version 1 stays as it was.
better_body="{\"content\": \"$better\", \"variables\": $variables, \"metadata\": {\"reason\": \"answers were too long\"}}"
call POST "/prompts/$name/versions" --data "$better_body"
second_id=$(field id)
step "version $(field number): $(field metadata.reason)"

# 3. The same text again makes no third version.
call POST "/prompts/$name/versions" --data "$better_body"
step "the same text again: version $(field number), deduplicated $(field deduplicated)"

# 4. What changed, and what that may mean. It is advice; nothing is blocked by it.
call GET "/prompts/$name/diff?fromVersion=1&toVersion=2"
step "diff $(field fromVersion) to $(field toVersion): $(field semanticImpact) ($(field 'impact.reasons.*.message' '; '))"

# 5. Try it before anybody else sees it: render the version by its number.
call POST "/prompts/$name/versions/2/render" --data '{"variables": {"issue": "my parcel is late"}, "strict": true}'
step "version 2 says: $(field rendered | one_line)"

# 6. Put `staging` on it, then `production`. What was staged is live now, so staging is free again.
call POST "/prompts/$name/tags/staging" --data "{\"versionId\": \"$second_id\", \"reason\": \"to be tried\"}"
step "staging is version 2"
call POST "/prompts/$name/tags/production" --data "{\"versionId\": \"$second_id\", \"reason\": \"shorter answers\"}"
step "production is version 2"

# 7. What your service calls: whatever is in production, with the variables filled in.
call POST "/prompts/$name/render" --data '{"variables": {"issue": "my parcel is late", "shop": "the tea shop"}}'
step "production (version $(field version)) says: $(field rendered | one_line)"

# 8. All prompts, page by page: each page says where the next one begins, and the last one does not.
prompts=0 pages=0 cursor=
while true; do
  call GET /prompts --get --data limit=20 ${cursor:+--data-urlencode "cursor=$cursor"}
  prompts=$((prompts + $(grep -o '"latestVersion":' "$folder/body" | wc -l))) pages=$((pages + 1))
  cursor=$(field meta.nextCursor)
  [[ -n $cursor ]] || break
done
step "listed $prompts prompts on $pages pages"

# 9. A safe update: it is refused if somebody changed the prompt since we read it.
call GET "/prompts/$name"
etag=$(header ETag)
call PUT "/prompts/$name" --data '{"description": "somebody else was here"}'
refused 412 PUT "/prompts/$name" --header "If-Match: $etag" --data '{"description": "Answers to customers, short"}'
step "refused with 412: $(field error.message)"
call GET "/prompts/$name"
etag=$(header ETag)
call PUT "/prompts/$name" --header "If-Match: $etag" --data '{"description": "Answers to customers, short"}'
step "read again and updated: $(field description)"

# 10. A write that is sent twice with one Idempotency-Key has one effect.
idempotency_key=$(new_key)
kind="{\"content\": \"$better\\nBe kind.\", \"variables\": $variables}"
call POST "/prompts/$name/versions" --data "$kind"
once=$(field id)
call POST "/prompts/$name/versions" --data "$kind"
unset idempotency_key
[[ $once == "$(field id)" ]] && replayed=$(header Idempotency-Replayed) || replayed=false
step "sent twice: version $(field number) once, replayed $replayed"

# 11. A template that cannot work is refused before it is stored, with its line.
refused 422 POST "/prompts/$name/versions" --data @- <<'JSON'
{"content": "You answer customers.\n{% include 'rules.txt' %}"}
JSON
step "refused with 422, line $(field error.details.problems.0.line): $(field error.message)"

# 12. Version 2 was not better after all: production goes back. Keep the receipt: it proves what the log said.
call POST "/prompts/$name/tags/production" \
  --data "{\"versionId\": \"$first_id\", \"reason\": \"customers missed the longer answers\"}"
receipt_seq=$(header X-Audit-Seq)
receipt_hash=$(header X-Audit-Hash)
step "production is version 1 again"

# 13. Who moved production, and why: newest first.
call GET "/prompts/$name/tags/production/history"
from=$(field data.1.fromNumber)
step "history of production: $(field data.0.fromNumber) to $(field data.0.toNumber) ($(field data.0.reason)),\
 ${from:-nothing} to $(field data.1.toNumber) ($(field data.1.reason))"

# 14. The last entries of the audit log, and the one that the receipt is for.
call GET "/prompts/audit?template_id=$prompt_id&limit=5"
step "audit log: $(field 'data.*.verb' ', ')"
[[ $(field data.0.seq)/$(field data.0.hash) == "$receipt_seq/$receipt_hash" ]] && holds=true || holds=false
step "receipt: entry $receipt_seq, in the log $holds"

# 15. Nobody needs it any more. Its name, versions and history stay; nothing is served.
call DELETE "/prompts/$name"
refused 410 POST "/prompts/$name/render" --data "$parcel"
step "archived; render answers 410: $(field error.message)"
