#!/usr/bin/env bash
# Lets the gateway itself check the configuration, the keys and the secrets that the chart mounts, for each of
# its ci/*-values.yaml, and compares the chart's schema and values with the gateway's defaults.
# HELM and GATEWAY name other programs than those that are found or built.
#
# Exit code: 0 it takes them, 1 it does not, 2 it could not be run.

source "$(dirname "${BASH_SOURCE[0]}")/../suite.sh"
need python3 "${HELM:=helm}"
python_packages
if [[ -z ${GATEWAY:-} ]]; then
  need cargo
  cargo build --quiet --locked || give_up "it does not build"
  GATEWAY=$programs/feishu-forward-gateway
fi
chart=helm/feishu-forward-gateway
python=$cache/python/bin/python

# mount VALUES: lays out under $cache/mounted what the pods find in /etc/feishu-forward-gateway.
mount() {
  rm -rf "$cache/mounted"
  "$HELM" template gateway "$chart" --values "$1" | "$python" e2e/chart/config_check.py mount "$cache/mounted"
}

# Nothing of our environment may win over the file.
takes() { env -i "$GATEWAY" config check --config "$cache/mounted/gateway.toml"; }

failed=0
for values in "$chart"/ci/*-values.yaml; do
  echo "== $(basename "$values")"
  mount "$values" && takes >"$cache/effective.toml" || failed=1
done

echo "== a mistake in any of the files is found"
for file in gateway.toml keys/keys.toml; do
  mount "$chart/ci/default-values.yaml"
  echo 'typo = 1' >>"$cache/mounted/$file"
  said=$(takes 2>&1) && { echo "not one in $file"; failed=1; }
  [[ $said == *typo* ]] || { echo "of $file it says: $said"; failed=1; }
done
mount "$chart/ci/default-values.yaml"
: >"$cache/mounted/secrets/main/app_secret"
takes >/dev/null 2>&1 && { echo "not an empty secret"; failed=1; }
mount "$chart/ci/redis-values.yaml"
: >"$cache/mounted/state/password"
takes >/dev/null 2>&1 && { echo "not an empty password of Redis"; failed=1; }

echo "== the schema is closed and has the gateway's keys, values.yaml its defaults, Chart.yaml its version"
"$python" e2e/chart/config_check.py defaults "$chart" || failed=1

((failed)) && echo "e2e/chart/config_check.sh: FAILED" || echo "e2e/chart/config_check.sh: all passed"
exit "$failed"
