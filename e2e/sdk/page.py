"""Prints a program of docs/en/guide/sdks.md as it is after the change.

    page.py PAGE LANGUAGE
"""

import re
import sys

page, language = sys.argv[1:]
with open(page, encoding="utf-8") as file:
    section = re.search(rf"^## {language}$.*?^```diff$\n(.*?)^```$", file.read(), re.M | re.S | re.I)
lines = section[1].splitlines()
before = [line for line in lines if line.startswith("-")]
after = [line for line in lines if line.startswith("+")]
if not len(before) == len(after) == 2:
    sys.exit(f"{page}: the program for {language} does not change two lines")
print("\n".join(line[1:] for line in lines if not line.startswith("-")))
