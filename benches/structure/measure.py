#!/usr/bin/env python3
"""Measures the structure of the sources: files, functions, circles, documentation, names, comments.

    measure.py [--markdown] [DIRECTORY]

DIRECTORY is the checkout to measure, this one by default. What is compiled for tests only is left out of
everything but the lines of tests. The sources are formatted by rustfmt, so lines and their indentation
say where an item ends. The circles are those that tests/architecture of this checkout finds.
"""

import argparse
import os
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from statistics import median

REPOSITORY = Path(__file__).resolve().parents[2]

TEST_ONLY = re.compile(r"\s*#!?\[cfg\((test|all\(test\b.*)\)\]")
MODULE = re.compile(r"\s*(?:pub(?:\([^)]*\))? )?mod (\w+);")
FUNCTION = re.compile(r"\s*(?:pub(?:\([^)]*\))? )?(?:(?:const|async|unsafe) )*fn (\w+)")
TYPE = re.compile(r"(\s*)(?:pub(?:\([^)]*\))? )?(struct|enum|trait|type) (\w+)")
METHODS = re.compile(r"impl(?:<[^>]*>)? (\w+)(?:<[^{]*>)?(?: where| \{|$)")
PUBLIC = re.compile(r"\s*pub (?:(?:const|async|unsafe) )*(fn|struct|enum|trait|const|static|type|mod) (\w+)")
COMMENT = re.compile(r"\s*//(/(?!/)|!|)")


def indent(line):
    return len(line) - len(line.lstrip())


def end(lines, start):
    """The index of the last line of the item or statement that begins at start."""
    first = lines[start]
    if first.endswith((";", "}", ",")):
        return start
    for at in range(start + 1, len(lines)):
        line = lines[at]
        if indent(line) == indent(first):
            # What goes on, such as `} else {`, does not end.
            if line.endswith(";") or line.lstrip().startswith("}") and not line.endswith("{"):
                return at
        elif first.endswith("=") and line.endswith(";"):
            return at
    return len(lines) - 1


class File:
    def __init__(self, root, path):
        self.path = path.relative_to(root).as_posix()
        self.lines = path.read_text(encoding="utf-8").splitlines()
        beside = path.name in ("lib.rs", "main.rs", "mod.rs")
        self.children = path.parent if beside else path.with_suffix("")
        self.test_modules = []
        self.tests = set()
        self.find_tests()

    def find_tests(self):
        """Finds the lines that are compiled for tests only, and the modules whose files are."""
        at = 0
        while at < len(self.lines):
            last = at
            if TEST_ONLY.match(self.lines[at]):
                item = at + 1
                while self.lines[item].lstrip().startswith(("#[", "//")):
                    item += 1
                last = end(self.lines, item)
                self.tests.update(range(at, last + 1))
                if module := MODULE.match(self.lines[item]):
                    self.test_modules.append(self.children / module[1])
            at = last + 1

    def code(self):
        """The lines that are not for tests, with their indices."""
        return [(at, line) for at, line in enumerate(self.lines) if at not in self.tests]

    def place(self, at):
        return f"{self.path}:{at + 1}"


def read(root, folder):
    """The sources of a folder, and those of them that are not for tests only."""
    files = {path: File(root, path) for path in sorted((root / folder).rglob("*.rs"))}
    test_modules = [module for file in files.values() for module in file.test_modules]
    code = [file for path, file in files.items()
            if not any(path.with_suffix("") == module or module in path.parents for module in test_modules)]
    return list(files.values()), code


def functions(files):
    """Each function with a body: its length in lines, its name and place."""
    for file in files:
        for at, line in file.code():
            if name := FUNCTION.match(line):
                last = end(file.lines, at)
                if not file.lines[last].rstrip().endswith(";"):
                    yield last - at + 1, f"{name[1]} ({file.place(at)})"


def public_items(files):
    """Each public item, and whether it has documentation; that of a module may be in its file."""
    opened = {file.path: bool(file.lines) and file.lines[0].startswith("//!") for file in files}
    for file in files:
        folder = file.path.removesuffix(".rs").removesuffix("/mod").removesuffix("/lib")
        documented = inside_attribute = False
        for _, line in file.code():
            text = line.strip()
            if text.startswith("///") or text.startswith("#[doc"):
                documented = True
            elif inside_attribute or text.startswith("#["):
                inside_attribute = not (text == ")]" if inside_attribute else text.endswith("]"))
            elif item := PUBLIC.match(line):
                kind, name = item.groups()
                own = kind == "mod" and any(
                    opened.get(f"{folder}/{name}{suffix}") for suffix in (".rs", "/mod.rs"))
                yield file, name, documented or own
                documented = False
            elif not text.startswith("//"):
                documented = False


def types(files):
    """Each type name, with the places where it is defined. Associated types are none."""
    places = defaultdict(list)
    for file in files:
        for at, line in file.code():
            if (found := TYPE.match(line)) and (found[2] != "type" or not found[1]):
                places[found[3]].append(file.place(at))
    return places


def methods_elsewhere(files):
    """Blocks of methods in another file than the one that defines their type."""
    for file in files:
        own = {found[3] for _, line in file.code() if (found := TYPE.match(line))}
        for at, line in file.code():
            if " for " not in line and (block := METHODS.match(line)) and block[1] not in own:
                yield f"{block[1]} ({file.place(at)})"


def comments(files):
    """How many lines are comments of each kind: documentation of items, of modules, and plain ones."""
    kinds = {"/": 0, "!": 0, "": 0}
    for file in files:
        for _, line in file.code():
            if comment := COMMENT.match(line):
                kinds[comment[1]] += 1
    return kinds


def circles(root):
    """The circles that tests/architecture finds, each as a list of files."""
    command = [os.environ.get("CARGO", "cargo"), "test", "--quiet", "--locked", "--test", "architecture", "--",
               "--exact", "--include-ignored", "no_files_use_each_other_in_a_circle"]
    environment = os.environ | {"STRUCTURE_OF": str(root), "RUST_BACKTRACE": "0"}
    run = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)
    output = run.stdout + run.stderr
    found = re.findall(r"^circle of \d+ files: (.*)$", output, re.MULTILINE)
    if not found and not re.search(r"^test result: ok\. 1 passed", output, re.MULTILINE):
        sys.exit(f"The test for circles did not run:\n{output}")
    return [files.split() for files in found]


def share(part, whole):
    return f"{part} of {whole} ({part / whole:.1%})" if whole else "none"


def figures(root):
    """The rows of the table: what was measured, and its figures, each a line."""
    all_files, files = read(root, "src")
    lines = {file.path: len(file.code()) for file in files}
    largest = max(lines, key=lines.get)
    of_tests = sum(len(file.lines) for file in all_files) - sum(lines.values())
    suites = [len(path.read_text(encoding="utf-8").splitlines())
              for folder in ("tests", "e2e") for path in (root / folder).rglob("*.rs")]
    yield "src without tests", [f"{len(files)} files, {sum(lines.values())} lines"]
    yield "tests", [f"{of_tests} lines in src", f"{len(suites)} files, {sum(suites)} lines in tests and e2e"]
    yield "length of a file of src", [f"median {median(lines.values()):g}", f"largest {lines[largest]}: {largest}"]

    found = sorted(functions(files), reverse=True)
    yield "functions", [f"{len(found)}, median {median(length for length, _ in found):g} lines"]
    yield "largest functions", [f"{length} lines: {name}" for length, name in found[:5]]

    found = circles(root)
    yield "circles of files", [f"{len(found)}, with {sum(map(len, found))} files"]
    for circle in found:
        yield f"circle of {len(circle)}", [" ".join(circle)]

    found = list(public_items(files))
    yield "public items documented", [share(sum(documented for *_, documented in found), len(found))]
    twice = {name: places for name, places in sorted(types(files).items()) if len(places) > 1}
    yield "type names used twice", [str(len(twice))] + [f"{name}: {', '.join(twice[name])}" for name in twice]
    found = list(methods_elsewhere(files))
    yield "methods away from their type", [f"{len(found)} blocks"] + found
    kinds = comments(files)
    yield "plain comments", [f"{share(kinds[''], sum(kinds.values()))} lines of comments"]

    floors = defaultdict(list)
    for path, length in lines.items():
        floors[path.split("/")[1].removesuffix(".rs")].append(length)
    for floor, lengths in sorted(floors.items(), key=lambda entry: -sum(entry[1])):
        yield f"floor {floor}", [f"{len(lengths)} file{'s' * (len(lengths) > 1)}, {sum(lengths)} lines"]


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("directory", nargs="?", type=Path, default=REPOSITORY)
    arguments.add_argument("--markdown", action="store_true")
    options = arguments.parse_args()
    root = options.directory.resolve()
    if not (root / "src").is_dir():
        arguments.error(f"{options.directory} is no checkout: it has no src")
    rows = list(figures(root))
    if options.markdown:
        print("| measure | figures |\n|---|---|")
        for name, values in rows:
            print(f"| {name} | {'<br>'.join(values)} |")
        return
    width = max(len(name) for name, _ in rows)
    for name, values in rows:
        for at, value in enumerate(values):
            print(f"{'' if at else name:{width}}  {value}")


if __name__ == "__main__":
    main()
