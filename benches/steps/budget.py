"""Holds the counts of `cargo bench --bench steps -- --output-format=json` against budget.json.

`budget.py FILE` fails if a step takes over 5 % more instructions than its budget; `budget.py FILE write` makes the
counts the budget.
"""

import json
import sys
from pathlib import Path

REPEATS = 1000  # As main.rs has it.
OVER = 1.05
UNDER = 0.90
BUDGET = Path(__file__).parent / "budget.json"


def counted(line):
    """The name of a step and its instructions."""
    summary = json.loads(line)
    total = summary["profiles"][0]["data"]["total"]
    count = total["metrics"]["Ir"]["values"]["new"]
    name = f"{summary['function_name']} {summary['id']}".replace("_", " ")
    return name, round(count / REPEATS, 1)


def verdict(count, budget):
    if budget is None:
        return "is new and has no budget"
    if count > budget * OVER:
        return f"is {count / budget - 1:.1%} over its budget of {budget:,.1f}"
    if count < budget * UNDER:
        return f"is {1 - count / budget:.1%} under its budget of {budget:,.1f}: lower it"
    return ""


steps = dict(counted(line) for line in open(sys.argv[1]) if line.startswith("{"))
if not steps:
    sys.exit("no step was counted")
if sys.argv[2:] == ["write"]:
    BUDGET.write_text(json.dumps(steps, indent=2) + "\n")
budgets = json.loads(BUDGET.read_text())
failures = [f"{name} was not counted" for name in budgets.keys() - steps.keys()]
width = max(map(len, steps))
print(f"{'Instructions of':{width}}")
for name, count in steps.items():
    budget = budgets.get(name)
    said = verdict(count, budget)
    print(f"{name:{width}} {count:>12,.1f}  {said}".rstrip())
    if budget is None or count > budget * OVER:
        failures.append(f"{name}: {count:,.1f} instructions; it {said}")
if failures:
    sys.exit("\n".join(["", *failures, "If this is meant to be, `make steps-budget` writes the new counts."]))
