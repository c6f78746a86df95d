# deploy/compose: what can be said of the files, and then the same set-up without containers, each program with
# the very files that it has mounted.

try_compose() {
  local files=$cache/compose
  rm -rf "$files" && mkdir "$files"

  echo "== compose: the files"
  expect 'hadolint finds nothing' hadolint deploy/compose/simulator.Dockerfile
  expect 'it is a compose file' check-jsonschema --builtin-schema vendor.compose-spec deploy/compose/compose.yaml
  # Lays out SERVICE/PATH for each file that a container mounts.
  expect 'they agree' python e2e/deploy/compose.py deploy/compose/compose.yaml "$files"

  echo "== compose: running"
  local simulator redis arguments prometheus
  start simulator "$programs/feishu-simulator" --public --listen 127.0.0.1:0
  simulator=$(said simulator 'Feishu simulator: http://\K.*')

  # Redis takes port 0 for none.
  redis=127.0.0.1:$(python -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  mapfile -t arguments <"$files/redis.arguments"
  start redis redis-server --bind 127.0.0.1 --port "${redis#*:}" --dir "$files" "${arguments[@]}"
  local redis_process=$!
  said redis 'Ready to accept connections' >/dev/null

  local replica
  local -A process api admin
  for replica in gateway gateway-2; do
    within_files "$replica" simulator:8090 "$simulator" redis:6379 "$redis"
    start "compose-$replica" env GATEWAY_CONFIG="$files/$replica/etc/feishu-forward-gateway/gateway.toml" \
      GATEWAY__SERVER__LISTEN=127.0.0.1:0 GATEWAY__SERVER__ADMIN_LISTEN=127.0.0.1:0 GATEWAY__LOG__FORMAT=json \
      "$gateway" serve
    process[$replica]=$!
    api[$replica]=$(said "compose-$replica" '"listen":"\K[^"]+')
    admin[$replica]=$(said "compose-$replica" '"admin":"\K[^"]+')
  done

  within_files prometheus gateway:9090 "${admin[gateway]}" gateway-2:9090 "${admin[gateway-2]}"
  expect 'promtool finds nothing' promtool check config "$files/prometheus/etc/prometheus/prometheus.yml"
  start prometheus prometheus --config.file="$files/prometheus/etc/prometheus/prometheus.yml" \
    --storage.tsdb.path="$files/prometheus/prometheus" --web.listen-address=127.0.0.1:0
  prometheus=$(said prometheus 'msg="Listening on".* address=\K\S+')

  for replica in gateway gateway-2; do
    expect "$replica gets healthy" within 90 "$gateway" health --url "http://${admin[$replica]}"
    expect "$replica counts in Redis" within 90 shows "$replica" 'feishu_gateway_state_up 1'
  done
  # README's curl, as it is pasted.
  sed -n '/^curl -i/,/^```/ { /^```/q; p }' deploy/compose/README.md >"$files/curl.sh"
  sed "s/127.0.0.1:8080/${api[gateway-2]}/" "$files/curl.sh" >"$files/curl-2.sh"
  sed -i "s/127.0.0.1:8080/${api[gateway]}/" "$files/curl.sh"
  bash "$files/curl.sh" >"$files/answer" 2>"$files/curl.err" || { cat "$files/curl.err"; failed=1; }
  expect "README's curl is answered 200: $(head -n 1 "$files/answer")" grep -q '^HTTP/1.1 200' "$files/answer"
  expect 'it arrives' test "$(curl -sS "http://$simulator/_simulator/ledger" | jq '.deliveries | length')" = 1
  expect 'its turn was taken in Redis' shows gateway 'feishu_gateway_state_requests_total{operation="take",result="ok"} [1-9]'
  expect 'Prometheus sees both replicas' within 90 holds 'count(up{job="feishu-forward-gateway"} == 1) == 2'
  expect 'Prometheus sees the forward' within 90 holds 'feishu_gateway_upstream_requests_total{api="forward"} > 0'
  expect 'no rule fails' test -z "$(curl -sS "http://$prometheus/api/v1/rules" |
    jq -r '.data.groups[].rules[] | select(.lastError) | "\(.name): \(.lastError)"')"

  for replica in gateway gateway-2; do
    sed "/^curl/s/-X POST/& -H 'Idempotency-Key: one'/; s/${api[gateway]}/${api[$replica]}/" "$files/curl.sh" >"$files/curl-key.sh"
    bash "$files/curl-key.sh" >"$files/answer-$replica" 2>/dev/null || failed=1
  done
  expect 'one replica fetched the token for both' test "$(curl -sS "http://${admin[gateway]}/metrics" "http://${admin[gateway-2]}/metrics" |
    awk '/^feishu_gateway_upstream_requests_total{api="tenant_access_token",/ { calls += $2 } END { print calls }')" = 1
  expect 'a repetition is replayed by the other replica' grep -qi '^idempotency-replayed: true' "$files/answer-gateway-2"
  expect 'it arrives once' test "$(curl -sS "http://$simulator/_simulator/ledger" | jq '.deliveries | length')" = 2

  kill "$redis_process"
  for replica in gateway gateway-2; do
    expect "$replica notices that Redis is gone" within 90 shows "$replica" 'feishu_gateway_state_up 0'
  done
  expect 'the second replica forwards without Redis' grep -q '^HTTP/1.1 200' <(bash "$files/curl-2.sh" 2>/dev/null)

  kill "${process[@]}"
  expect 'without the gateway an alert is pending' within 90 holds 'ALERTS{alertname="FeishuGatewayDown"}'
}

# within_files SERVICE NAME ADDRESS NAME ADDRESS: the addresses and paths of a container become those of this machine.
within_files() {
  find "$files/$1" -type f -exec sed -i "s#$2#$3#; s#$4#$5#; s#/etc/#$files/$1/etc/#g" {} +
}

# shows REPLICA REGEX: a line of its metrics is that.
shows() { grep -qx "$2" <(curl -sS "http://${admin[$1]}/metrics"); }

# holds QUERY: Prometheus has an answer to it.
holds() {
  curl -sS "http://$prometheus/api/v1/query" --data-urlencode "query=$1" | jq -e '.data.result | length > 0' >/dev/null
}
