#!/usr/bin/env bash
# Counts the instructions of one request in the program of release images, with callgrind, and holds
# them against budget.json: `run.sh write` writes that file instead.

source "$(dirname "${BASH_SOURCE[0]}")/../../.ci/suite.sh"
need valgrind callgrind_control python3

cargo build --quiet --locked --release --no-default-features
program=$(realpath -m "${CARGO_TARGET_DIR:-target}")/release/feishu-forward-gateway
python3 -B benches/forward/count.py "$program" "$cache" "$@"
