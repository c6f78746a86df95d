"""Writes the JSON schemas that kubeconform validates with.

    schemas.py TO CRDS VERSION…

TO/vVERSION gets those of Kubernetes, from the package kubernetes-validate, and TO/crds those of the custom
kinds that are defined in the folder CRDS.
"""

import json
import pathlib
import shutil
import sys

import kubernetes_validate
import yaml


def kubernetes(to: pathlib.Path, version: str) -> None:
    """The package's references work within the package only: they become relative."""
    package = pathlib.Path(kubernetes_validate.__file__).parent
    to.mkdir()
    for file in (package / "kubernetes-json-schema" / f"v{version}-local-strict").glob("*.json"):
        schema = json.loads(file.read_text())
        schema.pop("$id", None)
        text = json.dumps(schema).replace('"/api/_definitions.json#', '"_definitions.json#')
        (to / file.name).write_text(text)


def custom(to: pathlib.Path, definition: dict) -> None:
    spec = definition["spec"]
    group, kind = spec["group"].split(".")[0], spec["names"]["kind"].lower()
    for version in (it for it in spec["versions"] if it["served"]):
        schema = closed(version["schema"]["openAPIV3Schema"])
        (to / f"{kind}-{group}-{version['name']}.json").write_text(json.dumps(schema))


def closed(schema):
    """As API servers take it with strict field validation: what is not declared is refused."""
    if isinstance(schema, list):
        return [closed(it) for it in schema]
    if not isinstance(schema, dict):
        return schema
    schema = {key: closed(value) for key, value in schema.items()}
    if isinstance(schema.get("properties"), dict) and not schema.get("x-kubernetes-preserve-unknown-fields"):
        schema.setdefault("additionalProperties", False)
    return schema


def main(to: pathlib.Path, crds: pathlib.Path, *versions: str) -> None:
    shutil.rmtree(to, ignore_errors=True)
    (to / "crds").mkdir(parents=True)
    for version in versions:
        kubernetes(to / f"v{version}", version)
    for file in crds.iterdir():
        custom(to / "crds", yaml.safe_load(file.read_text()))


main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), *sys.argv[3:])
