"""Prints which share of each module of the core was reached, and the files of which most was not.

Given are what llvm-cov exports as lcov, for the lines, and as JSON, for the regions. Tests in the files do not count.
"""

import collections
import json
import pathlib
import re
import sys

CORE = ["broadcasts", "delivery", "delivery/idempotency", "limits", "queue", "redis", "sqlite"]
TESTS = re.compile(r"/tests/|/tests\.rs$|/testing\.rs$|/simulated")
MOST_FILES = 25


def end_of(path):
    """The line at which the tests in a file begin."""
    lines = pathlib.Path("src", path).read_text(encoding="utf-8").splitlines()
    return lines.index("mod tests {") if "mod tests {" in lines else len(lines) + 1


def in_core(reached):
    """What was reached of each file, by its path, without tests."""
    for name, places in reached:
        path = name.partition("/src/")[2]
        if path.startswith(tuple(module + "/" for module in CORE)) and not TESTS.search("/" + path):
            end = end_of(path)
            counts = [count for line, count in places if line < end]
            yield path, (sum(count > 0 for count in counts), len(counts))


def lines(lcov):
    for record in lcov.split("end_of_record"):
        name = re.search(r"^SF:(.*)$", record, re.M)
        if name:
            places = re.findall(r"^DA:(\d+),(\d+)", record, re.M)
            yield name[1], [(int(line), int(count)) for line, count in places]


def regions(exported):
    for file in exported["data"][0]["files"]:
        # Line, column, count, and whether there is a count, a region begins, and it is a gap.
        yield file["filename"], [(it[0], it[2]) for it in file["segments"] if it[3] and it[4] and not it[5]]


def share(figures, module):
    of_module = [it for path, it in figures.items() if module_of(path) == module or module == "all"]
    reached, count = (sum(column) for column in zip(*of_module))
    return f"{reached / count:.0%} of {count}"


def module_of(path):
    # The one that says most.
    return [module for module in CORE if path.startswith(module + "/")][-1]


of_lines = dict(in_core(lines(pathlib.Path(sys.argv[1]).read_text(encoding="utf-8"))))
of_regions = dict(in_core(regions(json.loads(pathlib.Path(sys.argv[2]).read_text(encoding="utf-8")))))
print("| module | lines | regions |\n|---|---|---|")
for module in [*CORE, "all"]:
    print(f"| {module} | {share(of_lines, module)} | {share(of_regions, module)} |")
print("\nNot reached of files:")
missed = collections.Counter({path: count - reached for path, (reached, count) in of_lines.items()})
for path, count in missed.most_common(MOST_FILES):
    print(f"{count:>6} lines  {path}")
