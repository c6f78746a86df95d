#!/usr/bin/env bash
# Several real gateways, one real Redis and one simulator: whatever becomes of Redis and of replicas, the
# simulator's ledger never has more than Feishu allows. `run.sh NAME…` runs these scenarios only.
#
# Exit code: 0 all as it should be, 1 something is not, 2 it could not be run.

source "$(dirname "${BASH_SOURCE[0]}")/../suite.sh"
need cargo cc python3 redis-server
cargo build --quiet --locked --workspace || give_up "it does not build"
# What programs said the last time is not what they say now.
folder=$cache/scenarios
rm -rf "$folder" && mkdir "$folder"
for preload in clock stepped; do
  cc -shared -fPIC -o "$folder/$preload.so" "e2e/replicas/$preload.c" || give_up "e2e/replicas/$preload.c does not compile"
done

failed=0
# What is shared has tests of its own; `run.sh NAME…` leaves them out.
(($#)) || e2e/replicas/suite.sh || failed=1
PYTHONDONTWRITEBYTECODE=1 python3 e2e/replicas/main.py "$programs" "$folder" "$@" || failed=1

((failed)) && echo "e2e/replicas: FAILED" || echo "e2e/replicas: all passed"
exit "$failed"
