#!/usr/bin/env bash
# Writes the pictures in docs/images from the pages of `dev` in Chromium, with the fonts of this machine.

source "$(dirname "${BASH_SOURCE[0]}")/../suite.sh"
need fc-list
[[ $(fc-list :lang=zh-cn) ]] || give_up "no font has Chinese characters (fonts-noto-cjk has)"
source e2e/browser/dev.sh

export PICTURES=$PWD/docs/images
mkdir -p "$PICTURES"
cd "$cache/node"
node --test screenshots.mjs
