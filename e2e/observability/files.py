"""Checks that alerts, their tests and their runbook belong together, and that the dashboard is well made. Run it at the top
of the checkout: it looks in src for the log lines that the runbook searches for.

    files.py CHART_FILES RUNBOOK ALERTMANAGER_EXAMPLE TEST…
"""

import json
import re
import sys
from pathlib import Path

mistakes = []


def expect(holds, claim):
    if not holds:
        mistakes.append(claim)


def check_alerts(rules, runbook, tests, example):
    blocks = re.split(r"^ +- (?=alert: |record: )", rules, flags=re.M)
    alerts = [block for block in blocks if block.startswith("alert: ")]
    names = {block.split(maxsplit=2)[1] for block in alerts}
    expect(names, "there are alerts")
    for block in alerts:
        name = block.split(maxsplit=2)[1]
        expect(f"runbook_url: https://runbook.invalid/#{name.lower()}\n" in block, f"{name} has its runbook_url")
        expect(re.search(r"severity: (critical|warning)$", block, re.M), f"{name} has a severity")
        expect("summary: " in block and "description: " in block, f"{name} has a summary and a description")

    sections = set(re.findall(r"^## (FeishuGateway\w+)$", runbook, re.M))
    for name in names ^ sections:
        expect(False, f"{name} is both an alert and a section of the runbook")
    for target in re.findall(r"\]\(#([^)]*)\)", runbook):
        expect(target in slugs(runbook), f"#{target} is a heading of the runbook")
    for pattern in re.findall(r"\| grep '([A-Za-z '\\|]+)'", runbook):
        for text in pattern.split(r"\|"):
            expect(text in sources, f"the gateway logs {text!r}, which the runbook searches for")

    # Alertmanager ignores a name that no alert has.
    hiding = re.search(r"^inhibit_rules:\n((?:[ ].*\n)+)", example, re.M)[1]
    patterns = re.findall(r'alertname =~? "([^"]*)"', hiding)
    expect(patterns, "the example for Alertmanager has inhibition rules")
    for pattern in patterns:
        prefix, _, endings = pattern.partition("(")
        for ending in endings.rstrip(")").split("|"):
            expect(prefix + ending in names, f"{prefix + ending} of the inhibition rules is an alert")

    # The tests query all alerts that fire, so the alert of a case is in its name.
    cases = re.findall(r"^  - name: (\w+) (fires|is silent)\b.*\n((?:    .*\n|\n)*)", tests, re.M)
    for name in names:
        fires = [body for alert, what, body in cases if (alert, what) == (name, "fires")]
        expect(any(f'alertname="{name}"' in body for body in fires), f"a test lets {name} fire")
        expect((name, "is silent") in {case[:2] for case in cases}, f"a test keeps {name} silent")


def slugs(text):
    headings = re.findall(r"^#+ (.*)$", text, re.M)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def check_dashboard(dashboard):
    panels = dashboard["panels"]
    ids = [panel["id"] for panel in panels]
    expect(len(ids) == len(set(ids)), "each panel has an id of its own")
    taken = set()
    for panel in panels:
        title, at = panel["title"], panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        expect(at["x"] + at["w"] <= 24, f"{title}: within 24 columns")
        expect(not cells & taken, f"{title}: overlaps no other")
        taken |= cells
        if panel["type"] == "row":
            continue
        expect(panel["type"] in ("timeseries", "stat", "table"), f"{title}: no outdated type of panel")
        expect(panel.get("description"), f"{title}: has a description")
        expect(panel["fieldConfig"]["defaults"].get("unit"), f"{title}: has a unit")
        expect(panel["targets"], f"{title}: has a query")
        refs = [target["refId"] for target in panel["targets"]]
        expect(len(refs) == len(set(refs)), f"{title}: each query has a refId of its own")
        for part in [panel, *panel["targets"]]:
            expect(part["datasource"] == {"type": "prometheus", "uid": "${datasource}"}, f"{title}: uses $datasource")
        for target in panel["targets"]:
            expect(target.get("expr") and target.get("legendFormat"), f"{title}: has an expr and a legend")
            known = {"__rate_interval"} | {variable["name"] for variable in dashboard["templating"]["list"]}
            for variable in re.findall(r"\$(\w+)", target["expr"]):
                expect(variable in known, f"{title}: ${variable} is a variable")


folder, *texts = map(Path, sys.argv[1:])
sources = "".join(path.read_text() for path in sorted(Path("src").rglob("*.rs")))
runbook, example, *tests = (path.read_text() for path in texts)
check_alerts((folder / "alerts.yaml").read_text(), runbook, "".join(tests), example)
text = (folder / "dashboard.json").read_text()
check_dashboard(json.loads(text))
expect(text == json.dumps(json.loads(text), indent=2, ensure_ascii=False) + "\n", "dashboard.json is tidy")
for mistake in mistakes:
    print(f"  not so: {mistake}")
sys.exit(bool(mistakes))
