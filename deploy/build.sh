#!/usr/bin/env bash
# Builds the program as images hold it: static, without `dev`, and laid out by release.profdata.xz, which knows what
# it does when it forwards (docs/performance.md). `build.sh build`, with what else cargo is to be told; the program comes
# to target/TUPLE/release.
#
# The profile knows functions by names that change with the version of Rust, with dependencies and with these
# settings; what it does not know is built as without it. `make profile` makes it anew.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# With a target, if only the host's own, the flags are for the program and not for macros, which cannot be
# static.
export CARGO_BUILD_TARGET=host-tuple
export RUSTFLAGS='-C target-feature=+crt-static'
if [[ ${1:-} == --instrumented ]]; then
  shift
  RUSTFLAGS+=' -C profile-generate'
else
  mkdir -p target
  profile=$PWD/target/release.profdata
  xz --decompress --stdout deploy/release.profdata.xz >"$profile.new"
  # As old as it was if it is the same, or cargo would build all of it again.
  cmp --quiet "$profile.new" "$profile" || mv "$profile.new" "$profile"
  RUSTFLAGS+=" -C profile-use=$profile -C llvm-args=-no-pgo-warn-mismatch"
fi
# cargo-auditable wraps the compiler for this project's crates alone, for which cargo gives their functions
# other names. Wrapped for all crates they keep those that the profile knows.
if [[ -v RUSTC_WORKSPACE_WRAPPER ]]; then
  export RUSTC_WRAPPER=$RUSTC_WORKSPACE_WRAPPER
  unset RUSTC_WORKSPACE_WRAPPER CARGO
fi
exec cargo "$@" --locked --release --no-default-features
