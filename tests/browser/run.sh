#!/usr/bin/env bash
# Tries the Swagger UI of `dev` in Chromium; screenshots are left in target/browser.
#
# Exit code: 0 all tests passed, 1 some failed, 2 they could not be run.

source "$(dirname "${BASH_SOURCE[0]}")/../../.ci/suite.sh"
need cargo node npm chromium
node_packages
cargo build --quiet --locked || give_up "it does not build"

start dev "$programs/feishu-forward-gateway" dev --listen 127.0.0.1:0
PAGE_URL=$(said dev 'Swagger UI +\K\S+')
GATEWAY_KEY=$(said dev 'API key +\K\S+')
SIMULATOR_URL=$(said dev 'Simulator +\K.*(?=/_simulator/)')
export PAGE_URL GATEWAY_KEY SIMULATOR_URL SCREENSHOTS=$cache CHROMIUM=$(command -v chromium)

cp tests/browser/*.test.mjs "$cache/node/"
cd "$cache/node"
node --test docs.test.mjs
