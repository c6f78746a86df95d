#!/usr/bin/env bash
# Makes deploy/release.profdata.xz, by which the program of images is laid out, from what it does when it answers
# the requests that `make cost` counts. LLVM_PROFDATA names an llvm-profdata as new as the compiler's LLVM, if it is
# not that of `rustup component add llvm-tools`.

source "$(dirname "${BASH_SOURCE[0]}")/../../e2e/suite.sh"
source benches/forward/profiling.sh
need cargo openssl python3 rustc xz
profiler

# In a folder of its own, so that nothing else has to be built anew.
CARGO_TARGET_DIR=$cache/instrumented deploy/build.sh --instrumented build --quiet || give_up "it does not build"

seen=$cache/seen
rm -rf "$seen" && mkdir "$seen"
identity "$seen"
python3 -B "$suite/train.py" "$cache/instrumented/$tuple/release/feishu-forward-gateway" "$seen" \
  "$seen/feishu.pem" "$seen/authority.pem"

# Not --sparse: what was not run is to be built small.
"$profdata" merge --output "$seen/profdata" "$seen"/*.profraw
xz -9 --stdout "$seen/profdata" >"$seen/profdata.xz"
mv "$seen/profdata.xz" deploy/release.profdata.xz
ls -l deploy/release.profdata.xz
