#!/usr/bin/env bash
# Lints what GitHub runs, .github/workflows, by actionlint, and sees that each action is named by a commit, which nobody
# can move, and not by a tag.
#
# Exit code: 0 nothing found, 1 something was, 2 it could not be run.

source "$(dirname "${BASH_SOURCE[0]}")/../suite.sh"
need go
go_tool e2e/workflows github.com/rhysd/actionlint/cmd/actionlint

failed=0
echo "== actionlint"
# Without what it would also run where it happens to be installed.
"$cache/bin/actionlint" -color=false -shellcheck= -pyflakes= .github/workflows/*.yml || failed=1

echo "== actions by commit"
expect 'each action is named by a commit, with its version behind it' \
  fails grep -nP '^\s*-?\s*uses: (?!\./)(?!\S+@[0-9a-f]{40} # v[0-9.]+$)' .github/workflows/*.yml

((failed)) && echo "e2e/workflows: FAILED" || echo "e2e/workflows: all passed"
exit "$failed"
