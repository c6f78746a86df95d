#!/usr/bin/env bash
# Shows which lines and regions (the parts of a line that are run or not, as of an `if`) of the core SEEDS (200) new
# histories reach. LLVM_PROFDATA names an llvm-profdata as new as the compiler's LLVM, beside its llvm-cov, if it is not
# that of `rustup component add llvm-tools`.

source "$(dirname "${BASH_SOURCE[0]}")/../suite.sh"
source benches/forward/profiling.sh
need cargo python3 rustc
profiler
coverage=${profdata/%profdata*/cov${profdata##*profdata}}
command -v "$coverage" >/dev/null || give_up "there is no $coverage beside $profdata"

# Only the tests are built so, and the simulation alone is run: what the other tests reach is not counted.
program=$(cargo rustc --locked --lib --profile test --message-format json -- -C instrument-coverage |
  sed -n 's/.*"executable":"\([^"]*\)".*/\1/p' | tail -n 1)
seen=$cache/seen
rm -rf "$seen" && mkdir "$seen"
LLVM_PROFILE_FILE=$seen/%p.profraw SEEDS=${SEEDS:-200} "$program" --quiet --ignored --exact --nocapture simulation::tests::simulate
"$profdata" merge --sparse --output "$seen/profdata" "$seen"/*.profraw
export=("$coverage" export --instr-profile "$seen/profdata" "$program")
"${export[@]}" --format lcov >"$seen/lines"
"${export[@]}" --skip-expansions --skip-functions >"$seen/regions"
python3 "$suite/coverage.py" "$seen/lines" "$seen/regions"
