#!/usr/bin/env bash
# Drives the Model Context Protocol of the real gateway with what others wrote for it: the official conformance suite,
# the Inspector's command line, and the official clients in TypeScript (two generations), Python and Go; over HTTP and by
# the bridge, in both eras of the protocol. And sends it what nobody of good will sends.
#
#   e2e/mcp/run.sh [NAME…]      all, or only these of conformance, inspector, client, sdk, python, go, hostile
#
# conformance.yaml has what the conformance suite asks for and the gateway does not have.
#
# Exit code: 0 all works, 1 something does not, 2 the suite could not be run.

source "$(dirname "${BASH_SOURCE[0]}")/../suite.sh"
need cargo node npm python3
(($#)) || set -- conformance inspector client sdk python go hostile

node_packages node
python_packages python
cp e2e/mcp/node/*.mjs "$cache/node/"
# Debian's Node is too old for the conformance suite and the Inspector.
newer_node=$(echo "$cache"/node/node_modules/node-linux-*/bin/node)
[[ -x $newer_node ]] || give_up "npm has no Node for this machine"
if [[ " $* " == *' go '* ]]; then
  need go
  go_settings
  (cd e2e/mcp/go && retried go vet ./... && go build -o "$cache/bin/" ./...) || give_up "the Go client does not build"
fi
cargo build --quiet --locked -p feishu-forward-gateway -p feishu-simulator || give_up "it does not build"

python=$cache/python/bin/python
# Each of these is called by its name, in a shell of its own.
# shellcheck disable=SC2317
{
  part_inspector() {
    # It keeps files in the home directory.
    HOME=$cache/home exec python3 e2e/mcp/inspector.py "$newer_node" "$cache/node/node_modules/.bin/mcp-inspector" --cli
  }
  part_client() { exec "$python" e2e/mcp/cases.py legacy,modern node "$cache/node/caller.mjs" client; }
  part_sdk() { exec "$python" e2e/mcp/cases.py legacy node "$cache/node/caller.mjs" sdk; }
  part_python() { exec "$python" e2e/mcp/cases.py legacy,modern "$python" e2e/mcp/python/caller.py; }
  part_go() { exec "$python" e2e/mcp/cases.py legacy,modern "$cache/bin/mcp"; }
  part_hostile() { exec python3 e2e/mcp/hostile.py; }

  # Each revision of the protocol that it has scenarios for, with one list of exceptions. An exception that passes is a
  # failure too.
  part_conformance() {
    local revision said failed=0
    for revision in 2025-06-18 2025-11-25 2026-07-28; do
      said=$("$newer_node" "$cache/node/node_modules/.bin/conformance" server --url "http://127.0.0.1:$SHIM_PORT/mcp" \
        --suite all --spec-version "$revision" --expected-failures e2e/mcp/conformance.yaml \
        --output-dir "$cache/conformance/$revision" 2>&1) ||
        { failed=1; sed -n '/=== SUMMARY/,$p' <<<"$said"; }
      echo "  $revision: $(grep -c '^✓.*: [1-9]' <<<"$said") scenarios pass whole, $(grep -c '^  ~' <<<"$said") checks are excepted;" \
        "checks: $(grep -oP '^Total: \K.*' <<<"$said")"
    done
    return "$failed"
  }
}

export APP_ID=cli_mcp APP_SECRET=made-up PYTHONDONTWRITEBYTECODE=1 GATEWAY_PROGRAM=$programs/feishu-forward-gateway
key=$("$programs/feishu-forward-gateway" keys new assistant)
GATEWAY_KEY=$(grep -oP 'ffg_\S+' <<<"$key")
export GATEWAY_KEY
cat >"$cache/gateway.toml" <<EOF
[server]
listen = "127.0.0.1:0"
admin_listen = "127.0.0.1:0"
body_timeout = "2s"
mcp_hosts = ["127.0.0.1"]
[apps.main]
app_id = "$APP_ID"
app_secret = "$APP_SECRET"
[keys.assistant]
hash = "$(grep -oP 'sha256:\w+' <<<"$key")"
EOF
mkdir -p "$cache/home"
rm -rf "$cache/conformance" "$cache/broadcasts"
mkdir "$cache/broadcasts"

failed=0
declare -A parts
# All at the same time, because the clients mostly wait. Each has a gateway and a simulator of its own.
for name; do
  start "$name.simulator" "$programs/feishu-simulator" --listen 127.0.0.1:0 --app-id "$APP_ID" --app-secret "$APP_SECRET"
  SIMULATOR_URL=$(said "$name.simulator" 'Feishu simulator: \K.*')
  # The suite is a web page of this origin, as it shows in one scenario.
  SHIM_PORT=$(free_port)
  origin=
  [[ $name == conformance ]] && origin=http://127.0.0.1:$SHIM_PORT
  start "$name.gateway" env GATEWAY__FEISHU__BASE_URL="$SIMULATOR_URL" GATEWAY__SERVER__MCP_ORIGINS="$origin" \
    GATEWAY__BROADCASTS__PATH="$cache/broadcasts/$name.db" "$programs/feishu-forward-gateway" serve --config "$cache/gateway.toml"
  GATEWAY_URL=http://$(said "$name.gateway" '"listen":"\K[^"]+')
  ADMIN_URL=http://$(said "$name.gateway" '"admin":"\K[^"]+')
  export SIMULATOR_URL GATEWAY_URL ADMIN_URL SHIM_PORT
  if [[ $name == conformance ]]; then
    start shim "$newer_node" "$cache/node/with_key.mjs" "$SHIM_PORT" "$GATEWAY_URL"
    said shim 'it hands on to' >/dev/null
  fi
  start "$name.part" "part_$name"
  parts[$name]=${started[-1]}
done
for name; do
  wait "${parts[$name]}" || failed=1
  echo "== $name"
  cat "$cache/$name.part.log"
done

((failed)) && echo "e2e/mcp: FAILED" || echo "e2e/mcp: all passed"
exit "$failed"
