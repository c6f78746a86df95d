#!/usr/bin/env bash
# Runs Feishu's official node and Python SDKs, as they are published, against the simulator.
#
#   e2e/sdk/run.sh [path of the feishu-simulator program; built if left out]
#
# Exit code: 0 all tests passed, 1 some failed, 2 they could not be run.
# The SDKs are kept under target/sdk, so only the first run needs npm, pip and their registries.

set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
cache=$root/target/sdk

give_up() {
  echo "e2e/sdk cannot run: $1" >&2
  exit 2
}

for program in node npm python3; do
  command -v "$program" >/dev/null || give_up "$program is not installed"
done

simulator=${1:-}
if [[ -z $simulator ]]; then
  target=${CARGO_TARGET_DIR:-$root/target}
  (cd "$root" && cargo build --quiet -p feishu-simulator) || give_up "the simulator does not build"
  simulator=$target/debug/feishu-simulator
fi
[[ -x $simulator ]] || give_up "$simulator is not a program"
simulator=$(realpath "$simulator")

# Installed once, and again when what is pinned changes. node finds packages only beside the test.
mkdir -p "$cache/node"
if ! cmp -s "$here/package-lock.json" "$cache/node/installed"; then
  cp "$here/package.json" "$here/package-lock.json" "$here/.npmrc" "$cache/node/"
  (cd "$cache/node" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) ||
    give_up "npm cannot install the node SDK"
  cp "$here/package-lock.json" "$cache/node/installed"
fi
if ! cmp -s "$here/requirements.txt" "$cache/python/installed"; then
  python3 -m venv --clear "$cache/python" &&
    "$cache/python/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt" ||
    give_up "pip cannot install the Python SDK"
  cp "$here/requirements.txt" "$cache/python/installed"
fi
cp "$here/sdk.test.mjs" "$cache/node/"

export SIMULATOR_APP_ID=cli_sdk SIMULATOR_APP_SECRET=made-up
# The SDKs honour proxy settings; the simulator is on loopback.
export NO_PROXY=127.0.0.1 no_proxy=127.0.0.1

# The first line that the program prints says where it listens.
exec {output}< <(
  exec "$simulator" --listen 127.0.0.1:0 --app-id "$SIMULATOR_APP_ID" --app-secret "$SIMULATOR_APP_SECRET"
)
simulator_pid=$!
trap 'kill "$simulator_pid" 2>/dev/null; wait "$simulator_pid" 2>/dev/null' EXIT
read -r -t 10 -u "$output" line || give_up "the simulator does not say where it listens"
export SIMULATOR_URL=${line#Feishu simulator: }
[[ $SIMULATOR_URL == http://127.0.0.1:* ]] || give_up "the simulator says: $line"

failed=0
echo "== node SDK against $SIMULATOR_URL"
(cd "$cache/node" && node --test sdk.test.mjs) || failed=1
echo "== Python SDK against $SIMULATOR_URL"
(cd "$here" && PYTHONDONTWRITEBYTECODE=1 "$cache/python/bin/python" -m unittest -v test_sdk) || failed=1

if ((failed)); then
  echo "e2e/sdk: FAILED"
else
  echo "e2e/sdk: all passed"
fi
exit "$failed"
