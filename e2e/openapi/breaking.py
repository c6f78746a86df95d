"""Fails if an OpenAPI document breaks what an earlier one said, and CHANGELOG.md does not name it.

    breaking.py OASDIFF EARLIER PRESENT CHANGELOG

Exit code: 0 nothing breaks or all that does is named, 1 not all of it is named, 2 it could not look.
"""

import json
import re
import subprocess
import sys
import tempfile

# Where our versioning differs from what oasdiff takes for granted.
LEVELS = {
    # By CONTRIBUTING.md callers have to expect new problem codes.
    "response-property-enum-value-added": "info",
    # It never promised that an optional field or header is there, but callers came to rely on it.
    "response-optional-property-removed": "err",
    "optional-response-header-removed": "err",
    # A deprecation does not help callers that missed it.
    "api-removed-with-deprecation": "err",
    "api-path-removed-with-deprecation": "err",
    "request-parameter-removed-with-deprecation": "err",
    "request-property-removed-with-deprecation": "err",
    "response-required-property-removed-with-deprecation": "err",
}


def breaking_changes(oasdiff, earlier, present):
    """What each one must be called in the changelog: operation, rule, and what it is about."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as levels:
        levels.writelines(f"{rule} {level}\n" for rule, level in LEVELS.items())
        levels.flush()
        command = [oasdiff, "breaking", "--severity-levels", levels.name, "--format", "json"]
        ran = subprocess.run([*command, earlier, present], capture_output=True, text=True)
    if ran.returncode or ran.stderr:
        print(f"oasdiff: {ran.stderr or ran.stdout}", file=sys.stderr)
        sys.exit(2)
    return sorted({names(change) for change in json.loads(ran.stdout)})


def names(change):
    # One change of a schema comes once for each status that it is answered with.
    about = [name for name in re.findall("`([^`]+)`", change["text"]) if not name.isdigit()]
    operation = f"{change.get('operation', '')} {change.get('path', '')}".strip()
    return tuple(name for name in (operation, change["id"], *about) if name)


def named_in(changelog):
    """The items under "### Breaking" of the section "Unreleased"."""
    unreleased = re.search(r"^## Unreleased\n(.*?)(?=^## |\Z)", changelog, re.DOTALL | re.MULTILINE)
    section = re.search(
        r"^### Breaking\n(.*?)(?=^### |\Z)", unreleased[1] if unreleased else "", re.DOTALL | re.MULTILINE
    )
    return re.split(r"^- ", section[1], flags=re.MULTILINE)[1:] if section else []


def main(oasdiff, earlier, present, changelog):
    with open(changelog, encoding="utf-8") as file:
        items = named_in(file.read())
    unnamed = [
        change
        for change in breaking_changes(oasdiff, earlier, present)
        if not any(all(f"`{name}`" in item for name in change) for item in items)
    ]
    if not unnamed:
        return 0
    print(f"{present} breaks what {earlier} says. Correct it, or, if it has to be, name each change in")
    print('CHANGELOG.md under "### Breaking" of "Unreleased", and what callers are to do:\n')
    for change in unnamed:
        print("- " + " ".join(f"`{name}`" for name in change) + ": …")
    return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
