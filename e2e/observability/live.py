"""Drives a gateway, and asks the Prometheus that scrapes it all that the dashboard, the rules and the runbook ask.

    live.py CHART_FILES RUNBOOK

prints what each query of the dashboard gave.
"""

import json
import math
import os
import re
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

GATEWAY, KEY = os.environ["GATEWAY_URL"], os.environ["GATEWAY_KEY"]
STORE, STORE_KEY = os.environ["STORE_URL"], os.environ["STORE_KEY"]
SIMULATOR, PROMETHEUS = os.environ["SIMULATOR_URL"], os.environ["PROMETHEUS_URL"]
ADMINS = ["http://" + os.environ[name] for name in ("GATEWAY_ADMIN", "STORE_ADMIN")]
# What Grafana would put there for a scrape each second is 4s; a longer one misses nothing.
RATE_INTERVAL = "15s"
PATIENCE = 120  # seconds
mistakes = []


def get(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read().decode()


def post(url, body, headers=None):
    request = urllib.request.Request(url, json.dumps(body).encode(), headers or {})
    urllib.request.urlopen(request, timeout=30).close()


def prometheus(path, **query):
    return json.loads(get(f"{PROMETHEUS}/api/v1/{path}?{urllib.parse.urlencode(query)}"))["data"]


def forward(receiver, key=KEY, name=None, message="om_1", prefer=None, gateway=GATEWAY):
    headers = {"X-API-Key": key, "Content-Type": "application/json"}
    if prefer:
        headers["Prefer"] = prefer
    if name:
        headers["Idempotency-Key"] = name
    try:
        post(f"{gateway}/v1/messages/{message}/forward", {"receive_id": receiver}, headers)
    except urllib.error.HTTPError as refused:
        refused.close()


def broadcast(name):
    headers = {"X-API-Key": KEY, "Content-Type": "application/json", "Idempotency-Key": name}
    receivers = [{"receive_id": it} for it in ("oc_everybody", "oc_code_230002")]
    try:
        post(f"{GATEWAY}/v1/messages/om_1/broadcasts", {"receivers": receivers}, headers)
    except urllib.error.HTTPError as refused:
        refused.close()


def call_tool(receiver):
    arguments = {"message_id": "om_1", "receive_id": receiver}
    call = {"name": "forward_message", "arguments": arguments}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}
    post(f"{GATEWAY}/mcp", message, {"X-API-Key": KEY, "Content-Type": "application/json"})


def drive(until):
    """Sends a bit of everything, again and again."""
    with ThreadPoolExecutor(32) as pool:
        for code in ("99991663", "230027", "10014"):
            pool.submit(forward, f"oc_code_{code}")
        # More than the app may do at once, from one who does not wait.
        for number in range(60):
            pool.submit(forward, f"oc_hasty_{number}", prefer="wait=0")
        # The app pauses for a second, and the answer to a forward is lost.
        for kind in ({"code": {"code": 99991400}}, "cut"):
            post(f"{SIMULATOR}/_simulator/faults", {"api": "forward", "receive_id": "oc_busy", "kind": kind})
        while not until.is_set():
            name = str(uuid.uuid4())
            calls = [(f"oc_{number}",) for number in range(8)]
            calls += [("oc_busy",)] * 8
            calls += [("oc_code_230002",), ("oc_code_2200",), ("oc_code_230020",), ("oc_1", "ffg_wrong")]
            calls += [("oc_named", KEY, name), ("oc_named", KEY, name), ("oc_other", KEY, name)]
            done = [pool.submit(forward, *call) for call in calls]
            pool.submit(broadcast, name)
            pool.submit(call_tool, "oc_assistant")
            pool.submit(forward, "oc_tenant", STORE_KEY, gateway=STORE)
            until.wait(1)
            # As many as are answered: nothing piles up.
            done[0].result()


def poll(claim, ask):
    """Asks until the answer is not empty, and returns it."""
    deadline = time.monotonic() + PATIENCE
    while True:
        answer = ask()
        if answer:
            return answer
        if time.monotonic() > deadline:
            mistakes.append(claim)
            return answer
        time.sleep(0.5)


def plain(expr):
    """A query as Grafana sends it with All chosen everywhere."""
    expr = expr.replace("$__rate_interval", RATE_INTERVAL)
    return re.sub(r"\$(namespace|job|instance|app)\b", ".*", expr)


def latest(expr):
    """Label sets and values, those that are no number left out."""
    result = prometheus("query", query=plain(expr))["result"]
    values = [(row["metric"], float(row["value"][1])) for row in result]
    return [(labels, value) for labels, value in values if math.isfinite(value)]


def firing():
    return [alert for alert in prometheus("alerts")["alerts"] if alert["state"] == "firing"]


def legend(pattern, labels):
    return re.sub(r"\{\{(\w+)\}\}", lambda found: labels.get(found[1], ""), pattern)


def names_in(exprs):
    names = set(re.findall(r"\b(?:feishu_gateway|process)_\w+", " ".join(exprs)))
    return {re.sub(r"_(bucket|sum|count)$", "", name) for name in names}


def check_names(metrics, rules, queries):
    there = set(re.findall(r"^# TYPE (\w+)", metrics, re.M))
    for name in names_in(rules + queries) - there:
        mistakes.append(f"{name} is a metric of the gateway")
    ours = {name for name in there if name.startswith("feishu_gateway_")}
    for name in ours - names_in(queries):
        mistakes.append(f"{name} is on the dashboard")


def check_rules():
    """Each rule can be evaluated, and what it looks at is there, label values included."""
    groups = prometheus("rules")["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    for rule in rules:
        if rule["health"] != "ok":
            mistakes.append(f"{rule['name']} can be evaluated: {rule.get('lastError')}")
        if rule["type"] == "recording":
            poll(f"{rule['name']} is recorded", lambda: latest(rule["name"]))
        for selector in re.findall(r"feishu_gateway[\w:]*(?:\{[^}]*\})?", rule["query"]):
            poll(f"{selector} of {rule['name']} is there", lambda: latest(selector))
    return [rule["query"] for rule in rules]


def check_panels(panels):
    for panel in panels:
        for target in panel.get("targets", []):
            claim = f"{panel['title']}: {target['legendFormat']} shows something"
            for labels, value in poll(claim, lambda: latest(target["expr"])):
                print(f"{panel['title']:36} {legend(target['legendFormat'], labels):42} {value:.4g}")


def check_runbook(text):
    """The text in backticks that names a metric is a query that can be pasted."""
    spans = re.findall(r"`([^`]+)`", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S))
    found = [span for span in spans if re.search(r"\b(feishu_gateway|process)_", span)]
    for query in found:
        try:
            prometheus("query", query=query)
        except urllib.error.HTTPError as refused:
            mistakes.append(f"{query} of the runbook is a query: {refused.read().decode()}")
    return found


folder, runbook = map(Path, sys.argv[1:])
panels = json.loads((folder / "dashboard.json").read_text())["panels"]
queries = [target["expr"] for panel in panels for target in panel.get("targets", [])]

poll("the gateway is scraped", lambda: latest("feishu_gateway_tenant_token_expiry_timestamp_seconds"))
poll("the gateway counts in Redis", lambda: latest("feishu_gateway_state_up == 1"))
# At the very start FeishuGatewayDown is pending, as the gateway was not scraped yet, and
# FeishuGatewaySharedStateDown, as Redis had not answered yet.
poll("no alert fires or is pending before anything has happened", lambda: not prometheus("alerts")["alerts"])

over = threading.Event()
traffic = threading.Thread(target=drive, args=(over,))
traffic.start()
try:
    rules = check_rules()
    check_panels([panel for panel in panels if panel["title"] != "Alerts that fire"])
    check_names("".join(get(f"{admin}/metrics") for admin in ADMINS), rules + check_runbook(runbook.read_text()), queries)
    # A thing that goes wrong all the way: Feishu says that the month's quota is used up.
    forward("oc_code_99991403")
    poll("the month's quota has an alert that fires", lambda: [
        alert for alert in firing() if "monthly quota of app main" in alert["annotations"]["summary"]])
    check_panels([panel for panel in panels if panel["title"] == "Alerts that fire"])
    for alert in firing():
        texts = alert["annotations"]
        print(f"fires: {texts['summary']}")
        if "<error" in " ".join(texts.values()):
            mistakes.append(f"the texts of {alert['labels']['alertname']} can be written: {texts}")
finally:
    over.set()
    traffic.join()

for mistake in mistakes:
    print(f"  not so: {mistake}")
sys.exit(bool(mistakes))
