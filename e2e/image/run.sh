#!/usr/bin/env bash
# Builds deploy/Dockerfile without a container engine or a registry, looks into the image, and runs it.
#
# Exit code: 0 all holds, 1 something does not, 2 it could not be run.

source "$(dirname "${BASH_SOURCE[0]}")/../suite.sh"
need cargo curl jq python3 readelf objcopy unshare setpriv valgrind
source e2e/image/buildah.sh
python_packages

# At once: while .ci/run builds the image, other suites begin to run the simulator.
cargo build --quiet --locked --package feishu-simulator || give_up "it does not build"

failed=0

echo "== hadolint"
"$cache/python/bin/hadolint" deploy/Dockerfile || failed=1

echo "== build"
build_image >"$cache/build.log" 2>&1 || { tail -n 50 "$cache/build.log"; exit 1; }
buildah rmi --prune >/dev/null

container=$(buildah from --pull-never localhost/gateway)
root=$(buildah mount "$container")
program=$root/usr/local/bin/feishu-forward-gateway

echo "== what is in it"
size() { du --summarize --apparent-size --block-size=1 "$1" | cut -f1; }
bytes=$(size "$root")
echo "  $bytes bytes unpacked, of which the program is $(size "$program")"
expect 'it is under 25 MB' test "$bytes" -lt 25000000
programs_in() { find "$root" -type f -exec sh -c 'head -c 4 "$1" | grep -q "^.ELF"' - {} \; -print; }
expect 'the program is the only one: no shell' test "$(programs_in)" = "$program"
expect 'nothing runs with the rights of others' test -z "$(find "$root" -type f -perm /6000)"
expect 'nothing may be written by everybody, but for sticky directories' \
  test -z "$(find "$root" ! -type l -perm -2 ! -perm -1000)"
expect 'it names no folder of the build' fails grep --text --quiet --extended-regexp \
  '/cargo/registry|/[.]cargo/|/src/src/|/src/target/' "$program"
expect 'it has no command `dev`' fails grep -E '^ +dev ' <<<"$("$program" help)"
objcopy --dump-section ".dep-v0=$cache/dep-v0" "$program" "$cache/copy" &&
  python3 e2e/image/sbom.py "$root/usr/share/sbom/feishu-forward-gateway.cdx.json" "$cache/dep-v0" || failed=1
expect 'it is laid out by the profile: it takes no more instructions than `make release` may' \
  python3 -B benches/forward/count.py "$program" "$cache"
expect 'the SBOM comes alone too' cmp "$root/usr/share/sbom/feishu-forward-gateway.cdx.json" \
  "$(buildah mount "$(buildah from --pull-never localhost/sbom)")/feishu-forward-gateway.cdx.json"
# Of what came after the stubs were built, all but the program itself was there.
compiled_late() { sed '1,/RUN touch src/d' "$cache/build.log" | grep Compiling; }
expect 'dependencies have a layer of their own' fails grep -v ' feishu-forward-gateway ' < <(compiled_late)

echo "== what its configuration says"
version=$(cargo metadata --locked --no-deps --format-version 1 |
  jq --raw-output '.packages[] | select(.name == "feishu-forward-gateway").version')
diff <(jq --sort-keys <<END
{
  "User": "65532:65532",
  "ExposedPorts": {"8080/tcp": {}, "9090/tcp": {}},
  "StopSignal": "SIGTERM",
  "Entrypoint": ["/usr/local/bin/feishu-forward-gateway"],
  "Cmd": ["serve"],
  "Healthcheck": ["CMD", "/usr/local/bin/feishu-forward-gateway", "health"],
  "Version": "$version",
  "Revision": "$revision",
  "Licenses": "Apache-2.0"
}
END
) <(buildah inspect --type image localhost/gateway | jq --sort-keys '.Docker.config | {
  User, ExposedPorts, StopSignal, Entrypoint, Cmd, Healthcheck: .Healthcheck.Test,
  Version: .Labels["org.opencontainers.image.version"],
  Revision: .Labels["org.opencontainers.image.revision"],
  Licenses: .Labels["org.opencontainers.image.licenses"]}') || failed=1

echo "== run as container engines run it"
# An engine makes these two if they are not there, and mounts its own over them.
touch "$root/etc/hosts" "$root/etc/resolv.conf"
echo '127.0.0.1 gateway.test' >"$cache/hosts"
echo 'nameserver 127.53.53.53' >"$cache/resolv.conf"
enter=(e2e/image/enter.sh "$root" "$cache/hosts" "$cache/resolv.conf")
health() { "${enter[@]}" /usr/local/bin/feishu-forward-gateway health --url "http://gateway.test:$1"; }

start names python3 e2e/image/names.py 127.53.53.53 feishu.test
said names ready >/dev/null
start simulator "$programs/feishu-simulator" --listen 127.0.0.1:0
simulator=$(said simulator 'Feishu simulator: \K.*')
new_key=$("$program" keys new image)
start gateway "${enter[@]}" \
  GATEWAY__SERVER__LISTEN=127.0.0.1:0 \
  GATEWAY__SERVER__ADMIN_LISTEN=127.0.0.1:0 \
  GATEWAY__SERVER__DRAIN_TIMEOUT=5s \
  GATEWAY__FEISHU__BASE_URL="http://feishu.test:${simulator##*:}" \
  GATEWAY__APPS__TEST__APP_ID=cli_simulator \
  GATEWAY__APPS__TEST__APP_SECRET=simulator-secret \
  GATEWAY__KEYS__IMAGE__HASH="$(grep -oP 'hash = "\K[^"]+' <<<"$new_key")" \
  /usr/local/bin/feishu-forward-gateway serve
pid=${started[-1]}
gateway=http://$(said gateway '"listen":"\K[^"]+')
admin=$(said gateway '"admin":"\K[^"]+')

deadline=$((SECONDS + 60))
until health "${admin##*:}" >"$cache/health.log" 2>&1; do
  ((SECONDS < deadline)) || { cat "$cache/health.log" "$cache/gateway.log"; exit 1; }
  sleep 0.2
done
# Nothing listens on port 1.
expect 'health fails where there is no gateway' fails health 1 2>"$cache/health.log"
status() { grep -P "^$1:\s+$2" "/proc/$pid/status" >/dev/null; }
expect 'it is not root' status Uid '65532\s+65532\s+65532\s+65532'
expect 'it has no capability' status CapPrm '0+$'
expect 'it may write nowhere' grep -qP '^\S+ \S+ \S+ \S+ / ro,' "/proc/$pid/mountinfo"
expect 'its metrics tell what was built' \
  grep -qF "revision=\"$revision\"" <<<"$(curl -sSf "http://$admin/metrics")"

answer=$(curl -sS --write-out '\n%{http_code}' "$gateway/v1/messages/om_1/forward" --json '{"receive_id": "oc_1"}' \
  --header "X-API-Key: $(grep -o 'ffg_.*' <<<"$new_key")")
expect "a message is forwarded: $answer" test "${answer##*$'\n'}" = 200
expect 'it arrived' test 1 = \
  "$(curl -sSf "$simulator/_simulator/ledger" | jq '[.deliveries[] | select(.receive_id == "oc_1")] | length')"
expect 'the name of Feishu was asked for' grep -q 'asked feishu.test' "$cache/names.log"

kill -TERM "$pid"
expect 'it ends within the time to drain' timeout 5 tail --pid="$pid" --follow /dev/null
expect 'it ends well' wait "$pid"

((failed)) && echo "e2e/image: FAILED" || echo "e2e/image: all passed"
exit "$failed"
