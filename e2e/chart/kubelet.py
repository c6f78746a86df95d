"""Stands in for the machines of a cluster that has none.

    kubelet.py URL TOKEN CA

Pods that are bound to a node are ready at once, or have succeeded if they are not to be restarted; those
that are being deleted are gone at once. A LoadBalancer has an address at once, and a PersistentVolumeClaim a
volume, whatever its StorageClass.
"""

import json
import ssl
import sys
import time
import urllib.error
import urllib.request

url, token, ca = sys.argv[1:]
tls = ssl.create_default_context(cafile=ca)


def call(method: str, path: str, body: object = None) -> dict:
    kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
    request = urllib.request.Request(
        url + path,
        method=method,
        data=body and json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {token}", "Content-Type": kind},
    )
    with urllib.request.urlopen(request, context=tls, timeout=10) as answer:
        return json.load(answer)


def status(pod: dict) -> dict:
    if pod["spec"]["restartPolicy"] == "Never":
        return {"phase": "Succeeded"}
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    conditions = ("PodScheduled", "Initialized", "ContainersReady", "Ready")
    return {
        "phase": "Running",
        "conditions": [{"type": it, "status": "True", "lastTransitionTime": now} for it in conditions],
    }


def attend(pod: dict) -> None:
    path = f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}"
    if "deletionTimestamp" in pod["metadata"]:
        call("DELETE", path + "?gracePeriodSeconds=0")
    elif pod["spec"].get("nodeName") and pod["status"]["phase"] == "Pending":
        call("PATCH", path + "/status", {"status": status(pod)})


def balance(service: dict) -> None:
    if service["spec"]["type"] == "LoadBalancer" and not service["status"]["loadBalancer"]:
        path = f"/api/v1/namespaces/{service['metadata']['namespace']}/services/{service['metadata']['name']}"
        call("PATCH", path + "/status", {"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}})


def provide(claim: dict) -> None:
    if claim["status"].get("phase") != "Pending" or "volumeName" in claim["spec"]:
        return
    name, namespace, uid = (claim["metadata"][it] for it in ("name", "namespace", "uid"))
    spec = {
        "capacity": claim["spec"]["resources"]["requests"],
        "accessModes": claim["spec"]["accessModes"],
        "storageClassName": claim["spec"].get("storageClassName", ""),
        "hostPath": {"path": "/nowhere"},
        "claimRef": {"kind": "PersistentVolumeClaim", "namespace": namespace, "name": name, "uid": uid},
    }
    # Made before: 409. The controller binds the two.
    call("POST", "/api/v1/persistentvolumes", {"metadata": {"name": f"volume-{uid}"}, "spec": spec})


while True:
    for path, each in (("pods", attend), ("services", balance), ("persistentvolumeclaims", provide)):
        for it in call("GET", "/api/v1/" + path)["items"]:
            try:
                each(it)
            except urllib.error.HTTPError as error:
                # Somebody else was faster: look again.
                if error.code not in (404, 409):
                    raise
    time.sleep(0.1)
