# What the two suites of this folder share; `source` it after e2e/suite.sh.

chart=helm/feishu-forward-gateway
crds=$cache/crds
kubernetes=$(grep -oP '^\tk8s.io/kubernetes v\K\S+' e2e/chart/tools/go.mod)

# chart_tools PACKAGE…: builds tools of e2e/chart/tools. The versions are those that the Makefiles of
# Kubernetes and Helm set; without them Helm renders for Kubernetes 1.20.
chart_tools() {
  go_settings
  local minor version=k8s.io/component-base/version helm=helm.sh/helm/v3/pkg
  minor=$(cut -d . -f 2 <<<"$kubernetes")
  (cd e2e/chart/tools && retried go build -o "$cache/bin/" -ldflags "-s -w
    -X $version.gitVersion=v$kubernetes -X $version.gitMajor=1 -X $version.gitMinor=$minor
    -X $helm/chartutil.k8sVersionMinor=$minor -X $helm/lint/rules.k8sVersionMinor=$minor" "$@") ||
    give_up "the tools of e2e/chart/tools do not build"
  export PATH=$cache/bin:$PATH
}

# Copies the definitions of custom kinds into $crds, out of the modules that define them.
fetch_crds() {
  local module sum folder files got
  rm -rf "$crds"
  mkdir -p "$crds"
  while read -r module sum folder files; do
    got=$(retried go mod download -json "$module") || give_up "$module of e2e/chart/crds.txt: $got"
    [[ $(jq -r .Sum <<<"$got") == "$sum" ]] || give_up "$module is not what e2e/chart/crds.txt names"
    for file in $files; do
      cp "$(jq -r .Dir <<<"$got")/$folder/$file" "$crds/" || give_up "$module has no $folder/$file"
    done
  done < <(grep -v '^#' e2e/chart/crds.txt)
}
