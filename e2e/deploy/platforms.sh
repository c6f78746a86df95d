#!/usr/bin/env bash
# Looks at what deploy/build.sh has cargo build for the architectures of images, with a cargo that only says it.
#
# Exit code: 0 it is right, 1 it is not, 2 it could not be run.

source "$(dirname "${BASH_SOURCE[0]}")/../suite.sh"
need rustc xz

host=$(rustc --print host-tuple)
mkdir -p "$cache/stub"
cat >"$cache/stub/cargo" <<'END'
#!/bin/sh
env | grep -E '^CARGO_(BUILD_TARGET|TARGET_[A-Z0-9_]*_LINKER)=' | sort | paste -sd ' '
END
chmod +x "$cache/stub/cargo"

failed=0
# built ARCHITECTURE: the target and the linker.
built() { env -u RUSTC_WORKSPACE_WRAPPER PATH="$cache/stub:$PATH" TARGETARCH="$1" deploy/build.sh build; }
own='CARGO_BUILD_TARGET=host-tuple'
arm='CARGO_BUILD_TARGET=aarch64-unknown-linux-gnu CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc'
amd='CARGO_BUILD_TARGET=x86_64-unknown-linux-gnu CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER=x86_64-linux-gnu-gcc'
case $host in
  x86_64-unknown-linux-gnu) amd=$own ;;
  aarch64-unknown-linux-gnu) arm=$own ;;
  *) give_up "it knows nothing of images for $host" ;;
esac
expect 'without one it is for this machine' test "$(built '')" = "$own"
expect 'amd64 is what it says' test "$(built amd64)" = "$amd"
expect 'so is arm64' test "$(built arm64)" = "$arm"
expect 'another one is refused' fails built riscv64 2>/dev/null

((failed)) && echo "e2e/deploy/platforms.sh: FAILED" || echo "e2e/deploy/platforms.sh: all passed"
exit "$failed"
