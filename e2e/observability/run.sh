#!/usr/bin/env bash
# Tests the alerts with promtool, and the alerts and the dashboard with a real Prometheus that scrapes a
# real gateway with mixed traffic and a Redis. The result of each query is in target/observability/results.txt.
#
# Exit code: 0 all as it should be, 1 something is not, 2 it could not be run.

source "$(dirname "${BASH_SOURCE[0]}")/../suite.sh"
need cargo curl python3 prometheus promtool redis-server
cargo build --quiet --locked --workspace || give_up "it does not build"

chart=helm/feishu-forward-gateway/files
export PYTHONDONTWRITEBYTECODE=1
failed=0

echo "== rules"
promtool check rules "$chart/alerts.yaml" || failed=1
promtool test rules e2e/observability/{alerts,slos}_test.yaml || failed=1

echo "== what belongs together"
python3 e2e/observability/files.py "$chart" docs/en/operations/runbook.md docs/examples/alertmanager/alertmanager.yml \
  e2e/observability/{alerts,slos}_test.yaml || failed=1

echo "== a gateway, and Prometheus"
start simulator "$programs/feishu-simulator" --listen 127.0.0.1:0
SIMULATOR_URL=$(said simulator 'Feishu simulator: \K.*')
# Redis takes port 0 for none.
redis=127.0.0.1:$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
start redis redis-server --bind 127.0.0.1 --port "${redis#*:}" --save '' --dir "$cache"
said redis 'Ready to accept connections' >/dev/null
new_key=$("$programs/feishu-forward-gateway" keys new traffic)
GATEWAY_KEY=$(grep -o 'ffg_.*' <<<"$new_key")
grep -o 'hash = .*' <<<"$new_key" | sed '1i [traffic]\nper_minute = 100000\nper_month = 1000000\nexpires_at = "2099-01-01T00:00:00Z"' >"$cache/keys.toml"
start gateway env \
  GATEWAY__SERVER__LISTEN=127.0.0.1:0 \
  GATEWAY__SERVER__ADMIN_LISTEN=127.0.0.1:0 \
  GATEWAY__FEISHU__BASE_URL="$SIMULATOR_URL" \
  GATEWAY__APPS__MAIN__APP_ID=cli_simulator \
  GATEWAY__APPS__MAIN__APP_SECRET=simulator-secret \
  GATEWAY__KEYS_FILE="$cache/keys.toml" \
  GATEWAY__STATE__URL="redis://$redis" \
  "$programs/feishu-forward-gateway" serve
GATEWAY_URL=http://$(said gateway '"listen":"\K[^"]+')
GATEWAY_ADMIN=$(said gateway '"admin":"\K[^"]+')

# A second gateway has a store app, because the simulator has one app.
start store-simulator "$programs/feishu-simulator" --listen 127.0.0.1:0 --tenant tenant_a
STORE_SIMULATOR=$(said store-simulator 'Feishu simulator: \K.*')
new_key=$("$programs/feishu-forward-gateway" keys new store)
STORE_KEY=$(grep -o 'ffg_.*' <<<"$new_key")
start store-gateway env \
  GATEWAY__SERVER__LISTEN=127.0.0.1:0 \
  GATEWAY__SERVER__ADMIN_LISTEN=127.0.0.1:0 \
  GATEWAY__FEISHU__BASE_URL="$STORE_SIMULATOR" \
  GATEWAY__APPS__CRM__TYPE=store \
  GATEWAY__APPS__CRM__APP_ID=cli_simulator \
  GATEWAY__APPS__CRM__APP_SECRET=simulator-secret \
  GATEWAY__APPS__CRM__VERIFICATION_TOKEN=simulator-verification-token \
  GATEWAY__KEYS__STORE__HASH="$(grep -oP 'hash = "\K[^"]+' <<<"$new_key")" \
  GATEWAY__KEYS__STORE__TENANT_KEY=tenant_a \
  "$programs/feishu-forward-gateway" serve
STORE_URL=http://$(said store-gateway '"listen":"\K[^"]+')
STORE_ADMIN=$(said store-gateway '"admin":"\K[^"]+')
curl -sSf "$STORE_SIMULATOR/_simulator/push_url" -d "{\"app_id\": \"cli_simulator\", \"url\": \"$STORE_URL/v1/events/crm\"}"
curl -sSf "$STORE_SIMULATOR/_simulator/push" -d '{"app_id": "cli_simulator", "push": "app_ticket"}'

cat >"$cache/prometheus.yaml" <<END
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: ["$PWD/$chart/alerts.yaml"]
scrape_configs: [{job_name: any, static_configs: [{targets: ["$GATEWAY_ADMIN", "$STORE_ADMIN"]}]}]
END
rm -rf "$cache/tsdb"
start prometheus prometheus --config.file="$cache/prometheus.yaml" --storage.tsdb.path="$cache/tsdb" \
  --web.listen-address=127.0.0.1:0
PROMETHEUS_URL=http://$(said prometheus 'msg="Listening on" address=\K\S+')
export GATEWAY_URL GATEWAY_ADMIN GATEWAY_KEY STORE_URL STORE_ADMIN STORE_KEY SIMULATOR_URL PROMETHEUS_URL
python3 e2e/observability/live.py "$chart" docs/en/operations/runbook.md >"$cache/results.txt" || failed=1
cat "$cache/results.txt"

echo "== promtool check metrics"
curl -sSf "http://$GATEWAY_ADMIN/metrics" | promtool check metrics || failed=1

((failed)) && echo "e2e/observability: FAILED" || echo "e2e/observability: all passed"
exit "$failed"
