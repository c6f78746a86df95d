#!/usr/bin/env bash
# Builds the floor as deploy/build.sh and `make profile` build the gateway, laid out by a profile of its own forwards, and
# prints where it is. A profile that was made once is used until benches/floor or the gateway's Cargo.lock changes.
# LLVM_PROFDATA: as for `make profile`.

source "$(dirname "${BASH_SOURCE[0]}")/../../e2e/suite.sh"
source benches/forward/profiling.sh
need cargo openssl rustc python3 sha256sum
profiler

# built FOLDER FLAGS…: with the versions of the gateway, and cargo leaves out of Cargo.lock what the floor does not need.
built() {
  local folder=$cache/$1
  shift
  cp Cargo.lock "$suite/Cargo.lock"
  # As deploy/build.sh: with a target, flags are for the program alone.
  CARGO_ENCODED_RUSTFLAGS=$(IFS=$'\x1f' && echo "$*") CARGO_BUILD_TARGET=$tuple CARGO_TARGET_DIR=$folder \
    cargo build --manifest-path "$suite/Cargo.toml" --release --quiet >&2 || give_up "it does not build"
}

of=$(cat Cargo.lock "$suite/Cargo.toml" "$suite/src/main.rs" "$suite/train.py" <(rustc -vV) | sha256sum)
if [[ $(cat "$cache/profile.of" 2>/dev/null) != "$of" ]]; then
  rm -rf "$cache/seen" && mkdir "$cache/seen"
  built instrumented -C profile-generate
  identity "$cache/seen"
  python3 -B "$suite/train.py" "$cache/instrumented/$tuple/release/floor" "$cache/seen" \
    "$cache/seen/feishu.pem" "$cache/seen/authority.pem" >&2
  "$profdata" merge --output "$cache/profile" "$cache/seen"/*.profraw
  echo "$of" >"$cache/profile.of"
fi
built laid-out -C "profile-use=$cache/profile" -C llvm-args=-no-pgo-warn-mismatch -C strip=none
echo "$cache/laid-out/$tuple/release/floor"
