"""count.py GATEWAY FOLDER [figures [FLOOR]]: instructions of one request of each kind against the budget. With `figures`
those of a forward too; for these the program must have the names of its functions. With a FLOOR, the budget becomes
what is counted."""

import json
import re
import statistics
import sys
from functools import partial
from pathlib import Path

import upstream
from callgrind import Callgrind
from figures import GOALS, figures
from gateway import Gateway
from kinds import KINDS
from server import Floor

PROGRAM, FOLDER, FIGURES, FLOOR = sys.argv[1], Path(sys.argv[2]), sys.argv[3:4], sys.argv[4:]
BUDGET = Path(__file__).with_name("budget.json")
# What a figure may be above its budget before it is a failure, and below before it is worth
# lowering the budget. Counts of two runs differ by less than 0.5 %.
TOLERANCE = 0.04
# Enough for what is done only now and then, such as a table that grows, to be spread thin.
PART = 200
# Not so what is done once a minute: the gateway then evicts the receivers of the minute before the last one, at 700
# instructions each, of up to 7000 receivers. That falls into one part, and the median is without it.
PARTS = 5


def instructions(callgrind, gateway, kind):
    """Instructions of one request."""
    def part():
        dump = callgrind.count(gateway, lambda: gateway.send(kind, PART))
        return int(re.search(r"^totals: (\d+)", dump.read_text(), re.MULTILINE)[1])

    gateway.warm_up(kind)
    return round(statistics.median(part() for _ in range(PARTS)) / PART)


def count(base_url):
    callgrind = Callgrind(FOLDER)
    gateway = Gateway(FOLDER, PROGRAM, base_url, under=callgrind.command)
    counted = {"instructions": {kind.name: instructions(callgrind, gateway, kind) for kind in KINDS}}
    gateway.stop()
    if not FIGURES:
        return counted
    # Valgrind has no SHA instructions, so the hashes of ids would look five times as expensive as they are.
    plain = partial(Gateway, FOLDER, PROGRAM, base_url, audit_ids="plain")
    counted["a forward, ids plain"] = figures(FOLDER, plain)
    if FLOOR:
        counted["the floor"] = figures(FOLDER, partial(Floor, FOLDER, FLOOR[0], base_url))
    return counted


def over_budget(counted, budget):
    """Says how each figure compares with its budget, and returns the names of those that are too high."""
    too_much = []
    for of, figures_of in counted.items():
        for name, figure in figures_of.items():
            bound = budget[of][name]
            print(f"{of}: {name}: {figure}, {figure / bound - 1:+.1%} of the budget of {bound}")
            if figure > bound * (1 + TOLERANCE):
                too_much.append(f"{of}: {name}")
            elif figure < bound * (1 - TOLERANCE):
                print("  Lower than the budget: make cost-budget lowers it.")
    return too_much


def main():
    counted = count(upstream.start())
    if FLOOR:
        BUDGET.write_text(json.dumps(counted, indent=2) + "\n")
    budget = json.loads(BUDGET.read_text())
    too_much = over_budget(counted, budget)
    for goal in GOALS if FIGURES else []:
        print(goal.told(counted["a forward, ids plain"], budget["the floor"]))
    counts = counted["instructions"]
    # The door adds little to a forward.
    if counts["a forward by Feishu's own path"] > counts["a forward"] * 1.05:
        too_much.append("Feishu's own path, with more than 5 % of a forward")
    # A tool's call always has a key, so this is the same forward.
    if counts["a forward by MCP"] > counts["a forward with a key of its own"] * 2:
        too_much.append("MCP, with more than twice the same forward")
    if too_much:
        sys.exit(f"Over the budget: {', '.join(too_much)}. If dependencies or Rust are newer than the profile: make profile. "
                 "docs/en/design/performance.md says how to find out why else; make cost-budget raises it.")


main()
