"""What config_check.sh needs of the chart's YAML.

mount FOLDER: lays out what the rendered objects on stdin mount into the gateway's container.
defaults CHART: compares the chart in the folder CHART with the gateway's own defaults and with itself.
"""

import base64
import json
import pathlib
import re
import sys
import tomllib

import yaml

MOUNT = "/etc/feishu-forward-gateway"
# The chart decides these itself, or has them elsewhere.
NOT_VALUES = {
    "server": {"listen", "admin_listen", "events_listen", "tls"},
    "feishu": {"ca_file"},
    "state": {"replicas", "password", "password_file"},
    "broadcasts": {"path"},
}
# The password of Redis, which is in a Secret, and the files that have no defaults.
NOT_KEYS = {"password", "existingSecret", "externalSecret", "files"}


def mount(folder):
    objects = [it for it in yaml.safe_load_all(sys.stdin) if it]
    contents = {(it["kind"], it["metadata"]["name"]): content(it) for it in objects if "data" in it}
    deployment = next(it for it in objects if it["kind"] == "Deployment")
    pod = deployment["spec"]["template"]["spec"]
    container = next(it for it in pod["containers"] if it["name"] == "gateway")
    [volume_name] = [it["name"] for it in container["volumeMounts"] if it["mountPath"] == MOUNT]
    volume = next(it for it in pod["volumes"] if it["name"] == volume_name)
    for source in volume["projected"]["sources"]:
        [(kind, it)] = source.items()
        data = contents.get(({"configMap": "ConfigMap", "secret": "Secret"}[kind], it["name"]))
        for item in it["items"]:
            path = folder / item["path"]
            path.parent.mkdir(parents=True, exist_ok=True)
            # The release does not hold this Secret: any content will do.
            text = stand_in(item["path"]) if data is None else data[item["key"]]
            path.write_text(text.replace(MOUNT, str(folder)))


def content(it):
    if it["kind"] != "Secret":
        return it["data"]
    return {key: base64.b64decode(value).decode() for key, value in it["data"].items()}


def stand_in(path):
    return "# nobody\n" if path.endswith(".toml") else "not-a-secret\n"


def defaults(chart):
    gateway = tomllib.loads(pathlib.Path("src/config/defaults.toml").read_text())
    sections = {name: it for name, it in gateway.items() if isinstance(it, dict)}
    schema = json.loads((chart / "values.schema.json").read_text())
    values = yaml.safe_load((chart / "values.yaml").read_text())
    same("open objects of the schema", list(open_objects(schema, "#")), [])
    same("values in one of schema and values.yaml only", schema["properties"].keys() ^ values.keys(), set())
    same("patterns without an example that they match", list(without_example(schema)), [])

    # The section [state] is a value of its own, beside its password and files.
    values["config"]["state"] = {key: it for key, it in values["state"].items() if key not in NOT_KEYS}
    state = schema["properties"]["state"]["properties"].keys() - NOT_KEYS
    schema = schema["properties"]["config"]["properties"]
    schema = {"state": state, **{name: it["properties"].keys() for name, it in schema.items()}}

    wanted = {name: it.keys() - NOT_VALUES.get(name, set()) for name, it in sections.items()}
    same("sections in one of schema and defaults only", schema.keys() ^ wanted.keys(), set())
    for name in wanted:
        same(f"keys of {name} in one of schema and defaults only", schema[name] ^ wanted[name], set())
    for name, it in values["config"].items():
        same(f"config.{name} of values.yaml", it, {key: sections[name][key] for key in it})
    version = tomllib.loads(pathlib.Path("Cargo.toml").read_text())["workspace"]["package"]["version"]
    for name, it in yaml.safe_load((chart / "Chart.yaml").read_text())["annotations"].items():
        same(f"{name} of Chart.yaml", artifact_hub(name, it), True)
    same("appVersion", yaml.safe_load((chart / "Chart.yaml").read_text())["appVersion"], version)


def artifact_hub(name, text):
    """Whether Artifact Hub knows the annotation and takes the text, by its documentation of Helm charts."""
    name = name.removeprefix("artifacthub.io/")
    if name == "changes":
        kinds = {"added", "changed", "deprecated", "removed", "fixed", "security"}
        return all(it.keys() == {"kind", "description"} and it["kind"] in kinds for it in yaml.safe_load(text))
    if name == "category":
        return text in {"integration-delivery", "monitoring-logging", "networking", "security", "streaming-messaging"}
    return name == "license" or name in {"operator", "prerelease", "containsSecurityUpdates"} and text in {"true", "false"}


def open_objects(schema, path):
    """Where the schema names properties and takes others too, which lets typos through. `global` is other charts' too."""
    if path == "#/properties/global":
        return
    if "properties" in schema and schema.get("additionalProperties") is not False:
        yield path
    for name, it in schema.items():
        if isinstance(it, dict):
            yield from open_objects(it, f"{path}/{name}")


def without_example(schema):
    """The patterns that do not end in `|such as ONE^` or `|such as ONE or ANOTHER^`."""
    for name, it in schema.items() if isinstance(schema, dict) else enumerate(schema):
        if name == "pattern" and isinstance(it, str):
            pattern, _, examples = it.removesuffix("^").partition("|such as ")
            if not examples or not all(re.search(pattern, example) for example in examples.split(" or ")):
                yield it
        elif isinstance(it, (dict, list)):
            yield from without_example(it)


def same(what, is_, should_be):
    if is_ != should_be:
        sys.exit(f"{what}: {is_}, and should be {should_be}")


{"mount": mount, "defaults": defaults}[sys.argv[1]](pathlib.Path(sys.argv[2]))
