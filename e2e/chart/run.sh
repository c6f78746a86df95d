#!/usr/bin/env bash
# Checks the chart without a cluster: each of its ci/*-values.yaml is rendered for the oldest and the newest
# Kubernetes that the chart supports, and held against their schemas and two linters.
#
# Exit code: 0 all is well, 1 something is not, 2 it could not be run.

source "$(dirname "${BASH_SOURCE[0]}")/../suite.sh"
source e2e/chart/tools.sh
need go jq python3
python_packages
chart_tools helm.sh/helm/v3/cmd/helm github.com/helm-unittest/helm-unittest/cmd/helm-unittest \
  github.com/norwoodj/helm-docs/cmd/helm-docs github.com/yannh/kubeconform/cmd/kubeconform
go_tool e2e/chart/kube-score github.com/zegl/kube-score/cmd/kube-score
fetch_crds

versions=(1.30.0 1.37.0)
schemas=$cache/schemas
rendered=$cache/rendered
"$cache/python/bin/python" e2e/chart/schemas.py "$schemas" "$crds" "${versions[@]}" ||
  give_up "the schemas cannot be made"

lint() {
  local values
  helm lint --strict --quiet "$chart"
  for values in "$chart"/ci/*-values.yaml; do
    helm lint --strict --quiet --values "$values" "$chart" || { echo "so with $values"; return 1; }
  done
}

# In a copy, because a snapshot that is missing is written and passes.
unit_tests() {
  rm -rf "$cache/unittest"
  cp -r "$chart" "$cache/unittest"
  helm-unittest --strict "$cache/unittest"
  diff -r "$chart/tests" "$cache/unittest/tests"
}

# Each value has a description, and the README has all of them.
readme() {
  helm-docs --chart-search-root "$chart" --dry-run --log-level warning >"$cache/README.md"
  diff -u "$chart/README.md" "$cache/README.md" || { echo "it is not what values.yaml says: run make chart-docs"; return 1; }
  ! grep '|  |$' "$cache/README.md" || { echo "these have no description"; return 1; }
}

render() {
  local version values
  rm -rf "$rendered"
  for version in "${versions[@]}"; do
    mkdir -p "$rendered/$version"
    for values in "$chart"/ci/*-values.yaml; do
      helm template gateway "$chart" --namespace chat --kube-version "$version" --values "$values" \
        >"$rendered/$version/$(basename "$values")"
    done
  done
}

older_is_refused() {
  local said
  said=$(helm template gateway "$chart" --kube-version 1.29.0 --values "$chart/ci/default-values.yaml" 2>&1) && return 1
  [[ $said == *'incompatible with Kubernetes v1.29.0'* ]] || { echo "$said"; return 1; }
}

# conform VERSION FILE…
conform() {
  local version=$1 name='{{.ResourceKind}}{{.KindSuffix}}.json'
  shift
  kubeconform -strict -summary -kubernetes-version "$version" \
    -schema-location "$schemas/{{.NormalizedKubernetesVersion}}/$name" -schema-location "$schemas/crds/$name" "$@"
}

valid() {
  local version
  for version in "${versions[@]}"; do conform "$version" "$rendered/$version"/*; done
}

# An unknown field is found in each object of each file: no kind is left out.
typo_is_found() {
  local version
  for version in "${versions[@]}"; do
    cat "$rendered/$version"/* | sed 's/^kind:/typo: 1\nkind:/' | { conform "$version" -output json || true; } |
      jq -e '.summary | .invalid > 0 and .valid + .skipped + .errors == 0' >/dev/null
  done
}

# Each file for itself, because it holds all that it reads for one release.
score() {
  local file ignored
  ignored=$(grep -oP '^[a-z-]+' e2e/chart/kube-score.txt | paste -sd ,)
  for file in "$rendered/${versions[0]}"/*; do
    kube-score score --output-format ci --exit-one-on-warning --kubernetes-version "v${versions[0]%.0}" \
      --ignore-container-cpu-limit --ignore-test "$ignored" "$file" >"$cache/kube-score.log" ||
      { grep -vE '^\[(OK|SKIPPED)' "$cache/kube-score.log"; echo "so in $file"; return 1; }
  done
}

checkov() {
  "$cache/python/bin/checkov" --config-file e2e/chart/checkov.yaml --directory "$rendered/${versions[0]}"
}

package() { helm package "$chart" --destination "$cache/package"; }

failed=0
check() {
  echo "== $1"
  shift
  set +e
  (set -e; "$@")
  (($?)) && { echo "FAILED"; failed=1; }
  set -e
}

check 'helm lint' lint
check 'unit tests' unit_tests
check 'README.md is current and has every value' readme
check "it renders for Kubernetes ${versions[*]}" render
check 'it refuses an older Kubernetes' older_is_refused
check 'what it renders is valid' valid
check 'a typo in any object is found' typo_is_found
check 'kube-score' score
check 'checkov' checkov
check 'the gateway takes the configuration' e2e/chart/config_check.sh
check 'helm package' package

((failed)) && echo "e2e/chart: FAILED" || echo "e2e/chart: all passed"
exit "$failed"
