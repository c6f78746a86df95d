#!/usr/bin/env bash
# Counts the instructions of one request in the program of release images, with callgrind, and holds
# them against budget.json: `run.sh write` writes that file instead.

source "$(dirname "${BASH_SOURCE[0]}")/../../e2e/suite.sh"
need cargo rustc valgrind callgrind_control python3 xz

deploy/build.sh build --quiet || give_up "it does not build"
python3 -B benches/forward/count.py "$(released)" "$cache" "$@"
