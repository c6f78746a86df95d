"""Prints which share of each module of the core was reached, and the files of which most was not."""

import collections
import json
import re
import sys

CORE = ["broadcasts", "delivery", "delivery/idempotency", "limits", "queue", "redis", "sqlite"]
TESTS = re.compile(r"/tests/|/tests\.rs$|/testing\.rs$|/simulated")
MOST_FILES = 20

with open(sys.argv[1], encoding="utf-8") as file:
    measured = json.load(file)["data"][0]["files"]

modules = collections.defaultdict(collections.Counter)
files = []
for one in measured:
    path = one["filename"].partition("/src/")[2]
    belongs_to = [module for module in CORE if path.startswith(module + "/")]
    if not belongs_to or TESTS.search("/" + path):
        continue
    figures = collections.Counter()
    for kind in ("lines", "regions"):
        summary = one["summary"][kind]
        figures[kind, "all"], figures[kind, "reached"] = summary["count"], summary["covered"]
    files.append((path, figures))
    # The one that says most.
    modules[belongs_to[-1]].update(figures)
    modules["all"].update(figures)


def row(name, figures):
    shares = []
    for kind in ("lines", "regions"):
        reached, count = figures[kind, "reached"], figures[kind, "all"]
        shares.append(f"{reached / max(count, 1):.0%} of {count}")
    print(f"| {name} | {shares[0]} | {shares[1]} |")


print("| module | lines | regions |\n|---|---|---|")
for name in [*CORE, "all"]:
    row(name, modules[name])
print("\nNot reached of files:")
missed = [(it["lines", "all"] - it["lines", "reached"], path) for path, it in files]
for lines, path in sorted(missed, reverse=True)[:MOST_FILES]:
    print(f"{lines:>6} lines  {path}")
