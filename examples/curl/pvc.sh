# What the examples with curl share: how a call is made, and what becomes of an answer. To be read with `source`.
# It needs bash 4, curl 7.71 and python3 (or newer); python3 reads the JSON.

: "${PVC_URL:?Set PVC_URL to the address of the server.}" "${PVC_KEY:?Set PVC_KEY to an API key.}"

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# The key goes into a file that only you can read: on a command line every user of the machine could see it.
printf 'Authorization: Bearer %s\n' "$PVC_KEY" > "$folder/key"

# send METHOD PATH [curl's arguments…] makes the call. The status goes to $status, the body to $folder/body, the
# headers to $folder/headers. curl sends it again after a lost connection and after 429 and 503, and waits as long as
# Retry-After says. A POST has one Idempotency-Key for all of that, so it has one effect; set idempotency_key for one
# of your own.
send() {
  local method=$1 path=$2 headers=(--header "@$folder/key" --header "Content-Type: application/json")
  shift 2
  if [[ $method == POST ]]; then
    headers+=(--header "Idempotency-Key: ${idempotency_key:-$(new_key)}")
  fi
  status=$(curl --silent --show-error --request "$method" "$PVC_URL/api/v1$path" "${headers[@]}" \
    --max-time 10 --retry 4 --retry-all-errors --retry-max-time 60 \
    --output "$folder/body" --dump-header "$folder/headers" --write-out '%{http_code}' "$@") || {
    echo "The server did not answer." >&2
    exit 1
  }
}

# call METHOD PATH […] is for calls that must work: an error ends the script with the server's own sentence.
call() {
  send "$@"
  if ((status >= 300)); then
    give_up
  fi
}

# give_up ends the script with the sentence of the last answer.
give_up() {
  local message
  message=$(field error.message)
  echo "${message:-"This is no answer of the prompt server's."} ($status $(field error.code), request $(field requestId))" >&2
  exit 1
}

# refused STATUS METHOD PATH […] is for calls that must be refused, with this status.
refused() {
  local expected=$1
  shift
  send "$@"
  if [[ $status != "$expected" ]]; then
    echo "$1 $2 answered $status, not $expected." >&2
    exit 1
  fi
}

# field PATH [BETWEEN] prints a part of the last answer: names and positions, joined by dots. What is not there is
# empty. A * in the path stands for every item of a list; they are joined by BETWEEN.
field() {
  python3 -c '
import json, sys

def part(value, steps):
    if not steps or value is None:
        return value
    if steps[0] == "*":
        return sys.argv[3].join(shown(part(item, steps[1:])) for item in value)
    if isinstance(value, list):
        at = int(steps[0])
        return part(value[at] if at < len(value) else None, steps[1:])
    return part(value.get(steps[0]) if isinstance(value, dict) else None, steps[1:])

def shown(value):
    return "" if value is None else value if isinstance(value, str) else json.dumps(value)

try:
    answer = json.load(open(sys.argv[1], encoding="utf-8"))
except ValueError:
    answer = None
print(shown(part(answer, sys.argv[2].split("."))))
' "$folder/body" "$1" "${2:-}"
}

# header NAME prints a header of the last answer.
header() {
  { grep -i "^$1:" "$folder/headers" || true; } | tail -n 1 | cut -d ' ' -f 2- | tr -d '\r'
}

# 128 random bits in hex.
new_key() {
  od -An -N16 -tx1 /dev/urandom | tr -d ' \n'
}

one_line() {
  local text
  text=$(cat)
  echo "${text//$'\n'/ / }"
}

step() {
  echo "- $1"
}
