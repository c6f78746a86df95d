# deploy/compose: what can be said of the files, and then the same set-up without containers, each program with
# the very files that it has mounted.

try_compose() {
  local files=$cache/compose
  rm -rf "$files" && mkdir "$files"

  echo "== compose: the files"
  expect 'hadolint finds nothing' hadolint deploy/compose/simulator.Dockerfile
  expect 'it is a compose file' check-jsonschema --builtin-schema vendor.compose-spec deploy/compose/compose.yaml
  # Lays out SERVICE/PATH for each file that a container mounts.
  expect 'they agree' python tests/deploy/compose.py deploy/compose/compose.yaml "$files"

  echo "== compose: running"
  local simulator api admin prometheus
  start simulator "$programs/feishu-simulator" --public --listen 127.0.0.1:0
  simulator=$(said simulator 'Feishu simulator: http://\K.*')

  within_files gateway simulator:8090 "$simulator"
  start compose-gateway env GATEWAY_CONFIG="$files/gateway/etc/feishu-forward-gateway/gateway.toml" \
    GATEWAY__SERVER__LISTEN=127.0.0.1:0 GATEWAY__SERVER__ADMIN_LISTEN=127.0.0.1:0 GATEWAY__LOG__FORMAT=json \
    "$gateway" serve
  local gateway_process=$!
  api=$(said compose-gateway '"listen":"\K[^"]+')
  admin=$(said compose-gateway '"admin":"\K[^"]+')

  within_files prometheus gateway:9090 "$admin"
  expect 'promtool finds nothing' promtool check config "$files/prometheus/etc/prometheus/prometheus.yml"
  start prometheus prometheus --config.file="$files/prometheus/etc/prometheus/prometheus.yml" \
    --storage.tsdb.path="$files/prometheus/prometheus" --web.listen-address=127.0.0.1:0
  prometheus=$(said prometheus 'msg="Listening on".* address=\K\S+')

  expect 'the gateway gets healthy' within 10 "$gateway" health --url "http://$admin"
  # README's curl, as it is pasted.
  sed -n '/^curl/,/^```/ { /^```/d; p }' deploy/compose/README.md >"$files/curl.sh"
  sed -i "s/127.0.0.1:8080/$api/" "$files/curl.sh"
  bash "$files/curl.sh" >"$files/answer" 2>"$files/curl.err" || { cat "$files/curl.err"; failed=1; }
  expect "README's curl is answered 200: $(head -n 1 "$files/answer")" grep -q '^HTTP/1.1 200' "$files/answer"
  expect 'it arrives' test "$(curl -sS "http://$simulator/_simulator/ledger" | jq '.deliveries | length')" = 1
  expect 'Prometheus sees the gateway' within 20 holds 'up{job="feishu-forward-gateway"} == 1'
  expect 'Prometheus sees the forward' within 20 holds 'feishu_gateway_upstream_requests_total{api="forward"} > 0'
  expect 'no rule fails' test -z "$(curl -sS "http://$prometheus/api/v1/rules" |
    jq -r '.data.groups[].rules[] | select(.lastError) | "\(.name): \(.lastError)"')"

  kill "$gateway_process"
  expect 'without the gateway an alert is pending' within 30 holds 'ALERTS{alertname="FeishuGatewayDown"}'
}

# within_files SERVICE NAME ADDRESS: the addresses and paths of a container become those of this machine.
within_files() {
  find "$files/$1" -type f -exec sed -i "s#$2#$3#; s#/etc/#$files/$1/etc/#g" {} +
}

# holds QUERY: Prometheus has an answer to it.
holds() {
  curl -sS "http://$prometheus/api/v1/query" --data-urlencode "query=$1" | jq -e '.data.result | length > 0' >/dev/null
}
