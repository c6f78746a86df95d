#!/usr/bin/env bash
# Simulates with one fault of e2e/simulate/faults.txt after the other, for FAULT_SECONDS (60 if not set) at most, and
# prints which ones are found, after how many histories. FAULTS='new-uuid fast-app' plants some only. All of them are in
# one build, of a copy of the sources with faults.patch: FAULT says which one a process has.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

export PLANTED=$PWD/target/planted RUSTC_WORKSPACE_WRAPPER=$PWD/e2e/simulate/planted.sh
mkdir -p "$PLANTED"
# The sources name files beside src.
for beside in *; do
  [[ $beside == src || $beside == target ]] || ln -sfn "$PWD/$beside" "$PLANTED/$beside"
done
rm -rf "$PLANTED/new" && mkdir "$PLANTED/new"
cp -r src "$PLANTED/new/"
patch --quiet --no-backup-if-mismatch --strip 1 --directory "$PLANTED/new" <e2e/simulate/faults.patch
# What stays as it was keeps its time, so that cargo builds nothing anew without need.
rsync --recursive --checksum --delete "$PLANTED/new/src" "$PLANTED/"
program=$(cargo test --locked --lib --no-run --message-format json |
  sed -n 's/.*"executable":"\([^"]*\)".*/\1/p' | tail -n 1)

# One seed, so that the figures can be compared.
first=0x100000
missed=0
while IFS=$'\t' read -r fault says; do
  [[ -z ${FAULTS:-} || " $FAULTS " == *" $fault "* ]] || continue
  log=$PLANTED/$fault.log
  if FAULT=$fault WHOLE=1 SEED=$first SECONDS=${FAULT_SECONDS:-60} "$program" \
    --ignored --exact --nocapture simulation::tests::simulate >"$log" 2>&1; then
    missed=$((missed + 1))
    result="not found in $(grep -o '^[0-9]* histories in [0-9.]* s' "$log")"
  else
    broken=$(grep -m 1 '^seed .* breaks a promise: ' "$log") || { cat "$log"; exit 1; }
    seed=$(cut -d ' ' -f 2 <<<"$broken")
    result="found by history $((seed - first + 1)): ${broken#*promise: }"
  fi
  printf '%-72s %s\n' "$says" "$result"
done <e2e/simulate/faults.txt
echo "$missed not found"
