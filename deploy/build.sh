#!/usr/bin/env bash
# Builds the program without `dev`, and laid out by release.profdata.xz, which knows what it does when it forwards
# (docs/en/design/performance.md). `build.sh build`, with what else cargo is to be told; RUSTFLAGS are heeded, and the program
# comes to target/TUPLE/release.
#
# The profile knows functions by names that change with the version of Rust, with dependencies and with the
# settings below; what it does not know is built as without it. `make profile` makes it anew.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# With a target, if only the host's own, flags are for the program and not for macros, which cannot be static.
export CARGO_BUILD_TARGET=host-tuple
# Of the image that is built, as docker and buildah name it.
case ${TARGETARCH:-} in
  '') tuple=$(rustc --print host-tuple) ;;
  amd64) tuple=x86_64-unknown-linux-gnu ;;
  arm64) tuple=aarch64-unknown-linux-gnu ;;
  *) echo "deploy/build.sh: nothing here compiles for $TARGETARCH" >&2; exit 2 ;;
esac
if [[ $tuple != "$(rustc --print host-tuple)" ]]; then
  CARGO_BUILD_TARGET=$tuple
  # Debian's cross compiler. The C of dependencies is compiled by it too: their build scripts look for this name.
  linker=CARGO_TARGET_${tuple^^}_LINKER
  export "${linker//-/_}=${tuple%%-*}-linux-gnu-gcc"
fi
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
# Panics and errors name places in sources, and those of dependencies by their whole paths.
flags+=("--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}/registry/src=crates" "--remap-path-prefix=$PWD=.")
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
