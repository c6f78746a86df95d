#!/usr/bin/env bash
# Builds the program without `dev`, and laid out by release.profdata.xz, which knows what it does when it forwards
# (docs/performance.md). `build.sh build`, with what else cargo is to be told; RUSTFLAGS are heeded, and the program
# comes to target/TUPLE/release.
#
# The profile knows functions by names that change with the version of Rust, with dependencies and with the
# settings below; what it does not know is built as without it. `make profile` makes it anew.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# With a target, if only the host's own, flags are for the program and not for macros, which cannot be static.
export CARGO_BUILD_TARGET=host-tuple
read -ra flags <<<"${RUSTFLAGS:-}"
if [[ ${1:-} == --instrumented ]]; then
  shift
  flags+=(-C profile-generate)
else
  profile=$PWD/target/release.profdata
  mkdir -p target
  xz --decompress --stdout deploy/release.profdata.xz >"$profile.new"
  # As old as it was if it is the same, or cargo would build all of it again.
  if cmp -s "$profile.new" "$profile"; then rm "$profile.new"; else mv "$profile.new" "$profile"; fi
  flags+=(-C "profile-use=$profile" -C llvm-args=-no-pgo-warn-mismatch)
fi
# Unlike RUSTFLAGS it may hold a path with spaces.
CARGO_ENCODED_RUSTFLAGS=$(IFS=$'\x1f' && echo "${flags[*]}")
export CARGO_ENCODED_RUSTFLAGS

# cargo-auditable wraps the compiler for this project's crates alone, and cargo then gives their functions other
# names. Wrapped for all crates they keep those that the profile knows.
if [[ -n ${RUSTC_WORKSPACE_WRAPPER:-} ]]; then
  export RUSTC_WRAPPER=$RUSTC_WORKSPACE_WRAPPER
  unset RUSTC_WORKSPACE_WRAPPER CARGO
fi
exec cargo "$@" --locked --release --no-default-features
