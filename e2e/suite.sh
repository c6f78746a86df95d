# What the suites of e2e and of benches share; `source` it first. A suite builds what it runs, keeps what it installs
# and what it leaves (logs, screenshots) under target/NAME, and ends every process that it started.

set -euo pipefail

suite=$(dirname "$(realpath "$0")")
cd "$(dirname "${BASH_SOURCE[0]}")/.."
suite=$(realpath --relative-to=. "$suite")
cache=$PWD/target/$(basename "$suite")
programs=$(realpath -m "${CARGO_TARGET_DIR:-target}")/debug
mkdir -p "$cache"

# All requests go to loopback, past any proxy.
export NO_PROXY=127.0.0.1 no_proxy=127.0.0.1

# Suites never skip. One that cannot run says why, with another exit code than that of a failed test.
give_up() {
  echo "$suite cannot run: $1" >&2
  exit 2
}

need() {
  local program
  for program; do
    command -v "$program" >/dev/null || give_up "$program is not installed"
  done
}

# retried COMMAND…: for what fetches from a server without repeating it itself: five times, a minute and a half in all.
retried() {
  local pause
  for pause in 2 8 20 60; do
    "$@" && return
    echo "failed, again in $pause s: $*" >&2
    sleep "$pause"
  done
  "$@"
}

# expect CLAIM COMMAND…: says what is not so, and sets `failed`. The command's output may be redirected; the claim's
# goes to the suite's own output all the same.
exec 3>&1
expect() {
  local claim=$1
  shift
  "$@" || { echo "  not so: $claim" >&3; failed=1; }
}
fails() { ! "$@"; }

# Where deploy/build.sh puts the program.
released() {
  realpath -m "${CARGO_TARGET_DIR:-target}/$(rustc --print host-tuple)/release/feishu-forward-gateway"
}

# python_packages [FOLDER]: installs Python packages, those of a folder of the suite or its own, into
# target/NAME/python, once, and again when what is pinned changes.
python_packages() {
  local pinned=$suite/${1:-.}/requirements.txt
  cmp -s "$pinned" "$cache/python/installed" && return
  python3 -m venv --clear "$cache/python" || give_up "python3 cannot make a virtual environment"
  "$cache/python/bin/pip" install --quiet --disable-pip-version-check -r "$pinned" ||
    give_up "pip cannot install $pinned"
  cp "$pinned" "$cache/python/installed"
}

# node_packages [FOLDER]: the same for node, which finds packages only beside the program. So suites run a copy of
# their program from target/NAME/node.
node_packages() {
  local pinned=$suite/${1:-.}
  mkdir -p "$cache/node"
  cp "$pinned/"{package.json,package-lock.json,.npmrc} "$cache/node/"
  cmp -s "$pinned/package-lock.json" "$cache/node/installed" && return
  npm --prefix "$cache/node" ci --ignore-scripts --no-audit --no-fund --loglevel=error ||
    give_up "npm cannot install $pinned/package-lock.json"
  cp "$pinned/package-lock.json" "$cache/node/installed"
}

# go_tool FOLDER PACKAGE: builds into target/NAME/bin a program that FOLDER/go.mod names as a tool. A newer Go than
# the one here comes from the module proxy.
go_tool() {
  go_settings
  (cd "$1" && retried go build -o "$cache/bin/" "$2") || give_up "$2 of $1/go.mod does not build"
}

go_settings() {
  [[ $(go env GOVERSION) =~ ^go1\.(2[1-9]|[3-9]) ]] || give_up "go is too old to fetch a newer one: 1.21 is needed"
  export GOTOOLCHAIN=auto
  export GOFLAGS='-mod=readonly -modcacherw -buildvcs=false' GOWORK=off
}

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

started=()
# end_started [SIGNAL]
end_started() {
  local running
  # Not all that were started: the system may have given the number of one that has ended to another process.
  mapfile -t running <<<"$(jobs -rp)"
  [[ ${running[0]} ]] || return 0
  kill -"${1:-TERM}" "${running[@]}" 2>/dev/null || true
  wait "${running[@]}" 2>/dev/null || true
}
trap end_started EXIT

# start NAME COMMAND…: starts it in the background, with its output in NAME.log.
start() {
  local log=$cache/$1.log
  shift
  # Emptied here and not in the background, so that `said` cannot read what an earlier run has left.
  : >"$log"
  "$@" >"$log" 2>&1 &
  started+=($!)
}

# said NAME REGEX: waits until NAME has printed a match, and prints what it has after \K.
said() {
  local log=$cache/$1.log deadline=$((SECONDS + 60))
  until grep -m 1 -oP "$2" "$log"; do
    ((SECONDS < deadline)) || give_up "$1 does not say $2: $(cat "$log")"
    sleep 0.05
  done
}
