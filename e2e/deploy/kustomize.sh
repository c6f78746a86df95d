# deploy/kustomize: each overlay is rendered, held against the schemas of the oldest and the newest
# Kubernetes that is supported, and its pod's files and variables are given to the program.

try_kustomize() {
  local overlay rendered=$cache/kustomize
  rm -rf "$rendered" && mkdir "$rendered"
  for overlay in deploy/kustomize/overlays/*; do
    rendered "$overlay"
  done

  # README's overlay, beside ours as it says.
  cp -r deploy/kustomize "$cache/kustomize/kustomize"
  mkdir "$cache/kustomize/readme"
  sed -n '/^```yaml$/,/^```$/ { /^```/d; p }' deploy/kustomize/README.md >"$cache/kustomize/readme/kustomization.yaml"
  sed 's/cli_a1b2c3d4e5f6/cli_readme/' deploy/kustomize/base/gateway.toml >"$cache/kustomize/readme/gateway.toml"
  "$gateway" keys new alerts | sed -n 's/^\[keys\./[/p; /^hash/p' >"$cache/kustomize/readme/keys.toml"
  rendered "$cache/kustomize/readme"
  local result=$cache/kustomize/readme.yaml
  expect 'README: the image is theirs' grep -q 'image: registry.example.com/feishu-forward-gateway:0.1.0' "$result"
  expect 'README: the configuration is theirs' grep -q 'app_id = "cli_readme"' "$result"
  expect 'README: the keys are theirs' grep -q "$(base64 -w 0 "$cache/kustomize/readme/keys.toml" | head -c 40)" "$result"
}

rendered() {
  local name result version
  name=$(basename "$1")
  result=$cache/kustomize/$name.yaml
  echo "== kustomize: $name"
  kustomize build "$1" >"$result" || { failed=1; return; }
  for version in 1.30 1.37; do
    expect "it fits Kubernetes $version" kubernetes-validate --quiet --strict -k "$version" "$result"
  done
  expect 'its pods work' python e2e/deploy/pods.py "$gateway" "$result"
}
