#!/usr/bin/env bash
# The unit tests that need a Redis, with real ones: all of them with one server, and those of the limits that
# replicas share also with TLS, with Sentinel and in a cluster. Then `config check --connect` with each, and a gateway
# that runs while its certificates and its password change.
#
# Exit code: 0 all passed, 1 some failed, 2 they could not be run.

source "$(dirname "${BASH_SOURCE[0]}")/../suite.sh"
need cargo cc curl openssl python3 redis-cli redis-server

# serve NAME OPTION…: starts a Redis that keeps nothing on disk.
serve() {
  # A server of a cluster remembers the other servers.
  rm -rf "${cache:?}/$1"
  mkdir "$cache/$1"
  start "$1" redis-server --bind 127.0.0.1 --save '' --appendonly no --dir "$cache/$1" "${@:2}"
}

# serve_still NAME OPTION…: the same, and `stand_still NAME…` stops its wall clock.
serve_still() {
  head -c 8 /dev/zero >"$cache/$1.at"
  STILL_AT=$cache/$1.at LD_PRELOAD=$cache/still.so serve "$@"
}
stand_still() {
  local name
  # In place, because the server has mapped the file.
  for name; do
    python3 -c 'import sys, time; sys.stdout.buffer.write(int(time.time() * 1e6).to_bytes(8, "little"))' 1<>"$cache/$name.at"
  done
}

# up PORT OPTION…: waits until the server there answers.
up() {
  local deadline=$((SECONDS + 60))
  until redis-cli -p "$@" ping 2>/dev/null | grep -q PONG; do
    ((SECONDS < deadline)) || give_up "redis-server does not start"
    sleep 0.05
  done
}

# tests NAME URL OPTION…: runs the tests that the options choose. There must be some: a test that is moved or
# renamed is not to be lost here.
tests() {
  local said=$cache/tests.log
  echo "== unit tests: $1"
  TEST_STATE_URL=$2 cargo test --quiet --locked --lib -- "${@:3}" 2>&1 | tee "$said" &&
    grep -q '^test result: ok. [1-9]' "$said" || { echo "FAILED: $1"; failed=1; }
}

failed=0
cargo test --quiet --locked --lib --no-run || give_up "it does not build"
cc -shared -fPIC -o "$cache/still.so" e2e/replicas/still.c || give_up "e2e/replicas/still.c does not compile"

one=$(free_port)
serve one --port "$one"
up "$one"
# All that have a Redis. Without TEST_STATE_URL they have a simulated one.
tests 'one server' "redis://127.0.0.1:$one" redis shared replicas caller_budgets --skip limits::tests
echo "== the simulated Redis"
TEST_STATE_URL=redis://127.0.0.1:$one cargo test --quiet --locked -p simulated-redis -- --ignored || failed=1

# The tests of the limits have a time of their own, which Redis takes from them: a key that expired by Redis' own
# time would be missing. Those of the limits in memory are run with Redis too.
still=$(free_port)
serve_still still --port "$still"
up "$still"
stand_still still
tests 'one server, limits' "redis://127.0.0.1:$still" limits::tests

ca=$cache/certificates
mkdir -p "$ca"
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=ca -keyout "$ca/ca.key" -out "$ca/ca.crt" 2>/dev/null
openssl req -newkey rsa:2048 -nodes -subj /CN=redis -keyout "$ca/redis.key" -out "$ca/redis.csr" 2>/dev/null
openssl x509 -req -in "$ca/redis.csr" -CA "$ca/ca.crt" -CAkey "$ca/ca.key" -days 2 \
  -extfile <(echo subjectAltName=IP:127.0.0.1) -out "$ca/redis.crt" 2>/dev/null
tls=$(free_port)
serve_still tls --port 0 --tls-port "$tls" --tls-auth-clients no \
  --tls-cert-file "$ca/redis.crt" --tls-key-file "$ca/redis.key" --tls-ca-cert-file "$ca/ca.crt"
up "$tls" --tls --cacert "$ca/ca.crt"
stand_still tls
SSL_CERT_FILE=$ca/ca.crt tests TLS "rediss://127.0.0.1:$tls" limits::tests::sharing

sentinel=$(free_port)
mkdir -p "$cache/sentinel"
printf 'sentinel monitor main 127.0.0.1 %s 1\n' "$still" >"$cache/sentinel/sentinel.conf"
start sentinel redis-server "$cache/sentinel/sentinel.conf" --sentinel --bind 127.0.0.1 --port "$sentinel"
up "$sentinel"
tests Sentinel "redis+sentinel://127.0.0.1:$sentinel/main" limits::tests::sharing

cluster=() nodes=''
for number in 1 2 3; do
  cluster[number]=$(free_port)
  serve_still "cluster-$number" --port "${cluster[number]}" --cluster-enabled yes --cluster-port "$(free_port)"
  up "${cluster[number]}"
  nodes+=",127.0.0.1:${cluster[number]}"
done
redis-cli --cluster create $(tr , ' ' <<<"$nodes") --cluster-yes >"$cache/cluster.log" ||
  give_up "the cluster cannot be made: see $cache/cluster.log"
# Each server learns by itself that the cluster is complete.
for port in "${cluster[@]}"; do
  until redis-cli -p "$port" cluster info | grep -q cluster_state:ok; do sleep 0.1; done
done
stand_still cluster-{1,2,3}
tests 'a cluster' "redis+cluster://${nodes#,}" limits::tests::sharing

echo "== config check --connect"
cargo build --quiet --locked || give_up "it does not build"
# check URL [KEY=VALUE…]: whether the Redis is of use with these keys of [state]. Prints what the check says.
check() {
  local said code
  # On a machine that is busy an answer may be late.
  for _ in {1..20}; do
    said=$(check_once "$@") && code=0 || code=$?
    [[ $said == *'no answer within'* ]] || break
  done
  echo "$said"
  return "$code"
}
check_once() (
  url=$1
  shift
  for pair; do export "GATEWAY__STATE__$pair"; done
  # A CA that signed no server here, in place of the machine's.
  export SSL_CERT_FILE=$ca/other.crt
  GATEWAY__STATE__URL=$url GATEWAY__APPS__MAIN__APP_ID=cli_a GATEWAY__APPS__MAIN__APP_SECRET=secret \
    "$programs/feishu-forward-gateway" config check --connect 2>&1
)
# usable_redis WHAT URL [KEY=VALUE…]
usable_redis() {
  local said
  said=$(check "${@:2}") || { echo "FAILED: $1: $said"; failed=1; }
}
# refused_redis WHY URL [KEY=VALUE…]: the check says why, which is a pattern, and no password.
refused_redis() {
  local said
  said=$(check "${@:2}") && { echo "FAILED: usable, without a reason $1"; failed=1; }
  grep -qP "^state.url: the gateway cannot use this Redis: .*($1)" <<<"$said" || { echo "FAILED: not for $1: $said"; failed=1; }
  if [[ $said == *hush* ]]; then echo "FAILED: $said"; failed=1; fi
}
usable_redis 'one server' "redis://127.0.0.1:$one"
refused_redis refused "redis://127.0.0.1:$(free_port)"

guarded=$(free_port)
serve guarded --port "$guarded" --requirepass hush
up "$guarded" -a hush --no-auth-warning
usable_redis 'a password' "redis://127.0.0.1:$guarded" PASSWORD=hush
refused_redis WRONGPASS "redis://127.0.0.1:$guarded" PASSWORD=hushed
refused_redis NOAUTH "redis://127.0.0.1:$guarded"

follows=$(free_port)
serve follows --port "$follows" --replicaof "127.0.0.1 $one"
up "$follows"
refused_redis READONLY "redis://127.0.0.1:$follows"

openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=other -keyout "$ca/other.key" -out "$ca/other.crt" 2>/dev/null
openssl req -newkey rsa:2048 -nodes -subj /CN=gateway -keyout "$ca/client.key" -out "$ca/client.csr" 2>/dev/null
openssl x509 -req -in "$ca/client.csr" -CA "$ca/ca.crt" -CAkey "$ca/ca.key" -days 2 \
  -extfile <(echo extendedKeyUsage=clientAuth) -out "$ca/client.crt" 2>/dev/null
knows=$(free_port)
serve knows --port 0 --tls-port "$knows" --tls-auth-clients yes \
  --tls-cert-file "$ca/redis.crt" --tls-key-file "$ca/redis.key" --tls-ca-cert-file "$ca/ca.crt"
client=(CERT_FILE="$ca/client.crt" KEY_FILE="$ca/client.key")
up "$knows" --tls --cacert "$ca/ca.crt" --cert "$ca/client.crt" --key "$ca/client.key"
usable_redis 'a CA of ours' "rediss://127.0.0.1:$tls" CA_FILE="$ca/ca.crt"
refused_redis 'UnknownIssuer|unknown issuer' "rediss://127.0.0.1:$tls"
usable_redis 'a client certificate' "rediss://127.0.0.1:$knows" CA_FILE="$ca/ca.crt" "${client[@]}"
refused_redis '[Cc]ertificate ?[Rr]equired' "rediss://127.0.0.1:$knows" CA_FILE="$ca/ca.crt"

watches=$(free_port)
mkdir -p "$cache/watches"
printf 'sentinel monitor main 127.0.0.1 %s 1\nrequirepass hush\n' "$one" >"$cache/watches/sentinel.conf"
start watches redis-server "$cache/watches/sentinel.conf" --sentinel --bind 127.0.0.1 --port "$watches"
up "$watches" -a hush --no-auth-warning
usable_redis "a Sentinel's password" "redis+sentinel://127.0.0.1:$watches/main" SENTINEL_PASSWORD=hush
refused_redis 'WRONGPASS' "redis+sentinel://127.0.0.1:$watches/main" SENTINEL_PASSWORD=hushed
refused_redis 'NOAUTH|master' "redis+sentinel://127.0.0.1:$watches/main"

echo "== rotation"
turns=$(free_port) admin=$(free_port)
as_client=(--tls --cacert "$ca/ca.crt" --cert "$ca/client.crt" --key "$ca/client.key" --no-auth-warning)
serve turns --port 0 --tls-port "$turns" --tls-auth-clients yes --requirepass hush \
  --tls-cert-file "$ca/redis.crt" --tls-key-file "$ca/redis.key" --tls-ca-cert-file "$ca/ca.crt"
up "$turns" "${as_client[@]}" -a hush
files=$cache/rotating
mkdir -p "$files"
cp "$ca/other.crt" "$files/ca.crt"
echo hush >"$files/password"
start gateway env GATEWAY__SERVER__LISTEN=127.0.0.1:0 GATEWAY__SERVER__ADMIN_LISTEN="127.0.0.1:$admin" \
  GATEWAY__FEISHU__BASE_URL=http://127.0.0.1:1 GATEWAY__APPS__MAIN__APP_ID=cli_a GATEWAY__APPS__MAIN__APP_SECRET=secret \
  GATEWAY__STATE__URL="rediss://127.0.0.1:$turns" GATEWAY__STATE__PASSWORD_FILE="$files/password" \
  GATEWAY__STATE__CA_FILE="$files/ca.crt" GATEWAY__STATE__CERT_FILE="$ca/client.crt" \
  GATEWAY__STATE__KEY_FILE="$ca/client.key" "$programs/feishu-forward-gateway" serve
# until_so CLAIM COMMAND…: waits until the command succeeds.
until_so() {
  local deadline=$((SECONDS + 60))
  until "${@:2}"; do
    ((SECONDS < deadline)) || { echo "FAILED: not so: $1"; failed=1; return; }
    sleep 0.2
  done
}
# shows METRIC VALUE
shows() { curl -s "http://127.0.0.1:$admin/metrics" | grep -q "^feishu_gateway_$1 $2$"; }
is_connected() {
  redis-cli -p "$turns" "${as_client[@]}" -a "$1" client list | grep -qv 'cmd=client'
}
until_so 'it runs' shows secrets_last_reload_successful 1
expect 'another CA is not trusted' shows state_up 0
cp "$ca/ca.crt" "$files/ca.crt"
until_so 'the new CA is trusted' shows state_up 1
echo garbage >"$files/ca.crt"
until_so 'a broken file shows' shows secrets_last_reload_successful 0
redis-cli -p "$turns" "${as_client[@]}" -a hush config set requirepass hushed >/dev/null
echo hushed >"$files/password"
cp "$ca/ca.crt" "$files/ca.crt"
until_so 'both are read' shows secrets_last_reload_successful 1
redis-cli -p "$turns" "${as_client[@]}" -a hushed client kill type normal >/dev/null
until_so 'it connects with the new password' is_connected hushed
until_so 'it works with Redis again' shows state_up 1

exit "$failed"
