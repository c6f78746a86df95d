#!/usr/bin/env bash
# Sends the gateway what its own OpenAPI document allows and forbids, and checks every answer.
#
#   e2e/schemathesis/run.sh [options of `schemathesis run`]
#
# Exit code: 0 no failure, 1 failures, 2 it could not be run.

source "$(dirname "${BASH_SOURCE[0]}")/../suite.sh"
need cargo python3 curl
python_packages
cargo build --quiet --locked --workspace || give_up "it does not build"

start simulator "$programs/feishu-simulator" --listen 127.0.0.1:0
simulator=$(said simulator 'Feishu simulator: \K.*')
control() { curl -sSf -X "$1" "$simulator/_simulator/$2" -d "${3:-}"; }

new_key=$("$programs/feishu-forward-gateway" keys new schemathesis)
GATEWAY_KEY=$(grep -o 'ffg_.*' <<<"$new_key")
export GATEWAY_KEY
# The limits are not what is tested here: thousands of forwards a minute go to a few receivers.
control PATCH settings '{"enforce_limits": false}' >/dev/null
rm -f "$cache"/broadcasts.db*
start gateway env \
  GATEWAY__SERVER__LISTEN=127.0.0.1:0 \
  GATEWAY__SERVER__ADMIN_LISTEN=127.0.0.1:0 \
  GATEWAY__FEISHU__BASE_URL="$simulator" \
  GATEWAY__FEISHU__CONNECT_TIMEOUT=1s \
  GATEWAY__FEISHU__ATTEMPT_TIMEOUT=2s \
  GATEWAY__FEISHU__MAX_ATTEMPTS=2 \
  GATEWAY__FEISHU__QUOTA_INTERVAL=1ms \
  GATEWAY__APPS__TEST__APP_ID=cli_simulator \
  GATEWAY__APPS__TEST__APP_SECRET=simulator-secret \
  GATEWAY__KEYS__SCHEMATHESIS__HASH="$(grep -oP 'hash = "\K[^"]+' <<<"$new_key")" \
  GATEWAY__LIMITS__RECEIVER_PER_SECOND=100000 \
  GATEWAY__LIMITS__APP_PER_SECOND=100000 \
  GATEWAY__LIMITS__APP_PER_MINUTE=1000000 \
  GATEWAY__BROADCASTS__PATH="$cache/broadcasts.db" \
  GATEWAY__BROADCASTS__MAX_ACTIVE_PER_KEY=1000 \
  "$programs/feishu-forward-gateway" serve
gateway=http://$(said gateway '"listen":"\K[^"]+')

# A broadcast that has ended, and whose one receiver has not got the message: it can be looked at and retried.
broadcast() {
  curl -sSf "$gateway/v1/$1" -H "X-API-Key: $GATEWAY_KEY" "${@:2}"
}
accepted=$(broadcast messages/om_1/broadcasts -H 'Content-Type: application/json' -H 'Idempotency-Key: first' \
  -d '{"receivers": [{"receive_id": "oc_code_230002"}]}')
BROADCAST=$(grep -o 'bc_[0-9a-f]*' <<<"$accepted")
export BROADCAST
until grep -q '"completed"' <<<"$(broadcast "broadcasts/$BROADCAST" -H 'Prefer: wait=1')"; do :; done

# Read from a file, because schemathesis leaves out the route that it reads the document from.
curl -sSf "$gateway/openapi.json" -o "$cache/openapi.json"
# A document cannot say that a key stands for one forward and for its uuid, so no keys are made up but where one is
# required: tests/gateway/idempotency.rs has them. Nor can it say that only the callers of store apps name a tenant:
# tests/gateway/tenants.rs has them.
python3 - "$cache/openapi.json" <<'END'
import json, sys
document = json.load(open(sys.argv[1]))
for operation in (path["post"] for path in document["paths"].values() if "post" in path):
    is_left_out = lambda it: it["name"] in ("Idempotency-Key", "X-Tenant-Key") and not it.get("required")
    operation["parameters"] = [it for it in operation["parameters"] if not is_left_out(it)]
json.dump(document, open(sys.argv[1], "w"))
END
config=$PWD/e2e/schemathesis/schemathesis.toml
# It leaves directories of its own where it runs.
schemathesis() {
  (cd "$cache" && python/bin/schemathesis --config-file "$config" run openapi.json --url "$gateway" "$@")
}

failed=0
echo "== all that the document allows and forbids"
schemathesis "$@" || failed=1

# Each failure of Feishu's, twice, because the gateway attempts twice what may pass.
fail() { control POST faults "{\"api\": \"forward\", \"times\": 2, \"kind\": $1}" >/dev/null; }
for code in $(grep -oP '^ +row\(\K\d+' src/feishu/codes.rs) 424242; do
  fail "{\"code\": {\"code\": $code}}"
done
fail '"cut"'
fail '"cut_in_body"'
fail '"silence"'
fail '{"status": {"status": 502, "body": "<html>", "content_type": "text/html"}}'
fail '{"status": {"status": 200, "body": "{}", "content_type": "application/json"}}'
echo "== every failure of Feishu's is answered as documented"
# After a token that was rejected no other one is fetched for a pause: an operator says that all is well again.
start well_again bash -c "while kill -HUP ${started[1]}; do sleep 0.1; done"
# Only this answers with what its own call met: a broadcast would take failures of which no answer tells.
schemathesis "$@" --include-operation-id forward_message --mode positive --phases fuzzing --max-examples 500 --checks \
  status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance ||
  failed=1
left=$(control GET faults)
[[ $left == *'[]'* ]] || { echo "not every failure was met: $left"; failed=1; }

((failed)) && echo "e2e/schemathesis: FAILED" || echo "e2e/schemathesis: all passed"
exit "$failed"
