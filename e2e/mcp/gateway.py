"""The gateway and the simulator of one part of the suite, as run.sh started them."""

import json
import os
import re
import time
import urllib.request

GATEWAY_URL = os.environ["GATEWAY_URL"]
ADMIN_URL = os.environ["ADMIN_URL"]
SIMULATOR_URL = os.environ["SIMULATOR_URL"]
KEY = os.environ["GATEWAY_KEY"]

# Seconds until a program that others wrote has answered. A busy machine takes long to start one.
SOON = 120
# Seconds until something that must happen in the gateway has happened. No call of a tool waits for as long.
SETTLED = 30


def fetch(method, url, body=None):
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data, method=method), timeout=SETTLED) as answer:
        return answer.read().decode()


def count(name, **labels):
    """A metric's value, summed over the labels that are not named."""
    wanted = [f'{label}="{value}"' for label, value in labels.items()]
    lines = re.findall(rf"^{name}(?:\{{(.*)\}})? (\S+)$", fetch("GET", f"{ADMIN_URL}/metrics"), re.M)
    return sum(float(value) for has, value in lines if all(label in has for label in wanted))


def is_ready():
    return fetch("GET", f"{ADMIN_URL}/readyz") != ""


def eventually(claim):
    """Waits until the claim holds, and says whether it does."""
    until = time.monotonic() + SETTLED
    while not claim():
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


def fault(receiver, kind, **more):
    """Has the simulator answer each forward to this receiver so, until the faults are cleared."""
    body = {"api": "forward", "receive_id": receiver, "times": None, "kind": kind, **more}
    fetch("POST", f"{SIMULATOR_URL}/_simulator/faults", body)


def clear_faults():
    fetch("DELETE", f"{SIMULATOR_URL}/_simulator/faults")


def delivered(receiver):
    """How many messages the receiver has got."""
    ledger = json.loads(fetch("GET", f"{SIMULATOR_URL}/_simulator/ledger"))
    return sum(delivery["receive_id"] == receiver for delivery in ledger["deliveries"])
