#!/usr/bin/env bash
# Generates a TypeScript, a Python and a Go client from openapi/openapi.json into target/clients and lets
# each forward a message, a merge and a thread through `dev` and read problems. No generator may warn.
#
# Exit code: 0 all work, 1 some do not, 2 they could not be run.

source "$(dirname "${BASH_SOURCE[0]}")/../suite.sh"
need cargo node npm python3 go
node_packages
python_packages
go_tool e2e/clients/go github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen
cargo build --quiet --locked || give_up "it does not build"

document=$PWD/openapi/openapi.json
start dev "$programs/feishu-forward-gateway" dev --listen 127.0.0.1:0
GATEWAY_URL=$(said dev 'Swagger UI +\K.*(?=/docs/)')
GATEWAY_KEY=$(said dev 'API key +\K\S+')
export GATEWAY_URL GATEWAY_KEY

# Whatever COMMAND… says on standard error is a warning.
silent() {
  local said
  { said=$("$@" 2>&1 >&3); } 3>&1 || { echo "$said"; return 1; }
  [[ -z $said ]] || { echo "it warns: $said"; return 1; }
}

typescript() {
  cp e2e/clients/{forward.ts,tsconfig.json} "$cache/node/"
  cd "$cache/node"
  silent node_modules/.bin/openapi-typescript "$document" --output gateway.ts
  node_modules/.bin/tsc --project .
  node forward.js
}

python() {
  rm -rf "$cache/python-client"
  mkdir "$cache/python-client"
  cp e2e/clients/forward.py "$cache/python-client/"
  cd "$cache/python-client"
  # It runs ruff.
  export PATH=$cache/python/bin:$PATH
  silent openapi-python-client generate --path "$document" --meta none --output-path gateway --fail-on-warning
  # Its client.py is the same for every document, and not strict.
  mypy --strict --follow-imports=silent --no-error-summary --cache-dir "$cache/mypy" \
    forward.py gateway/api gateway/models
  python3 forward.py
}

go_client() {
  rm -rf "$cache/go"
  cp -r e2e/clients/go "$cache/go"
  cd "$cache/go"
  mkdir gateway
  silent "$cache/bin/oapi-codegen" -config oapi-codegen.yaml -o gateway/gateway.go "$document"
  retried go vet ./...
  go build -o forward .
  ./forward
}

failed=0
for client in typescript python go_client; do
  echo "== $client"
  set +e
  (set -e; "$client")
  (($?)) && failed=1
  set -e
done

((failed)) && echo "e2e/clients: FAILED" || echo "e2e/clients: all passed"
exit "$failed"
