#!/usr/bin/env bash
# Builds the site of docs/ into target/docs, in English and Chinese, and checks all links: those of the site, and those
# between the repository's own pages. What leads to the internet is not followed.
#
# Exit code: 0 the site is built and all links lead somewhere, 1 they do not, 2 it could not be run.

source "$(dirname "${BASH_SOURCE[0]}")/../suite.sh"
need git jq mdbook node npm python3
node_packages
node=$cache/node/node_modules
site=$PWD/target/docs

rm -rf "$site"/{en,zh,examples,images}
for language in en zh; do
  mdbook build "docs/$language" || exit 1
done
cp -r docs/examples docs/images docs/site/index.html "$site"
# mdBook's own search splits no Chinese into words.
"$node/.bin/pagefind" --silent --site "$site/zh" --root-selector main --glob "{index,english,guide/*,operations/*}.html" || exit 1

failed=0
echo "== search in the Chinese site"
expect 'each page is in its index' test "$(jq '.languages["zh-cn"].page_count' "$site/zh/pagefind/pagefind-entry.json")" \
  = "$(find docs/zh -name '*.md' ! -name SUMMARY.md | wc -l)"

echo "== links of the repository's pages"
mapfile -t pages < <(git ls-files -- '*.md')
((${#pages[@]})) || give_up "git lists no pages"
"$node/.bin/remark" --quiet --frail --no-config --use "$node/remark-validate-links/index.js=repository:false" \
  "${pages[@]}" >/dev/null || failed=1

echo "== links of the site"
start server python3 -u -m http.server --bind 127.0.0.1 --directory "$site" 0
at=http://127.0.0.1:$(said server 'port \K\d+')/
linkinator() {
  "$node/.bin/linkinator" "$1" --recurse --check-fragments --verbosity error --skip "^https?://(?!${at#http://})"
}
linkinator "$at" || failed=1
for language in en zh; do
  # A page that SUMMARY.md lacks is in no menu, and would not be built.
  while read -r page; do
    expect "docs/$language/SUMMARY.md has $page" grep -qF "($page)" "docs/$language/SUMMARY.md"
  done < <(cd "docs/$language" && find . -name '*.md' ! -name SUMMARY.md -printf '%P\n')
done

echo "== a broken link is found"
echo '<a href="en/index.html#nowhere">x</a><a href="nowhere.html">x</a>' >"$site/broken.html"
expect 'one without its target, one without its heading' \
  grep -q 'Detected 2 broken links' <<<"$(linkinator "${at}broken.html" 2>&1 || true)"
rm "$site/broken.html"

((failed)) && echo "e2e/docs: FAILED" || echo "e2e/docs: all passed; python3 -m http.server --bind 127.0.0.1 --directory target/docs shows the site"
exit "$failed"
