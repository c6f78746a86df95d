#!/usr/bin/env bash
# Installs, upgrades, rolls back and removes the chart with Helm on a Kubernetes whose nodes are made up:
# see cluster.sh.
#
# Exit code: 0 all is well, 1 something is not, 2 it could not be run.

source "$(dirname "${BASH_SOURCE[0]}")/../suite.sh"
source e2e/chart/tools.sh
source e2e/chart/cluster.sh
need etcd go jq openssl python3
chart_tools helm.sh/helm/v3/cmd/helm \
  k8s.io/kubernetes/cmd/{kubectl,kube-apiserver,kube-controller-manager,kube-scheduler}
fetch_crds

failed=0

# namespace NAME: where only pods of the restricted standard are let in.
namespace() {
  kubectl create namespace "$1" >/dev/null
  kubectl label namespace "$1" pod-security.kubernetes.io/{enforce,warn}=restricted >/dev/null
}

# install NAMESPACE FILE, and upgrade NAMESPACE FILE OPTION…: wait until all pods are ready.
install() { helm install gateway "$chart" --namespace "$1" --values "$2" --wait --timeout 180s >/dev/null; }
upgrade() { helm upgrade gateway "$chart" --namespace "$1" --values "$2" --wait --timeout 180s "${@:3}" >/dev/null; }
uninstall() { helm uninstall gateway --namespace "$1" --wait --cascade foreground --timeout 180s >/dev/null; }

# What there is of any release.
left() {
  local kinds
  kinds=$(kubectl api-resources --namespaced --verbs list --output name | grep -vx endpoints | paste -sd ,)
  kubectl get "$kinds" --all-namespaces --selector app.kubernetes.io/instance=gateway --output name
}

namespace_of() { echo "values-$(basename "$1" -values.yaml)"; }

# All that one of ci/*-values.yaml makes is taken, without a warning, and its pods get ready.
values_are_taken() {
  local values=$1 namespace rendered other left
  namespace=$(namespace_of "$values")
  rendered=$cache/$namespace.yaml
  namespace "$namespace"
  helm template gateway "$chart" --namespace "$namespace" --values "$values" >"$rendered"
  for other in $(grep -oP "^  namespace: ['\"]?\K[\w-]+" "$rendered" | sort -u | grep -vx "$namespace"); do
    kubectl get namespace "$other" >/dev/null 2>&1 || kubectl create namespace "$other" >/dev/null
  done
  kubectl apply --dry-run=server --validate=strict --warnings-as-errors --filename "$rendered" >/dev/null
  install "$namespace" "$values"
  helm test gateway --namespace "$namespace" --timeout 180s >/dev/null
  uninstall "$namespace"
  left=$(left)
  [[ -z $left ]] || { echo "uninstall leaves $left"; return 1; }
}

default=$chart/ci/default-values.yaml
template() { kubectl --namespace life get deployment --output json | jq -cS '.items[0].spec.template'; }
strategy() { kubectl --namespace life get deployment --output json | jq -cS '.items[0].spec.strategy'; }
keys() { kubectl --namespace life get secret gateway-feishu-forward-gateway-keys --output jsonpath='{.data}'; }
pods() { kubectl --namespace life get pods --output name; }
# two_pods BUT: two, and none of those.
two_pods() { [[ $(pods | wc -l) == 2 && -z $(pods | grep -xF "$1") ]]; }

life() {
  local first first_keys before running
  namespace life
  install life "$default"
  first=$(template)
  first_keys=$(keys)
  before=$(pods)
  expect 'two pods run' two_pods none

  echo "-- other keys"
  upgrade life "$default" --set keys.alerts.disabled=true
  expect 'the Secret changes' test "$(keys)" != "$first_keys"
  expect 'the pods stay' test "$(pods)" = "$before"

  echo "-- another configuration"
  kubectl --namespace life get deployment gateway-feishu-forward-gateway --watch \
    --output jsonpath='{.status.availableReplicas}{"\n"}' >"$cache/available.log" &
  started+=($!)
  upgrade life "$default" --set config.log.filter=debug
  expect 'the pod template changes' test "$(template)" != "$first"
  expect 'all pods are replaced' within 90 'they are' two_pods "$before"

  echo "-- rollback"
  before=$(pods)
  helm rollback gateway 1 --namespace life --wait --timeout 180s >/dev/null
  expect 'the pod template is the first one' test "$(template)" = "$first"
  expect 'so are the keys' test "$(keys)" = "$first_keys"
  expect 'all pods are replaced' within 90 'they are' two_pods "$before"
  expect 'never fewer than two were ready' test "$(sort -n "$cache/available.log" | head -n 1)" = 2

  echo "-- another way to replace pods, and back"
  upgrade life "$default" --set updateStrategy.type=Recreate
  expect 'nothing of a rolling update is left' test "$(strategy)" = '{"type":"Recreate"}'
  upgrade life "$default"
  expect 'it is as it was' test "$(strategy)" = '{"rollingUpdate":{"maxSurge":1,"maxUnavailable":0},"type":"RollingUpdate"}'

  echo "-- a drain that finds no place for new pods takes one of the two"
  mapfile -t running < <(pods)
  kubectl cordon node-a node-b >/dev/null
  expect 'the first may go' within 90 'it may' evict "${running[0]}"
  expect 'the second may not' refused_by_the_budget "${running[1]}"
  kubectl uncordon node-a node-b >/dev/null
  expect 'it may when there is a new one' within 90 'it may' evict "${running[1]}"
  expect 'two run again' within 90 'they do' two_pods "$(printf '%s\n' "${running[@]}")"

  echo "-- uninstall"
  uninstall life
  expect 'nothing is left' test -z "$(left)"
}

# evict pod/NAME
evict() {
  kubectl create --raw "/api/v1/namespaces/life/pods/${1#pod/}/eviction" --filename - >/dev/null <<END
{"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "${1#pod/}"}}
END
}

refused_by_the_budget() {
  local said
  said=$(evict "$1" 2>&1) && return 1
  [[ $said == *"disruption budget"* ]] || { echo "$said"; return 1; }
}

# Else it would not be known that the namespaces let in only what they should.
root_is_refused() {
  namespace root
  helm template gateway "$chart" --namespace root --values "$default" --no-hooks |
    sed 's/runAsNonRoot: true/runAsNonRoot: false/' | kubectl --namespace root apply --filename - >/dev/null 2>&1
  kubectl --namespace root wait deployment --all --for condition=ReplicaFailure --timeout 180s >/dev/null
  kubectl --namespace root get deployment --output json | jq -e '.items[0].status.conditions[] |
    select(.type == "ReplicaFailure") | .message | contains("violates PodSecurity \"restricted")' >/dev/null
}

start_cluster
kubectl apply --server-side --filename "$crds" >/dev/null
kubectl wait crd --all --for condition=Established --timeout 180s >/dev/null
echo "== Kubernetes $(kubectl version --output json | jq -r .serverVersion.gitVersion)"
echo "== install, upgrade, rollback, drain, uninstall"
life
for values in "$chart"/ci/*-values.yaml; do
  echo "== $values"
  set +e
  (set -e; values_are_taken "$values")
  # What is left of one that failed is not the next one's.
  (($?)) && { echo "FAILED"; failed=1; uninstall "$(namespace_of "$values")"; }
  set -e
done

echo "== pods that may run as root are refused"
expect 'they are' root_is_refused

echo "== the Job of docs/examples is taken, and its pod let in"
namespace job
expect 'it is' kubectl --namespace job apply --validate=strict --warnings-as-errors \
  --filename docs/examples/kubernetes/job.yaml >/dev/null
kubectl --namespace job wait job --all --for jsonpath='{.status.active}'=1 --timeout 180s >/dev/null ||
  { echo "its pod is not made"; failed=1; }

((failed)) && echo "e2e/chart/apiserver.sh: FAILED" || echo "e2e/chart/apiserver.sh: all passed"
exit "$failed"
