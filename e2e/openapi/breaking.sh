#!/usr/bin/env bash
# Compares openapi/openapi.json with openapi/released.json, the document of the last release: what breaks
# callers has to be named in CHANGELOG.md.
#
# Exit code: 0 nothing unnamed breaks, 1 something does, 2 it could not be run.

source "$(dirname "${BASH_SOURCE[0]}")/../suite.sh"
need go python3
go_tool e2e/openapi github.com/oasdiff/oasdiff
export OASDIFF=$cache/bin/oasdiff PYTHONDONTWRITEBYTECODE=1

failed=0
echo "== the check itself"
(cd e2e/openapi && python3 -m unittest test_breaking) || failed=1
echo "== openapi/openapi.json against the last release's"
python3 e2e/openapi/breaking.py "$OASDIFF" openapi/released.json openapi/openapi.json CHANGELOG.md || failed=1

((failed)) && echo "e2e/openapi/breaking.sh: FAILED" || echo "e2e/openapi/breaking.sh: nothing breaks unnamed"
exit "$failed"
