# deploy/systemd: what systemd says of the unit, and the program behind the unit's filters of system calls,
# which are made here as systemd makes them: that needs no systemd as process 1.

# Of 100, as `systemd-analyze security` measured it; the lower the better.
EXPOSURE=11

try_systemd() {
  local unit=deploy/systemd/feishu-forward-gateway.service files=$cache/systemd
  rm -rf "$files" && mkdir -p "$files/etc/credentials" "$files/state"

  echo "== systemd: the unit"
  sed "s#^ExecStart=\S*#ExecStart=$gateway#" "$unit" >"$files/feishu-forward-gateway.service"
  local found
  found=$(systemd-analyze verify "$files/feishu-forward-gateway.service" 2>&1) || failed=1
  expect "systemd finds nothing: $found" test -z "$found"
  systemd-analyze security --no-pager --offline=true --threshold=$EXPOSURE "$unit" >"$files/security" ||
    { grep -v '^✓' "$files/security"; failed=1; }
  tail -n 1 "$files/security"

  echo "== systemd: running behind the unit's filters"
  local simulator api admin key variables
  start systemd-simulator "$programs/feishu-simulator" --listen 127.0.0.1:0
  simulator=$(said systemd-simulator 'Feishu simulator: \K.*')
  # README's installation.
  cp deploy/systemd/gateway.toml "$files/etc/"
  sed -i "s#/etc/feishu-forward-gateway#$files/etc#; s#/var/lib/feishu-forward-gateway#$files/state#" "$files/etc/gateway.toml"
  expect 'broadcasts are where the unit may write' test "$(sed -n 's/^StateDirectory=//p' "$unit")" = \
    "$(sed -n 's#^path = "/var/lib/\([^/]*\)/.*#\1#p' deploy/systemd/gateway.toml)"
  echo simulator-secret >"$files/etc/credentials/app_secret"
  key=$("$gateway" keys new alerts | tee >(sed -n 's/^\[keys\./[/p; /^hash/p' >"$files/etc/keys.toml") | grep -o 'ffg_.*')
  mapfile -t variables < <(sed -n 's/^Environment=//p' "$unit" |
    sed "s#/etc/feishu-forward-gateway#$files/etc#; s#%d#$files/etc/credentials#")
  expect 'the sample is right' env "${variables[@]}" "$gateway" config check >"$files/effective.toml"

  start systemd-gateway env "${variables[@]}" GATEWAY__FEISHU__BASE_URL="$simulator" \
    GATEWAY__APPS__MAIN__APP_ID=cli_simulator GATEWAY__SERVER__LISTEN=127.0.0.1:0 GATEWAY__SERVER__ADMIN_LISTEN=127.0.0.1:0 \
    python e2e/deploy/filtered.py "$unit" "$gateway" serve
  local process=$!
  api=$(said systemd-gateway '"listen":"\K[^"]+')
  admin=$(said systemd-gateway '"admin":"\K[^"]+')
  expect 'it gets ready' within 90 "$gateway" health --url "http://$admin"
  expect 'it forwards' curl -sSf -o "$files/answer" "http://$api/v1/messages/om_1/forward" \
    -H "X-API-Key: $key" -H 'Content-Type: application/json' -d '{"receive_id": "oc_1"}'
  curl -sSf "http://$admin/metrics" >"$files/metrics"
  expect 'its metrics know its files and its start' test "$(grep -cE '^process_(open_fds|max_fds|start_time_seconds) [1-9]' "$files/metrics")" = 3
  expect 'its open files suffice' grep -q 'feishu_gateway_connections_limit{listener="public"} 4096' "$files/metrics"
  kill "$process"
  expect 'it ends as it should' wait "$process"

  # The filters themselves: what the unit forbids fails there, and works without.
  local attempt
  for attempt in 'import mmap; mmap.mmap(-1, 4096, prot=7)' 'import os; os.nice(1)' 'import socket; socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)'; do
    expect "may be done elsewhere: $attempt" python -c "$attempt"
    expect "may not be done: $attempt" fails python e2e/deploy/filtered.py "$unit" python -c "$attempt" 2>>"$files/refused"
  done
}
