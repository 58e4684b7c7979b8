#!/usr/bin/env bash
# What your service does on every call: ask for the prompt, and go on without the server when it is away.
#
#     printf 'my parcel is late\nmy parcel is late\n' | PVC_URL=… PVC_KEY=… ./hot_path.sh support-reply
#
# Each line of the input stands for a call of your service; the answer is the text it would send to its model.
# PVC_TIMEOUT is how many seconds the server has for an answer (0.5).
set -euo pipefail
# shellcheck source=pvc.sh
source "$(dirname "${BASH_SOURCE[0]}")/pvc.sh"

prompt=${1:?Name a prompt: hot_path.sh support-reply}
declare -A remembered

while IFS= read -r issue; do
  # JSON is written by a program: a quote in what a customer wrote must not end the string.
  body=$(python3 -c 'import json, sys; print(json.dumps({"variables": {"issue": sys.argv[1]}}))' "$issue")
  # A short time, and no second try: your caller waits for this.
  status=$(curl --silent --request POST "$PVC_URL/api/v1/prompts/$prompt/render" \
    --header @"$folder/key" --header "Content-Type: application/json" --max-time "${PVC_TIMEOUT:-0.5}" \
    --output "$folder/body" --write-out '%{http_code}' --data "$body") || status=0
  if ((status == 200)); then
    text=$(field rendered | one_line)
    remembered["$issue "]=$text
    echo "server: $text"
  elif ((status > 0 && status < 500 && status != 429)); then
    # A wrong key, an unknown or archived prompt: waiting does not mend that.
    give_up
  elif [[ -n ${remembered["$issue "]:-} ]]; then
    echo "memory: ${remembered["$issue "]}"
  else
    echo "built in: You answer customers of a web shop. Help with: $issue"
  fi
done
