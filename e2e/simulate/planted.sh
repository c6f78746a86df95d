#!/usr/bin/env bash
# What cargo calls instead of the compiler for faults.sh, which names the folder with the planted sources: compiles the
# gateway's own tests from there. All else, which the simulation only uses, is compiled as it is, and once.
set -euo pipefail

arguments=("$@")
if [[ " $* " == *' --crate-name feishu_forward_gateway '*' --test '* ]]; then
  arguments=("${arguments[@]/#src\/lib.rs/$PLANTED/src/lib.rs}")
fi
exec "${arguments[@]}"
