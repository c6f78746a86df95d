#!/usr/bin/env bash
# Compares the gateway with nginx as a plain proxy, with the floor of benches/floor and with wrappers on Feishu's own SDKs, and writes
# docs/en/design/benchmarks.md. Settings, from the environment:
#   BENCH_SECONDS  how long each measured span is (5)
#   BENCH_ROUNDS   how often each is repeated (5)
#   ONLY           sections, with commas between them: these are printed, and nothing is written
#
# Exit code: 0 measured, 1 a figure is not valid, 2 it could not be run.

source "$(dirname "${BASH_SOURCE[0]}")/../../e2e/suite.sh"
source benches/forward/profiling.sh
need cargo curl rustc nginx node npm openssl python3 redis-server taskset wrk xz
oha_version=1.16.0
tools=$PWD/target/tools

if [[ ! -e $tools/oha-$oha_version ]]; then
  cargo install --locked --quiet --root "$tools" "oha@$oha_version" ||
    give_up "oha does not build"
  touch "$tools/oha-$oha_version"
fi
# The program as images hold it.
deploy/build.sh build --quiet || give_up "it does not build"
floor=$(benches/floor/build.sh) || give_up "the floor does not build"
identity "$cache"
python_packages python
node_packages node
cp "$suite/node/server.mjs" "$cache/node/"

export PYTHONDONTWRITEBYTECODE=1
exec python3 "$suite/bench.py" "$(released)" "$floor" "$tools/bin/oha" "$cache"
