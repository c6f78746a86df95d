"""count.py PROGRAM FOLDER [write]: instructions of one request of each kind, against the budget."""

import atexit
import http.client
import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import upstream

PROGRAM, FOLDER, WRITE = sys.argv[1], Path(sys.argv[2]), sys.argv[3:] == ["write"]
BUDGET = Path(__file__).with_name("budget.json")
# What a request may cost more than its budget before it is a failure, and less before it is worth
# lowering the budget. Counts of two runs differ by less than 0.5 %.
TOLERANCE = 0.04
# Enough for what is done only now and then, such as a table that grows, to be spread thin.
REQUESTS = 1000
WARM_UP = 200

HASH = "sha256:2c70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683"
KEY = "key"
CONFIG = """
[server]
listen = "127.0.0.1:0"
admin_listen = "127.0.0.1:0"
[feishu]
base_url = "{base_url}"
[apps.main]
app_id = "cli_a1b2c3d4e5f6"
app_secret = "secret"
[keys.bench]
hash = "{hash}"
# A receiver that got one message gets no other one while this runs.
[limits]
receiver_per_second = 1
guard = "1h"
app_per_second = 100000
app_per_minute = 6000000
"""


class Gateway:
    """The program under callgrind, which counts nothing until it is told to."""

    def __init__(self):
        config, self.out, self.log = FOLDER / "gateway.toml", FOLDER / "callgrind.out", FOLDER / "gateway.log"
        config.write_text(CONFIG.format(base_url=upstream.start(), hash=HASH))
        valgrind = ["valgrind", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={self.out}"]
        with self.log.open("w") as log, (FOLDER / "valgrind.log").open("w") as errors:
            command = [*valgrind, PROGRAM, "serve", "--config", config]
            self.process = subprocess.Popen(command, stdout=log, stderr=errors)
        # However this ends.
        atexit.register(self.stop)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(2))
        self.port = int(self.said(r'"listening".*"listen":"127\.0\.0\.1:(\d+)"'))
        self.said("tenant token fetched")
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port)

    def said(self, pattern):
        deadline = time.monotonic() + 60
        while not (found := re.search(pattern, self.log.read_text())):
            if self.process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"the gateway does not say {pattern}: {self.log.read_text()}")
            time.sleep(0.05)
        return found[found.lastindex or 0]

    def control(self, *arguments):
        subprocess.run(["callgrind_control", *arguments, str(self.process.pid)], check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)

    def count(self, kind):
        """Instructions of one request."""
        for _ in range(WARM_UP):
            kind.send(self.connection)
        self.control("-i", "on")
        statuses = {kind.send(self.connection) for _ in range(REQUESTS)}
        self.control("-i", "off")
        self.control("-d")
        if statuses != {kind.status}:
            sys.exit(f"{kind.name} is answered {statuses}, not {kind.status}")
        part = max(FOLDER.glob("callgrind.out.*"), key=lambda path: int(path.suffix[1:]))
        return round(int(re.search(r"^totals: (\d+)", part.read_text(), re.MULTILINE)[1]) / REQUESTS)

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()


class Kind:
    """One kind of request."""

    numbers = iter(range(10**9))

    def __init__(self, name, status=200, query="", receiver="oc_5ad11d72b830411d72b8{:06}", **headers):
        self.name, self.status, self.query, self.receiver = name, status, query, receiver
        self.headers = {"x_api_key": KEY, "content_type": "application/json"} | headers

    def send(self, connection):
        number = next(self.numbers)
        body = json.dumps({"receive_id": self.receiver.format(number)})
        headers = {name.replace("_", "-"): value.format(number) for name, value in self.headers.items()}
        connection.request("POST", f"/v1/messages/om_dc13264520392913993dd051dba21dcf/forward{self.query}", body, headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status


KINDS = [
    Kind("a forward"),
    Kind("a forward with a key of its own", idempotency_key="order-{}"),
    Kind("a dry run", query="?dry_run=true"),
    Kind("a receiver that has had enough", 429, receiver="oc_5ad11d72b830411d72b836c20", prefer="wait=0"),
    Kind("a wrong API key", 401, x_api_key="wrong"),
]


def main():
    for old in FOLDER.glob("callgrind.out*"):
        old.unlink()
    gateway = Gateway()
    counts = {kind.name: gateway.count(kind) for kind in KINDS}
    if WRITE:
        BUDGET.write_text(json.dumps(counts, indent=2) + "\n")
    budget = json.loads(BUDGET.read_text())
    too_much = [name for name, count in counts.items() if count > budget[name] * (1 + TOLERANCE)]
    for name, count in counts.items():
        print(f"{name}: {count} instructions, {count / budget[name] - 1:+.1%} of the budget of {budget[name]}")
    if any(count < budget[name] * (1 - TOLERANCE) for name, count in counts.items()):
        print("Cheaper than the budget: make cost-budget lowers it.")
    if too_much:
        sys.exit(f"Over the budget: {', '.join(too_much)}. docs/performance.md says how to find out why; make cost-budget raises it.")


main()
