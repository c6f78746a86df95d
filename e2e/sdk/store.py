"""An SDK accepts what the simulator pushes to a store app, and gets its tokens from it: one list for all of them.

    store.py NAME COMMAND…

COMMAND is a program (store.*) whose SDK listens for events at /events. It prints `port NUMBER`. Then it reads one call in
each line, a JSON object, and prints a line `result …` for each: `{"kind": "heard"}` gets the texts of the events that the
SDK handed to it, and `{"kind": "forward", "tenant_key", "receive_id"}` what the SDK says of a forward in that tenant.
"""

import json
import os
import subprocess
import sys
import traceback
import unittest
import urllib.request

SIMULATOR = os.environ["SIMULATOR_URL"]
APP_ID = os.environ["APP_ID"]
IS_ENCRYPTED = bool(os.environ["ENCRYPT_KEY"])
check = unittest.TestCase()


class Program:
    def __init__(self, command, log):
        self._log = log
        self._child = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
            env={**os.environ, "DOMAIN": SIMULATOR})
        self.port = self._said("port")

    def call(self, kind, **more):
        print(json.dumps({"kind": kind, **more}), file=self._child.stdin, flush=True)
        return json.loads(self._said("result"))

    def forward(self, tenant_key):
        return self.call("forward", tenant_key=tenant_key, receive_id="oc_1")

    def _said(self, word):
        for line in self._child.stdout:
            if line.startswith(f"{word} "):
                return line.removeprefix(f"{word} ").strip()
            # Some SDKs log to standard output.
            self._log.write(line)
        raise EOFError("the program has ended")

    def end(self):
        self._child.stdin.close()
        self._child.stdout.close()
        check.assertEqual(self._child.wait(10), 0)


def control(method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{SIMULATOR}/_simulator/{path}", data, method=method)
    with urllib.request.urlopen(request, timeout=15) as answer:
        return json.load(answer)


def push(what):
    return control("POST", "push", {"app_id": APP_ID, "push": what})["answer"]


def push_event(text, version):
    event = {"event_type": "simulated.event", "version": version, "tenant_key": "acme", "event": {"text": text}}
    return push({"event": event})


def asked(api):
    return [attempt for attempt in control("GET", "ledger")["attempts"] if attempt["api"] == api]


def no_ticket(program, name):
    check.assertNotEqual(program.forward("acme").get("code"), 0)
    if name != "python":
        check.assertTrue(asked("app_ticket_resend"), "the SDK asks for a ticket")


def address_check(program, _):
    control("POST", "push_url", {"app_id": APP_ID, "url": f"http://127.0.0.1:{program.port}/events"})
    answer = push("address_check")
    check.assertTrue(answer["is_accepted"], answer)


def ticket(*_):
    answer = push("app_ticket")
    check.assertTrue(answer["is_accepted"], answer)


def events(program, _):
    for version in "1", "2":
        answer = push_event(f"version {version}", version)
        check.assertTrue(answer["is_accepted"], answer)
    check.assertEqual(program.call("heard"), ["version 1", "version 2"])


def wrong_signature(program, _):
    """Without an Encrypt Key the SDKs look at no signature."""
    control("PATCH", "settings", {"push_fault": "wrong_signature"})
    push_event("badly signed", "2")
    control("PATCH", "settings", {"push_fault": None})
    check.assertEqual("badly signed" in program.call("heard"), not IS_ENCRYPTED)


def tokens(program, _):
    for tenant in "acme", "globex":
        check.assertEqual(program.forward(tenant), {"code": 0})
        check.assertEqual(asked("store_tenant_access_token")[-1]["tenant_key"], tenant)
    check.assertEqual({attempt["code"] for attempt in asked("store_app_access_token")[-1:]}, {0})
    deliveries = control("GET", "ledger")["deliveries"]
    check.assertEqual([delivery["tenant_key"] for delivery in deliveries], ["acme", "globex"])


def uninstalled(program, _):
    control("POST", "uninstall", {"app_id": APP_ID, "tenant_key": "acme"})
    check.assertNotEqual(program.forward("acme").get("code"), 0)
    check.assertEqual(asked("forward")[-1]["code"], 99991673)
    check.assertEqual(program.forward("globex"), {"code": 0})


CASES = {
    "without a ticket there is no forward": no_ticket,
    "its answer to the address check is right": address_check,
    "it accepts a ticket": ticket,
    "it hands on events of both versions": events,
    "it refuses a wrong signature, if there is an Encrypt Key": wrong_signature,
    "the ticket gets it the tokens of two tenants, which forward": tokens,
    "where the app was uninstalled it cannot forward any more": uninstalled,
    "it ends": lambda program, _: program.end(),
}


def holds(title, case, *arguments):
    try:
        case(*arguments)
    except Exception:
        print(f"  not so: {title}\n{traceback.format_exc()}", flush=True)
        return False
    print(f"  ok: {title}", flush=True)
    return True


def main(name, *command):
    kind = "encrypted" if IS_ENCRYPTED else "plain"
    with open(f"{os.environ['LOGS']}/{name}.{kind}.sdk.log", "w", encoding="utf-8") as log:
        program = Program(command, log)
        held = [holds(title, case, program, name) for title, case in CASES.items()]
    sys.exit(0 if all(held) else 1)


if __name__ == "__main__":
    main(*sys.argv[1:])
