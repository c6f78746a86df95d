#!/usr/bin/env bash
# Proves with Feishu's official SDKs, and with its lark-mcp, that a program which uses one of them needs the gateway's
# address and an API key, and no other change: cases.py lists what holds. Also runs the programs of docs/en/guide/sdks.md.
#
# Also proves that the node, python and go SDKs accept what the simulator pushes to a store app, and get their tokens
# from it: store.py lists what holds.
#
#   e2e/sdk/run.sh [NAME…]        all, or only these of node, python, go, java, lark-mcp
#   WRITE_SENT=1 e2e/sdk/run.sh   also writes what the SDKs send into sent/*.txt
#
# Exit code: 0 all works, 1 something does not, 2 the suite could not be run.

source "$(dirname "${BASH_SOURCE[0]}")/../suite.sh"
need cargo
(($#)) || set -- node python go java lark-mcp

# Each of these installs an SDK, builds what uses it, and says how to start the caller, the page's program and the store app, if it has one.
# The arrays are read by name.
# shellcheck disable=SC2034
{
  prepare_node() {
    need node npm
    node_packages node
    cp e2e/sdk/node/{caller,store}.mjs "$cache/node/"
    of_page node >"$cache/node/page.mjs"
    caller_node=(node "$cache/node/caller.mjs")
    page_node=(node "$cache/node/page.mjs")
    store_node=(node "$cache/node/store.mjs")
  }

  prepare_lark_mcp() {
    need node npm
    node_packages node
    # It keeps a log, and keeps it here.
    caller_lark_mcp=(env XDG_STATE_HOME="$cache" XDG_DATA_HOME="$cache"
      python3 e2e/sdk/lark-mcp/caller.py "$cache/node/node_modules/.bin/lark-mcp")
    page_lark_mcp=()
    store_lark_mcp=()
  }

  prepare_python() {
    python_packages python
    of_page python >"$cache/page.py"
    caller_python=("$cache/python/bin/python" e2e/sdk/python/caller.py)
    page_python=("$cache/python/bin/python" "$cache/page.py")
    store_python=("$cache/python/bin/python" e2e/sdk/python/store.py)
  }

  prepare_go() {
    need go
    go_settings
    rm -rf "$cache/go"
    mkdir -p "$cache/go/"{caller,page,store}
    cp e2e/sdk/go/go.{mod,sum} "$cache/go/"
    cp e2e/sdk/go/caller.go "$cache/go/caller/"
    cp e2e/sdk/go/store.go "$cache/go/store/"
    of_page go >"$cache/go/page/main.go"
    (cd "$cache/go" && retried go vet ./... && go build -o bin/ ./...) || give_up "the Go programs do not build"
    caller_go=("$cache/go/bin/caller")
    page_go=("$cache/go/bin/page")
    store_go=("$cache/go/bin/store")
  }

  prepare_java() {
    need java javac
    local classes=$cache/java/classes jars=$cache/java/jars
    fetch_jars "$jars"
    of_page java >"$cache/java/Forward.java"
    javac -cp "$jars/*" -d "$classes" e2e/sdk/java/Caller.java "$cache/java/Forward.java" ||
      give_up "the Java programs do not compile"
    caller_java=(java -cp "$classes:$jars/*" Caller)
    page_java=(java -cp "$classes:$jars/*" Forward)
    store_java=()
  }
}

of_page() { python3 e2e/sdk/page.py docs/en/guide/sdks.md "$1" || give_up "docs/en/guide/sdks.md is not as page.py needs it"; }

fetch_jars() {
  are_pinned "$1" 2>/dev/null && return
  need mvn
  rm -rf "$1"
  # The plugin has its version here, because maven's own default changes.
  retried mvn --quiet --batch-mode -Dstyle.color=never --file e2e/sdk/java/pom.xml -Dmaven.repo.local="$cache/maven" \
    org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies \
    -DincludeScope=runtime -DoutputDirectory="$1" || give_up "maven cannot fetch what e2e/sdk/java/pom.xml names"
  are_pinned "$1" || give_up "maven has fetched other files than e2e/sdk/java/jars.sha256 names"
}
are_pinned() { (cd "$1" && sha256sum --check --quiet --strict) <e2e/sdk/java/jars.sha256; }

for name; do
  began=$SECONDS
  "prepare_${name//-/_}"
  echo "$name: prepared in $((SECONDS - began)) s"
done
cargo build --quiet --locked -p feishu-forward-gateway -p feishu-simulator || give_up "it does not build"

export APP_ID=cli_sdk APP_SECRET=made-up VERIFICATION_TOKEN=made-up-too LOGS=$cache PYTHONDONTWRITEBYTECODE=1
new_key() { "$programs/feishu-forward-gateway" keys new "$1"; }
orders=$(new_key orders) restricted=$(new_key restricted)
ORDERS_KEY=$(grep -oP 'ffg_\S+' <<<"$orders") RESTRICTED_KEY=$(grep -oP 'ffg_\S+' <<<"$restricted")
export ORDERS_KEY RESTRICTED_KEY
cat >"$cache/gateway.toml" <<EOF
[server]
listen = "127.0.0.1:0"
admin_listen = "127.0.0.1:0"
[feishu]
# So that 100 forwards to one receiver have the 20 seconds that they take.
deadline = "30s"
[limits]
max_wait = "30s"
[apps.main]
app_id = "$APP_ID"
app_secret = "$APP_SECRET"
[keys.orders]
hash = "$(grep -oP 'sha256:\w+' <<<"$orders")"
[keys.restricted]
hash = "$(grep -oP 'sha256:\w+' <<<"$restricted")"
allow_receivers = ["oc_allowed"]
EOF

failed=0
declare -A cases
order=()
# All at the same time, because they mostly wait. Each has a simulator of its own, and each but the store apps a gateway.
for name; do
  start "$name.simulator" "$programs/feishu-simulator" --listen 127.0.0.1:0 --app-id "$APP_ID" --app-secret "$APP_SECRET"
  SIMULATOR_URL=$(said "$name.simulator" 'Feishu simulator: \K.*')
  start "$name.gateway" env GATEWAY__FEISHU__BASE_URL="$SIMULATOR_URL" \
    "$programs/feishu-forward-gateway" serve --config "$cache/gateway.toml"
  GATEWAY_URL=http://$(said "$name.gateway" '"listen":"\K[^"]+')
  export SIMULATOR_URL GATEWAY_URL

  declare -n page=page_${name//-/_} caller=caller_${name//-/_}
  if ((${#page[@]})); then
    GATEWAY_KEY=$ORDERS_KEY "${page[@]}" >"$cache/$name.page.log" 2>&1 || true
    grep -qxE 'om_\w+' "$cache/$name.page.log" ||
      { failed=1; echo "$name: the program of docs/en/guide/sdks.md does not print a message's id:"; cat "$cache/$name.page.log"; }
  fi
  start "$name.cases" timeout 150 python3 e2e/sdk/cases.py "$name" "${caller[@]}"
  order+=("$name") cases[$name]=${started[-1]}

  declare -n store=store_${name//-/_}
  ((${#store[@]})) || continue
  for ENCRYPT_KEY in "" "test key"; do
    kind=$name.store
    [[ $ENCRYPT_KEY ]] && kind+=.encrypted
    start "$kind.simulator" "$programs/feishu-simulator" --listen 127.0.0.1:0 --app-id "$APP_ID" \
      --app-secret "$APP_SECRET" --tenant acme --tenant globex --verification-token "$VERIFICATION_TOKEN" \
      ${ENCRYPT_KEY:+--encrypt-key "$ENCRYPT_KEY"}
    SIMULATOR_URL=$(said "$kind.simulator" 'Feishu simulator: \K.*')
    export SIMULATOR_URL ENCRYPT_KEY
    start "$kind.cases" timeout 150 python3 e2e/sdk/store.py "$name" "${store[@]}"
    order+=("$kind") cases[$kind]=${started[-1]}
  done
done
for name in "${order[@]}"; do
  wait "${cases[$name]}" || failed=1
  echo "== $name"
  cat "$cache/$name.cases.log"
done

((failed)) && echo "e2e/sdk: FAILED" || echo "e2e/sdk: all passed"
exit "$failed"
