#!/usr/bin/env bash
# Plants one fault after the other in a copy of the sources under target/, builds it, and simulates for FAULT_SECONDS (60
# if not set). Prints which faults are found, and after how many histories. FAULTS=01-* plants some only.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

seconds=${FAULT_SECONDS:-60}
copy=target/planted/tree
mkdir -p "$copy"
missed=0
for patch in e2e/simulate/faults/${FAULTS:-*}.patch; do
  rsync -a --checksum --delete --exclude /target --exclude /.git ./ "$copy/"
  says=$(head -n 1 "$patch")
  (cd "$copy" && patch --quiet --no-backup-if-mismatch --strip 1 <"$OLDPWD/$patch")
  # One seed, so that the figures can be compared.
  if ! (cd "$copy" && CARGO_TARGET_DIR=../build cargo test --quiet --locked --lib --no-run) >target/planted/build.log 2>&1; then
    echo "does not build: $patch"
    tail -n 20 target/planted/build.log
    exit 1
  fi
  if (cd "$copy" && WHOLE=1 SEED=0x100000 SECONDS=$seconds CARGO_TARGET_DIR=../build cargo test --quiet --locked --lib -- \
    --ignored --exact --nocapture simulation::tests::simulate) >target/planted/run.log 2>&1; then
    missed=$((missed + 1))
    result="not found in $(grep -o '^[0-9]* histories' target/planted/run.log)"
  else
    seed=$(grep -oE '^seed 0x[0-9a-f]+ breaks' target/planted/run.log | head -n 1 | grep -oE '0x[0-9a-f]+')
    broken=$(grep -oE '^seed 0x[0-9a-f]+ breaks a promise: .*' target/planted/run.log | head -n 1 | cut -d: -f2-)
    result="found by history $((seed - 0x100000 + 1)):${broken}"
  fi
  printf '%-60s %s\n' "$says" "$result"
done
echo "$missed not found"
