#!/usr/bin/env bash
# Makes what a release consists of, for this machine's architecture, in target/dist:
#
#   the static program with its completions and man pages, its SBOM (CycloneDX), the image, the chart, SHA256SUMS
#
# The program is linked statically with glibc: it runs on any Linux of this architecture, and finds names by files and DNS.
# Program and SBOM are those of the image, which deploy/Dockerfile builds. All times are that of the commit, so the same
# commit gives the same files: `dist.sh --twice` builds all of it once more from nothing, and compares.
#
# Exit code: 0 made, 1 it is not as it should be, 2 it could not be run.

source "$(dirname "${BASH_SOURCE[0]}")/../e2e/suite.sh"
need cargo git go jq readelf tar gzip sha256sum
git diff --quiet HEAD || give_up "there are changes without a commit, which a release cannot name"
source e2e/image/buildah.sh
source e2e/chart/tools.sh
chart_tools helm.sh/helm/v3/cmd/helm

version=$(cargo metadata --locked --no-deps --format-version 1 |
  jq --raw-output '.packages[] | select(.name == "feishu-forward-gateway").version')
machine=$(uname -m)
name=feishu-forward-gateway-$version
out=$PWD/target/dist
failed=0

# archive FOLDER NAME: FOLDER/NAME as a compressed archive that depends on names and contents only.
archive() {
  tar --create --directory "$1" --sort=name --format=gnu --mode=u+rw,go+r,go-w --owner=0 --group=0 --numeric-owner \
    --mtime="@$committed" "$2" | gzip --no-name --best
}

# documented FOLDER: the commands that the manual in FOLDER lists.
documented() { tr -d '\\' <"$1/man1/feishu-forward-gateway.1" | sed -n 's/^feishu-forward-gateway-\(.*\)(1)$/\1/p'; }

# make_all BUILD…: fills $out; the command builds localhost/gateway.
make_all() {
  local made=$cache/dist container root program
  rm -rf "$out" "$made"
  mkdir -p "$out" "$made/$name" "$made/chart"

  echo "== image"
  "$@" --timestamp "$committed" >"$cache/build.log" 2>&1 ||
    { tail -n 50 "$cache/build.log"; exit 1; }
  buildah push --quiet localhost/gateway \
    "docker-archive:$made/image.tar:feishu-forward-gateway:$version" >"$cache/push.log" 2>&1 ||
    { cat "$cache/push.log"; exit 1; }
  gzip --no-name --best <"$made/image.tar" >"$out/$name-image-$machine.tar.gz"

  echo "== program"
  container=$(buildah from --pull-never localhost/gateway)
  root=$(buildah mount "$container")
  program=$made/$name/feishu-forward-gateway
  cp "$root/usr/local/bin/feishu-forward-gateway" LICENSE "$made/$name/"
  cp "$root/usr/share/sbom/feishu-forward-gateway.cdx.json" "$out/$name-$machine.cdx.json"
  buildah rm --all >/dev/null
  expect 'the program is static: it needs no loader and no library' \
    fails grep -E 'INTERP|NEEDED' <(readelf --program-headers --dynamic --wide "$program")
  expect 'it runs here and says its version' test "$("$program" --version)" = "feishu-forward-gateway $version"
  cargo run --quiet --locked --example manual -- "$made/$name" || exit 1
  expect 'the completions are for bash' bash -n "$made/$name/completions/feishu-forward-gateway.bash"
  expect 'manual and program have the same commands' \
    diff <(documented "$made/$name") <("$program" help | sed -n '/^  help /d; s/^  \([a-z-]*\)  .*/\1/p')
  archive "$made" "$name" >"$out/$name-$machine-linux-static.tar.gz"

  echo "== chart"
  helm package "$chart" --destination "$made/chart" >/dev/null
  # Helm writes the time of the packaging into it.
  tar --extract --touch --directory "$made/chart" --file "$made/chart/$(basename "$chart")-"*.tgz
  archive "$made/chart" "$(basename "$chart")" >"$out/$name-chart.tgz"
  expect 'helm reads the chart' test "$(helm show chart "$out/$name-chart.tgz" | grep ^version:)" = "version: $version"

  (cd "$out" && sha256sum -- * >"$made/SHA256SUMS" && mv "$made/SHA256SUMS" .)
}

make_all build_image
if [[ ${1:-} == --twice ]]; then
  rm -rf "$cache/first"
  cp -r "$out" "$cache/first"
  echo "== once more, from nothing"
  make_all build --no-cache --tag localhost/gateway
  expect 'the second build is the first one' diff "$cache/first/SHA256SUMS" "$out/SHA256SUMS"
fi
ls -l "$out"
exit "$failed"
