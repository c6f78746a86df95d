#!/usr/bin/env bash
# Reads the pages and uses the Swagger UI of `dev` in Chromium; screenshots are left in target/browser.
#
#   e2e/browser/run.sh [options of `node --test`]
#
# Exit code: 0 all tests passed, 1 some failed, 2 they could not be run.

source "$(dirname "${BASH_SOURCE[0]}")/../suite.sh"
need cargo node npm chromium
node_packages
cargo build --quiet --locked || give_up "it does not build"

start dev "$programs/feishu-forward-gateway" dev --listen 127.0.0.1:0
GATEWAY_URL=$(said dev 'Swagger UI +\K.*(?=/docs/)')
GATEWAY_KEY=$(said dev 'API key +\K\S+')
ADMIN_URL=$(said dev 'Metrics +\K.*(?=/metrics)')
SIMULATOR_URL=$(said dev 'Simulator +\K.*(?=/_simulator/)')
export GATEWAY_URL GATEWAY_KEY ADMIN_URL SIMULATOR_URL SCREENSHOTS=$cache CHROMIUM=$(command -v chromium)

# One font on every machine: whether a page fits a phone depends on it. Chinese characters are boxes.
export FONTCONFIG_FILE=$cache/fonts.conf
cat >"$FONTCONFIG_FILE" <<END
<fontconfig>
  <dir>$cache/node/node_modules/dejavu-fonts-ttf/ttf</dir>
  <cachedir>$cache/fonts</cachedir>
  <alias binding="same"><family>monospace</family><prefer><family>DejaVu Sans Mono</family></prefer></alias>
  <match><edit name="family" mode="append_last"><string>DejaVu Sans</string></edit></match>
</fontconfig>
END

rm -rf "$cache/node/"*.mjs "$cache/node/console" "$cache/"*.png
cp e2e/browser/*.mjs "$cache/node/"
# The modules of the console that need no browser are tested without one.
cp -r src/api/docs/console "$cache/node/"
cd "$cache/node"
# One file after the other: they share the limits of one app.
node --test --test-concurrency=1 "$@" ./*.test.mjs
