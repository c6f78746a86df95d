# The recipe for Alertmanager: a real one gets alerts, and the simulator's ledger shows what it forwarded.

try_alertmanager() {
  echo "== alertmanager"
  start_gateway alertmanager
  # -u, because its log is read while it runs.
  MESSAGES=critical=om_critical,resolved=om_resolved \
    start adapter python3 -u "$examples/alertmanager/adapter.py" 0
  adapter=$(said adapter 'listening on \K\S+')
  # The example's configuration, but with the adapter's port and without the waiting.
  sed "s|http://127.0.0.1:9099/|$adapter|; s|group_wait: .*|group_wait: 0s|; s|group_interval: .*|group_interval: 10s|" \
    "$examples/alertmanager/alertmanager.yml" >"$cache/alertmanager.yml"
  rm -rf "$cache/alertmanager-data"
  start alertmanager "$cache/bin/alertmanager" --config.file="$cache/alertmanager.yml" \
    --storage.path="$cache/alertmanager-data" --web.listen-address=127.0.0.1:0 --cluster.listen-address=
  alertmanager=http://127.0.0.1:$(said alertmanager 'Listening on.*127\.0\.0\.1:\K\d+')

  alert oc_alerts critical
  comes 'a firing alert is forwarded' oc_alerts 1
  alert oc_alerts critical '"endsAt": "2020-01-01T00:00:00Z", '
  comes 'so is its end' oc_alerts 2
  expect 'with the message for it' test "$(messages_to oc_alerts)" = 'om_critical om_resolved '

  lose_answers
  alert oc_lost critical
  comes 'a lost answer does not lose the alert' oc_lost 1
  said adapter '503 feishu_unreadable' >/dev/null
  said adapter '200 om_critical went to \Koc_lost' >/dev/null
  expect 'though Alertmanager repeated it, it arrived once' test "$(delivered oc_lost)" = 1

  alert oc_code_230002 critical
  said adapter '422 bot_not_in_chat, fix by \Kchat_admin' >/dev/null
  alert oc_alerts unheard-of
  said adapter '400 no chat or no message' >/dev/null
  expect 'what has to be corrected is not repeated' test "$(grep -c '42[0-9] bot_not_in_chat' "$cache/adapter.log")" = 1

  gateways_own QuotaExhausted main
  gateways_own ForwardsFail main
  gateways_own ForwardsFail other
  hides "what stops an app hides that its forwards fail, and no other app's" '["main"]'
}

# gateways_own ALERT APP: one of the gateway's own alerts.
gateways_own() {
  curl -sSf "$alertmanager/api/v2/alerts" -H 'Content-Type: application/json' -d "[{\"labels\": {
    \"alertname\": \"FeishuGateway$1\", \"namespace\": \"n\", \"job\": \"g\", \"app\": \"$2\"}}]"
}

# hides WHAT APPS: of which apps FeishuGatewayForwardsFail is hidden.
hides() {
  local deadline=$((SECONDS + 60))
  until [[ $(hidden_apps) == "$2" ]] || ((SECONDS >= deadline)); do sleep 0.1; done
  expect "$1" test "$(hidden_apps)" = "$2"
}

hidden_apps() {
  curl -sSf "$alertmanager/api/v2/alerts" | jq -c '[.[] |
    select(.labels.alertname == "FeishuGatewayForwardsFail" and .status.state == "suppressed").labels.app]'
}

# alert CHAT SEVERITY [further members]
alert() {
  curl -sSf "$alertmanager/api/v2/alerts" -H 'Content-Type: application/json' -d "[{${3:-} \"labels\": {
    \"alertname\": \"DiskFull\", \"severity\": \"$2\", \"feishu_chat\": \"$1\"}}]"
}

# comes WHAT RECEIVER COUNT
comes() {
  local deadline=$((SECONDS + 60))
  until (($(delivered "$2") >= $3 || SECONDS >= deadline)); do sleep 0.1; done
  expect "$1" test "$(delivered "$2")" = "$3"
}
