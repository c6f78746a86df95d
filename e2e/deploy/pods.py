"""Gives the files and variables of a rendered Deployment's pods to the program, as the kubelet would, and
checks that what belongs together agrees.

    pods.py PROGRAM RENDERED
"""

import base64
import pathlib
import subprocess
import sys
import tempfile
import tomllib

import yaml

# What all replicas together may send: Feishu's limits.
WHOLE = {"receiver_per_second": 5, "app_per_second": 50, "app_per_minute": 1000}
# What the user makes; it is not among the manifests.
SECRETS = {
    "feishu-forward-gateway-app": {"app_secret": b"made-up"},
    "feishu-forward-gateway-redis": {"password": b"made-up"},
}

program, rendered = sys.argv[1:]
objects = [it for it in yaml.safe_load_all(pathlib.Path(rendered).read_text()) if it]
deployment = next(it for it in objects if it["kind"] == "Deployment")["spec"]
pod = deployment["template"]["spec"]
(container,) = pod["containers"]
mistakes = []


def claim(holds, what):
    if not holds:
        mistakes.append(what)


def content(source):
    """The files of one source of a projected volume, by path."""
    ((kind, source),) = source.items()
    if kind == "secret" and source["name"] in SECRETS:
        data = SECRETS[source["name"]]
    else:
        wanted = {"secret": "Secret", "configMap": "ConfigMap"}[kind], source["name"]
        data = next(it["data"] for it in objects if (it["kind"], it["metadata"]["name"]) == wanted)
        data = {key: base64.b64decode(it) if kind == "secret" else it.encode() for key, it in data.items()}
    items = source.get("items") or [{"key": key, "path": key} for key in data]
    return {item["path"]: data[item["key"]] for item in items}


def mounted(name):
    """Where a volume of the pod is mounted, and the volume."""
    (path,) = (it["mountPath"] for it in container["volumeMounts"] if it["name"] == name)
    (volume,) = (it for it in pod["volumes"] if it["name"] == name)
    return path, volume


def effective(directory):
    """The configuration that the program would have in the pod."""
    path_in_pod, volume = mounted("config")
    for source in volume["projected"]["sources"]:
        for path, text in content(source).items():
            file = pathlib.Path(directory, path)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(text.replace(path_in_pod.encode(), directory.encode()))
    variables = {it["name"]: it["value"].replace(path_in_pod, directory) for it in container["env"]}
    check = subprocess.run([program, "config", "check"], env=variables, capture_output=True, text=True)
    if check.returncode:
        sys.exit(f"config check: {check.stdout}{check.stderr}")
    return tomllib.loads(check.stdout)


def seconds(duration):
    return int(duration.removesuffix("s"))


with tempfile.TemporaryDirectory() as directory:
    config = effective(directory)
    claim(config["keys_file"].startswith(directory), "keys_file is not in what is mounted")

# The replicas share the limits in Redis, or each has a part of them.
shared = "state" in config
if shared:
    replicas = config["state"]["replicas"]
    claim(replicas == deployment["replicas"], f"state.replicas is {replicas}, and there are {deployment['replicas']}")
for limit, whole in WHOLE.items():
    share = whole // (1 if shared else deployment["replicas"])
    claim(config["limits"][limit] == share, f"limits.{limit} is {config['limits'][limit]} and should be {share}")

# Broadcasts are in a file of one pod, on a volume that is claimed, or in Redis, or nowhere.
if file := config["broadcasts"].get("path"):
    path, volume = mounted("broadcasts")
    claim(pathlib.Path(file).parent == pathlib.Path(path), f"broadcasts.path is {file}, and the volume is at {path}")
    claims = [it["metadata"]["name"] for it in objects if it["kind"] == "PersistentVolumeClaim"]
    claim(volume["persistentVolumeClaim"]["claimName"] in claims, "nobody claims the volume of broadcasts")
    claim(deployment["replicas"] == 1 and not shared, "several replicas would write to one file")
    claim(deployment["strategy"] == {"type": "Recreate"}, "two pods would write to one file while one is replaced")
claim(bool(file) == (len(pod["volumes"]) > 1), "a volume is there that nothing is on")

pause = container["lifecycle"]["preStop"]["sleep"]["seconds"]
claim(
    pod["terminationGracePeriodSeconds"] > pause + seconds(config["server"]["drain_timeout"]),
    "terminationGracePeriodSeconds ends the drain",
)

ports = {it["name"]: it["containerPort"] for it in container["ports"]}
for name, key in {"http": "listen", "metrics": "admin_listen"}.items():
    claim(config["server"][key].endswith(f":{ports[name]}"), f"port {name} is not server.{key}")
for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
    claim(container[probe]["httpGet"]["port"] == "metrics", f"{probe} asks another port")

labels = deployment["template"]["metadata"]["labels"]
selectors = [("Deployment", deployment["selector"]["matchLabels"])]
selectors += [("topologySpread", it["labelSelector"]["matchLabels"]) for it in pod.get("topologySpreadConstraints", [])]
for it in objects:
    if it["kind"] == "Service":
        selectors.append((it["kind"], it["spec"]["selector"]))
        claim(all(port["targetPort"] in ports for port in it["spec"]["ports"]), "a Service's port is none of the pods'")
    if it["kind"] == "PodDisruptionBudget":
        selectors.append((it["kind"], it["spec"]["selector"]["matchLabels"]))
    if it["kind"] == "NetworkPolicy":
        selectors.append((it["kind"], it["spec"]["podSelector"]["matchLabels"]))
        allowed = {port["port"] for rule in it["spec"]["ingress"] for port in rule["ports"]}
        claim(allowed == set(ports.values()), f"the NetworkPolicy lets in {allowed}")
        to = {port["port"] for rule in it["spec"]["egress"] for port in rule["ports"]}
        claim(to == {53, 443} | ({6379} if shared else set()), f"the NetworkPolicy lets out to {to}")
for kind, selector in selectors:
    claim(selector and selector.items() <= labels.items(), f"{kind} selects other pods: {selector}")

(namespace,) = (it["metadata"]["name"] for it in objects if it["kind"] == "Namespace")
for it in objects:
    claim(it["kind"] == "Namespace" or it["metadata"].get("namespace") == namespace, f"{it['kind']} is elsewhere")

budgets = [it for it in objects if it["kind"] == "PodDisruptionBudget"]
claim(bool(budgets) == (deployment["replicas"] > 1), "a PodDisruptionBudget belongs to more than one replica")

for mistake in mistakes:
    print(f"  {mistake}")
sys.exit(bool(mistakes))
