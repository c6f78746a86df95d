#!/usr/bin/env bash
# Plants one fault after the other in a copy of the sources under target/, builds it, and simulates for FAULT_SECONDS (60
# if not set). Prints which faults are found, and after how many histories. FAULTS=01-* plants some only.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

seconds=${FAULT_SECONDS:-60}
export PLANTED=$PWD/target/planted RUSTC_WORKSPACE_WRAPPER=$PWD/e2e/simulate/planted.sh
mkdir -p "$PLANTED"
# The sources name files beside src.
for beside in *; do
  [[ $beside == src || $beside == target ]] || ln -sfn "$PWD/$beside" "$PLANTED/$beside"
done
missed=0
for patch in e2e/simulate/faults/${FAULTS:-*}.patch; do
  # Without the times of the sources: what is taken back has changed, too, and cargo must see that.
  rsync -r --checksum --delete src "$PLANTED/"
  says=$(head -n 1 "$patch")
  patch --quiet --no-backup-if-mismatch --strip 1 --directory "$PLANTED" <"$patch"
  if ! cargo test --quiet --locked --lib --no-run >"$PLANTED/build.log" 2>&1; then
    echo "does not build: $patch"
    tail -n 20 "$PLANTED/build.log"
    exit 1
  fi
  # One seed, so that the figures can be compared.
  if WHOLE=1 SEED=0x100000 SECONDS=$seconds cargo test --quiet --locked --lib -- \
    --ignored --exact --nocapture simulation::tests::simulate >"$PLANTED/run.log" 2>&1; then
    missed=$((missed + 1))
    result="not found in $(grep -o '^[0-9]* histories' "$PLANTED/run.log")"
  else
    seed=$(grep -oE '^seed 0x[0-9a-f]+ breaks' "$PLANTED/run.log" | head -n 1 | grep -oE '0x[0-9a-f]+')
    broken=$(grep -oE '^seed 0x[0-9a-f]+ breaks a promise: .*' "$PLANTED/run.log" | head -n 1 | cut -d: -f2-)
    result="found by history $((seed - 0x100000 + 1)):${broken}"
  fi
  printf '%-60s %s\n' "$says" "$result"
done
echo "$missed not found"
