#!/usr/bin/env bash
# Forwards a message once. Retries while a retry may help. Needs curl and jq.
#
#   GATEWAY_URL=http://… GATEWAY_KEY=ffg_… ./forward.sh MESSAGE_ID RECEIVE_ID KEY
#
# KEY is your name for this forward, such as order-17. Within an hour, the gateway sends one message for one key.
# Prints the id of the new message. Exit code: 0 it arrived, 1 it did not or nobody knows, 2 wrong usage.

set -euo pipefail
if [[ $# != 3 || -z ${GATEWAY_URL:-} || -z ${GATEWAY_KEY:-} ]]; then
  echo 'usage: GATEWAY_URL=http://… GATEWAY_KEY=ffg_… ./forward.sh MESSAGE_ID RECEIVE_ID KEY' >&2
  exit 2
fi
message_id=$1 receive_id=$2 key=$3
headers=$(mktemp)
trap 'rm -f "$headers"' EXIT

for pause in 1 2 4 8 none; do
  # 30 s is longer than the gateway's own deadline of 15 s. An answer that is not JSON is not from the gateway: retry.
  answer=$(curl --silent --show-error --max-time 30 --dump-header "$headers" \
    "$GATEWAY_URL/v1/messages/$message_id/forward" \
    -H "X-API-Key: $GATEWAY_KEY" -H "Idempotency-Key: $key" -H 'Content-Type: application/json' \
    -d "$(jq -n --arg id "$receive_id" '{receive_id: $id}')" | jq -c .) || answer=
  if jq -er '.message_id // empty' <<<"$answer"; then
    exit
  fi
  wait=$pause
  if [[ -n $answer ]]; then
    jq -r '"\(.code) (\(.outcome)): \(.detail)"' <<<"$answer" >&2
    # A retry is safe because the key stays the same. It helps only in these cases.
    jq -e '(.retryable or .outcome == "unknown") and .code != "too_late_to_repeat"' <<<"$answer" >/dev/null ||
      break
    retry_after=$(tr -d '\r' <"$headers" | sed -n 's/^retry-after: //Ip')
    wait=${retry_after:-$pause}
  fi
  [[ $pause != none ]] || break
  echo "trying again in $wait s" >&2
  sleep "$wait"
done

[[ -z $answer ]] || jq -r '"fix by \(.fix_by): \(.remedy)"' <<<"$answer" >&2
exit 1
