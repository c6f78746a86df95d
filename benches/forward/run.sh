#!/usr/bin/env bash
# Counts one request in the program of release images, with callgrind, and holds what it finds against budget.json:
# `run.sh write` counts the floor too, and writes that file instead.

source "$(dirname "${BASH_SOURCE[0]}")/../../e2e/suite.sh"
need cargo rustc valgrind callgrind_control python3 xz

# With the names of functions, by which calls are counted. They change nothing of the program's code.
RUSTFLAGS="${RUSTFLAGS:-} -C strip=none" deploy/build.sh build --quiet || give_up "it does not build"
floor=()
if [[ ${1:-} == write ]]; then
  floor=("$(benches/floor/build.sh)") || give_up "the floor does not build"
fi
python3 -B benches/forward/count.py "$(released)" "$cache" figures "${floor[@]}"
