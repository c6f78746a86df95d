#!/usr/bin/env bash
# Builds the program of the commit that e2e/upgrade/from names, and has it and this checkout's share a Redis and hand
# over a SQLite file, forwards and back. UPGRADE_FROM names another commit to begin with.
#
# Exit code: 0 all as it should be, 1 something is not, 2 it could not be run.

source "$(dirname "${BASH_SOURCE[0]}")/../suite.sh"
need cargo git redis-server tar

named=${UPGRADE_FROM:-$(<e2e/upgrade/from)}
commit=$(git rev-parse --verify --quiet "$named^{commit}") || {
  [[ -z ${UPGRADE_FROM:-} ]] || give_up "commit $UPGRADE_FROM is not in this clone"
  echo "== Commit $named is not in this clone, which is shallow (git fetch --unshallow). What is committed last replaces itself, which proves less."
  commit=$(git rev-parse HEAD)
}

# By its commit, so that cargo, which goes by the age of files, never takes one for another.
old=$cache/$commit
if ! [[ -x $old/feishu-forward-gateway ]]; then
  rm -rf "$old"
  mkdir -p "$old/source"
  git archive "$commit" | tar --extract --directory "$old/source"
  # In the target directory of this checkout, which has the dependencies of both.
  CARGO_TARGET_DIR=${programs%/debug} cargo build --quiet --locked --manifest-path "$old/source/Cargo.toml" ||
    give_up "commit $commit does not build"
  # The next build puts its own program in that place.
  cp "$programs/feishu-forward-gateway" "$old/"
fi

echo "== from $commit"
OLD_PROGRAM=$old/feishu-forward-gateway cargo test --quiet --locked --test prove -- upgrade
