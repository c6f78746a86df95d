"""Checks what belongs together in deploy/compose, and copies what each container mounts into a directory. The
arguments of Redis go into a file there, one a line.

    compose.py COMPOSE_FILE DIRECTORY
"""

import json
import pathlib
import re
import shutil
import sys

import yaml

compose, directory = map(pathlib.Path, sys.argv[1:])
loaded = yaml.safe_load(compose.read_text())
services, volumes = loaded["services"], loaded["volumes"]
mistakes, published = [], set()


def claim(holds, what):
    if not holds:
        mistakes.append(what)


for name, service in services.items():
    claim(service.get("read_only"), f"{name} may write")
    claim(service.get("cap_drop") == ["ALL"], f"{name} has capabilities")
    claim(service.get("security_opt") == ["no-new-privileges:true"], f"{name} may get privileges")
    claim("build" in service or re.search(r":v?\d+\.\d+\.\d+(-alpine)?$", service["image"]), f"{name}'s image is not pinned")
    for port in service.get("ports", []):
        claim(port.startswith("127.0.0.1:"), f"{name} can be reached from outside: {port}")
        address = port.rpartition(":")[0]
        claim(address not in published, f"{name} publishes {address}, which is taken")
        published.add(address)
    for other in service.get("depends_on", {}):
        claim(other in services, f"{name} waits for {other}, which does not exist")
    if build := service.get("build"):
        context = compose.parent / build["context"]
        claim((context / build["dockerfile"]).is_file(), f"{build['dockerfile']} does not exist")
    for volume in service.get("volumes", []):
        source, target, *mode = volume.split(":")
        if source in volumes:
            continue
        claim(mode == ["ro"], f"{name} may write to {source}")
        source, copy = compose.parent / source, directory / name / target.lstrip("/")
        if not source.exists():
            mistakes.append(f"{name} mounts {source}, which does not exist")
            continue
        copy.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if source.is_dir() else shutil.copyfile)(source, copy)

(directory / "redis.arguments").write_text("".join(f"{it}\n" for it in services["redis"]["command"][1:]))

# The tags that are built are those of Cargo.toml's version.
version = re.search(r'^version = "(.*)"', pathlib.Path("Cargo.toml").read_text(), re.M)[1]
claim(services["gateway"]["image"] == f"feishu-forward-gateway:{version}", "the gateway's image has another version")
claim(services["gateway-2"]["image"] == services["gateway"]["image"], "the replicas have different images")
claim("build" not in services["gateway-2"], "the image is built twice")

# Grafana finds what is mounted.
grafana = directory / "grafana"
(provider,) = yaml.safe_load(next((grafana / "etc/grafana/provisioning/dashboards").iterdir()).read_text())["providers"]
(source,) = yaml.safe_load(next((grafana / "etc/grafana/provisioning/datasources").iterdir()).read_text())["datasources"]
dashboards = list((grafana / provider["options"]["path"].lstrip("/")).glob("*.json"))
claim(dashboards, "Grafana has no dashboard")
home = services["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
claim((grafana / home.lstrip("/")) in dashboards, "Grafana's first page is none of its dashboards")
for dashboard in dashboards:
    text = json.dumps(json.loads(dashboard.read_text()))
    for uid in set(re.findall(r'"type": "prometheus", "uid": "([^"]*)"', text)):
        claim(uid.startswith("$") or uid == source["uid"], f"the dashboard asks a datasource {uid}")

for mistake in mistakes:
    print(f"  {mistake}")
sys.exit(bool(mistakes))
