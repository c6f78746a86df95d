#!/usr/bin/env bash
# Lints the OpenAPI document in both languages with redocly and spectral; whatever they find fails.
#
# Exit code: 0 they find nothing, 1 they do, 2 it could not be run.

source "$(dirname "${BASH_SOURCE[0]}")/../suite.sh"
need node npm python3
node_packages
export REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true

redocly() { "$cache/node/node_modules/.bin/redocly" lint --config e2e/openapi/redocly.yaml --max-problems 1000 "$1"; }
spectral() {
  "$cache/node/node_modules/.bin/spectral" lint --ruleset e2e/openapi/spectral.yaml --fail-severity hint "$1"
}

failed=0
for document in openapi/openapi.json openapi/openapi.zh.json; do
  for linter in redocly spectral; do
    echo "== $linter: $document"
    "$linter" "$document" || failed=1
  done
done

echo "== an example that does not fit its schema is found"
python3 - "$cache/broken.json" <<'END'
import json, sys
document = json.load(open("openapi/openapi.json"))
forward = document["paths"]["/v1/messages/{message_id}/forward"]["post"]
content = forward["responses"]["401"]["content"]["application/problem+json"]
content["examples"]["unauthorized"]["value"]["fix_by"] = "somebody"
json.dump(document, open(sys.argv[1], "w"))
END
for linter in redocly spectral; do
  found=$("$linter" "$cache/broken.json" 2>&1) && { echo "$linter does not find it"; failed=1; }
  [[ $found == *fix_by* ]] || { echo "$linter says: $found"; failed=1; }
done

((failed)) && echo "e2e/openapi: FAILED" || echo "e2e/openapi: all passed"
exit "$failed"
