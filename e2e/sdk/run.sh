#!/usr/bin/env bash
# Runs Feishu's official node and Python SDKs, as they are published, against the simulator.
#
#   e2e/sdk/run.sh [path of the feishu-simulator program; built if left out]
#
# Exit code: 0 all tests passed, 1 some failed, 2 they could not be run.

program=${1:+$(realpath "$1")}
source "$(dirname "${BASH_SOURCE[0]}")/../suite.sh"
need cargo node npm python3
node_packages
python_packages
if [[ -z $program ]]; then
  cargo build --quiet --locked --package feishu-simulator || give_up "it does not build"
  program=$programs/feishu-simulator
fi

export SIMULATOR_APP_ID=cli_sdk SIMULATOR_APP_SECRET=made-up
start simulator "$program" --listen 127.0.0.1:0 --app-id "$SIMULATOR_APP_ID" --app-secret "$SIMULATOR_APP_SECRET"
SIMULATOR_URL=$(said simulator 'Feishu simulator: \K.*')
export SIMULATOR_URL

failed=0
echo "== node SDK against $SIMULATOR_URL"
cp e2e/sdk/sdk.test.mjs "$cache/node/"
(cd "$cache/node" && node --test sdk.test.mjs) || failed=1
echo "== Python SDK against $SIMULATOR_URL"
(cd e2e/sdk && PYTHONDONTWRITEBYTECODE=1 "$cache/python/bin/python" -m unittest -v test_sdk) || failed=1

((failed)) && echo "e2e/sdk: FAILED" || echo "e2e/sdk: all passed"
exit "$failed"
