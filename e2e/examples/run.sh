#!/usr/bin/env bash
# Runs each of docs/examples against `dev`: the recipe for Alertmanager with a real Alertmanager, that for GitLab with
# gitlab-ci-local, the bot with Feishu's SDK.
#
# Exit code: 0 all work, 1 some do not, 2 they could not be run.

source "$(dirname "${BASH_SOURCE[0]}")/../suite.sh"
need cargo curl git jq rsync python3 go node npm java
node_packages
python_packages ../../docs/examples/bot
go_tool e2e/examples github.com/prometheus/alertmanager/cmd/alertmanager
cargo build --quiet --locked || give_up "it does not build"

examples=$PWD/docs/examples
export PYTHONDONTWRITEBYTECODE=1
cp "$examples/forward.ts" "$cache/node/"
(cd "$cache/node" && node_modules/.bin/tsc --strict --target es2022 --module nodenext forward.ts) || exit 1
(cd "$cache" && go vet "$examples/forward.go" && go build -o forward-go "$examples/forward.go") || exit 1

# A gateway of its own for each, so that none meets the pauses that another one's faults left behind.
start_gateway() {
  start "dev-$1" "$programs/feishu-forward-gateway" dev --listen 127.0.0.1:0
  GATEWAY_URL=$(said "dev-$1" 'Swagger UI +\K.*(?=/docs/)')
  GATEWAY_KEY=$(said "dev-$1" 'API key +\K\S+')
  simulator=$(said "dev-$1" 'Simulator +\K.*(?=/_simulator/)')
  export GATEWAY_URL GATEWAY_KEY
}

# delivered RECEIVER: how many messages it got.
delivered() {
  curl -sSf "$simulator/_simulator/ledger" |
    jq --arg to "$1" '[.deliveries[] | select(.receive_id == $to)] | length'
}

# messages_to RECEIVER: the messages that it got.
messages_to() {
  curl -sSf "$simulator/_simulator/ledger" |
    jq -j --arg to "$1" '.deliveries[] | select(.receive_id == $to) | .message_id + " "'
}

# exits STATUS COMMAND…
exits() {
  local status=$1 found=0
  shift
  "$@" || found=$?
  ((found == status)) || { echo "it exits with $found" >&2; return 1; }
}

# Feishu delivers, and its answer is lost on the way: as often as the gateway itself tries.
lose_answers() {
  curl -sSf "$simulator/_simulator/faults" >/dev/null \
    -d '{"api": "forward", "times": 5, "phase": "after_commit", "kind": "cut"}'
}

failed=0

# has FILE TEXT
has() { grep -qF -- "$2" "$1"; }

# try NAME COMMAND…
try() {
  local name=$1 out=$cache/$1.out err=$cache/$1.err first
  shift
  echo "== $name"
  start_gateway "$name"

  expect 'it forwards' "$@" om_1 oc_success order-1 >"$out" 2>"$err"
  expect 'it prints the new id' grep -qE '^om_\w+$' "$out"
  first=$(<"$out")
  expect 'it may be run again' "$@" om_1 oc_success order-1 >"$out" 2>"$err"
  expect 'it is the same message' test "$first" = "$(<"$out")"
  expect 'it went out once' test "$(delivered oc_success)" = 1

  expect 'it gives up what does not pass' fails "$@" om_1 oc_code_230002 order-2 >"$out" 2>"$err"
  expect 'it says what to do' has "$err" "fix by chat_admin: Add the app's bot to the chat"
  expect 'it does not repeat in vain' fails has "$err" 'trying again'

  lose_answers
  expect 'it overcomes what passes' "$@" om_1 oc_fault order-3 >"$out" 2>"$err"
  expect 'it heard that the outcome is unknown' has "$err" 'feishu_unreadable (unknown)'
  expect 'it repeated' has "$err" 'trying again'
  expect 'it arrived once' test "$(delivered oc_fault)" = 1
}

source e2e/examples/broadcast.sh
source e2e/examples/alertmanager.sh
source e2e/examples/recipes.sh

try curl "$examples/forward.sh"
try python python3 "$examples/forward.py"
try go "$cache/forward-go"
try typescript node "$cache/node/forward.js"
try java java "$examples/Forward.java"
try_broadcast
try_alertmanager
try_usage
try_cron
try_gitlab
try_grafana
try_job
try_bot

((failed)) && echo "e2e/examples: FAILED" || echo "e2e/examples: all passed"
exit "$failed"
