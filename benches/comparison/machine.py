"""Where and of what the figures are."""

import json
import os
import platform
import re
import subprocess
from datetime import date
from pathlib import Path

from servers import CORES, HERE


def about(bench):
    return {
        "date": date.today().isoformat(),
        "commit": _commit(),
        "seconds": bench.seconds,
        "rounds": bench.rounds,
        "binary_mb": os.path.getsize(bench.program) / 1e6,
        "cpu": _cpu(),
        "cores": CORES,
        "kernel": platform.release(),
        "versions": _versions(bench)}


def _cpu():
    """Not on every architecture has the kernel a name for it."""
    found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return found[1] if found else platform.machine()


def _commit():
    commit = _said("git", "-C", HERE, "rev-parse", "--short", "HEAD").strip()
    changed = _said("git", "-C", HERE, "status", "--porcelain", "--untracked-files=no")
    return f"{commit} and what is not committed" if changed else commit


def _versions(bench):
    node_sdk = json.loads((bench.cache / "node/node_modules/@larksuiteoapi/node-sdk/package.json").read_text())
    python = _said(bench.cache / "python/bin/python", "--version")
    python_sdk = re.search(r"^lark-oapi==(\S+)", (HERE / "python/requirements.txt").read_text(), re.M)
    return {
        "nginx": re.search(r"nginx/(\S+)", _said("nginx", "-v"))[1],
        "Node.js": _said("node", "--version").strip(),
        "Feishu's Node SDK": node_sdk["version"],
        "Python": python.split()[1],
        "Feishu's Python SDK": python_sdk[1],
        "wrk": re.search(r"wrk \D*(\S+)", _said("wrk", "--version"))[1],
        "oha": _said(bench.oha, "--version").split()[1]}


def _said(*command):
    """Some say their version as an error, and wrk calls asking for it one."""
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.stdout
