#!/usr/bin/env bash
# Reads the pages and uses the Swagger UI of `dev` in Chromium; screenshots are left in target/browser.
#
#   e2e/browser/run.sh [options of `node --test`]
#
# Exit code: 0 all tests passed, 1 some failed, 2 they could not be run.

source "$(dirname "${BASH_SOURCE[0]}")/../suite.sh"
source e2e/browser/dev.sh

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

rm -rf "$cache/node/console" "$cache/"*.png
# The modules of the console that need no browser are tested without one.
cp -r src/api/docs/console "$cache/node/"
cd "$cache/node"
# One file after the other: they share the limits of one app.
node --test --test-concurrency=1 "$@" ./*.test.mjs
