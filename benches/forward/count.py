"""count.py PROGRAM FOLDER [write]: instructions of one request of each kind, against the budget."""

import json
import re
import statistics
import subprocess
import sys
from pathlib import Path

import upstream
from gateway import Gateway
from kinds import KINDS

PROGRAM, FOLDER, WRITE = sys.argv[1], Path(sys.argv[2]), sys.argv[3:] == ["write"]
BUDGET = Path(__file__).with_name("budget.json")
# What a request may cost more than its budget before it is a failure, and less before it is worth
# lowering the budget. Counts of two runs differ by less than 0.5 %.
TOLERANCE = 0.04
# Enough for what is done only now and then, such as a table that grows, to be spread thin.
PART = 200
# Not so what is done once a minute: the gateway then evicts the receivers of the minute before the last one, at 700
# instructions each, of up to 7000 receivers. That falls into one part, and the median is without it.
PARTS = 5


def instructions(gateway, kind):
    """Instructions of one request; callgrind counts nothing until it is told to."""
    def control(*arguments):
        subprocess.run(["callgrind_control", *arguments, str(gateway.process.pid)], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def part():
        gateway.send(kind, PART)
        # Sets the counters to zero as well.
        control("-d")
        dump = max(FOLDER.glob("callgrind.out.*"), key=lambda path: int(path.suffix[1:]))
        return int(re.search(r"^totals: (\d+)", dump.read_text(), re.MULTILINE)[1])

    gateway.warm_up(kind)
    control("-i", "on")
    parts = [part() for _ in range(PARTS)]
    control("-i", "off")
    return round(statistics.median(parts) / PART)


def main():
    for old in FOLDER.glob("callgrind.out*"):
        old.unlink()
    valgrind = ["valgrind", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={FOLDER / 'callgrind.out'}"]
    gateway = Gateway(FOLDER, PROGRAM, upstream.start(), under=valgrind)
    counts = {kind.name: instructions(gateway, kind) for kind in KINDS}
    if WRITE:
        BUDGET.write_text(json.dumps(counts, indent=2) + "\n")
    budget = json.loads(BUDGET.read_text())
    too_much = [name for name, count in counts.items() if count > budget[name] * (1 + TOLERANCE)]
    for name, count in counts.items():
        print(f"{name}: {count} instructions, {count / budget[name] - 1:+.1%} of the budget of {budget[name]}")
    if any(count < budget[name] * (1 - TOLERANCE) for name, count in counts.items()):
        print("Cheaper than the budget: make cost-budget lowers it.")
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
