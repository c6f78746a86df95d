#!/usr/bin/env bash
# Makes deploy/release.profdata.xz, by which the program of images is laid out, from what it does when it answers
# the requests that `make cost` counts. LLVM_PROFDATA names an llvm-profdata as new as the compiler's LLVM, if it is
# not that of `rustup component add llvm-tools`.

source "$(dirname "${BASH_SOURCE[0]}")/../../.ci/suite.sh"
need python3 xz
tuple=$(rustc --print host-tuple)
profdata=${LLVM_PROFDATA:-$(rustc --print sysroot)/lib/rustlib/$tuple/bin/llvm-profdata}
[[ -x $profdata ]] || give_up "there is no $profdata: rustup component add llvm-tools, or set LLVM_PROFDATA"

seen=$cache/seen
rm -rf "$seen" && mkdir "$seen"
# In a folder of its own, so that nothing else has to be built anew.
CARGO_TARGET_DIR=$cache/instrumented deploy/build.sh --instrumented build --quiet || give_up "it does not build"
python3 -B "$suite/train.py" "$cache/instrumented/$tuple/release/feishu-forward-gateway" "$seen"
# Not --sparse: what was not run is to be built small.
"$profdata" merge --output "$seen/profdata" "$seen"/*.profraw
xz -9 --stdout "$seen/profdata" >deploy/release.profdata.xz
ls -l deploy/release.profdata.xz
