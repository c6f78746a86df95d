#!/usr/bin/env bash
# Checks deploy/: kustomize's overlays, the compose file, the systemd unit and build.sh, and runs what can be run
# without a cluster, a container engine and an init system.
#
# Exit code: 0 all holds, 1 something does not, 2 it could not be run.

source "$(dirname "${BASH_SOURCE[0]}")/../suite.sh"
need cargo curl go jq prometheus promtool python3 redis-server systemd-analyze
python_packages
# What programs said the last time is not what they say now.
rm -f "$cache"/*.log
go_tool e2e/deploy sigs.k8s.io/kustomize/kustomize/v5
cargo build --quiet --locked --workspace || give_up "it does not build"
gateway=$programs/feishu-forward-gateway
export PATH=$cache/python/bin:$cache/bin:$PATH PYTHONDONTWRITEBYTECODE=1

failed=0

# within SECONDS COMMAND…: tries until it succeeds.
within() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < deadline)) || return 1
    sleep 0.2
  done
}

source e2e/deploy/kustomize.sh
source e2e/deploy/compose.sh
source e2e/deploy/systemd.sh
try_kustomize
try_compose
try_systemd
echo "== build.sh, for other architectures"
e2e/deploy/platforms.sh || failed=1

((failed)) && echo "e2e/deploy: FAILED" || echo "e2e/deploy: all passed"
exit "$failed"
