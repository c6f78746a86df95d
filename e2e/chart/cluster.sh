# A control plane on loopback: etcd, and of Kubernetes the API server, the controllers that a Deployment and a Job
# need, and the scheduler. Only the two nodes are made up: kubelet.py speaks for them.

start_cluster() {
  # At once, because nothing of it is to be kept: an API server that is asked to end waits for etcd.
  trap 'end_started KILL' EXIT
  local state=$cache/cluster etcd peer server token controllers
  rm -rf "$state"
  mkdir "$state"
  etcd=http://127.0.0.1:$(free_port)
  peer=http://127.0.0.1:$(free_port)
  server=https://127.0.0.1:$(free_port)
  token=$(openssl rand -hex 16)

  start etcd etcd --data-dir "$state/etcd" --listen-client-urls "$etcd" --advertise-client-urls "$etcd" \
    --listen-peer-urls "$peer" --initial-advertise-peer-urls "$peer" --initial-cluster "default=$peer"

  openssl genrsa -out "$state/accounts.key" 2048 2>/dev/null
  echo "$token,admin,admin,system:masters" >"$state/tokens.csv"
  start kube-apiserver kube-apiserver --etcd-servers "$etcd" --cert-dir "$state" --token-auth-file "$state/tokens.csv" \
    --bind-address 127.0.0.1 --advertise-address 127.0.0.1 --secure-port "${server##*:}" \
    --endpoint-reconciler-type none --service-cluster-ip-range 10.0.0.0/24 --authorization-mode RBAC \
    --service-account-issuer https://kubernetes.default.svc \
    --service-account-key-file "$state/accounts.key" --service-account-signing-key-file "$state/accounts.key"

  export KUBECONFIG=$state/kubeconfig
  kubectl config set-cluster it --server "$server" --certificate-authority "$state/apiserver.crt" >/dev/null
  kubectl config set-credentials it --token "$token" >/dev/null
  kubectl config set-context it --cluster it --user it >/dev/null
  kubectl config use-context it >/dev/null
  within 180 'the API server is ready' kubectl get --raw /readyz

  controllers=deployment-controller,replicaset-controller,job-controller,disruption-controller,serviceaccount-controller
  controllers+=,namespace-controller,garbage-collector-controller
  controllers+=,persistentvolume-binder-controller,persistentvolumeclaim-protection-controller
  start kube-controller-manager kube-controller-manager --kubeconfig "$KUBECONFIG" --leader-elect=false \
    --secure-port 0 --controllers "$controllers"
  start kube-scheduler kube-scheduler --kubeconfig "$KUBECONFIG" --leader-elect=false --secure-port 0
  add_node a
  add_node b
  start kubelet python3 e2e/chart/kubelet.py "$server" "$token" "$state/apiserver.crt"
}

# One zone each.
add_node() {
  kubectl create -f - >/dev/null <<END
{
  "apiVersion": "v1",
  "kind": "Node",
  "metadata": {
    "name": "node-$1",
    "labels": {"kubernetes.io/os": "linux", "kubernetes.io/hostname": "node-$1", "topology.kubernetes.io/zone": "zone-$1"}
  },
  "status": {"allocatable": {"cpu": "16", "memory": "64Gi", "pods": "110"}}
}
END
  # Which every node has until its kubelet says that it is ready.
  kubectl taint node "node-$1" node.kubernetes.io/not-ready- >/dev/null
}

# within SECONDS CLAIM COMMAND…
within() {
  local deadline=$((SECONDS + $1)) claim=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < deadline)) || { echo "not so in time: $claim"; "$@"; return; }
    sleep 0.2
  done
}
