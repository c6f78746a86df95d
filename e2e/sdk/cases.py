"""What each SDK shows its user when it talks to the gateway: one list for all of them.

    cases.py NAME COMMAND…

COMMAND is a program (caller.*) that makes calls with an SDK. It reads one call in each line, a JSON object, makes it
`times` times at once, and prints a line `results [...]` with what the SDK hands to its user for each.

What the SDK sends is compared with sent/NAME.txt. With WRITE_SENT=1 that file is written instead.
"""

import difflib
import json
import os
import re
import subprocess
import sys
import time
import traceback
import unittest
import urllib.request
from datetime import datetime, timedelta, timezone
from pathlib import Path

from recorder import Recorder

APP_ID = os.environ["APP_ID"]
# Who calls, and with what: the names and keys of the gateway's configuration, and the app as Feishu knows it.
ORDERS = "orders", os.environ["ORDERS_KEY"]
RESTRICTED = "restricted", os.environ["RESTRICTED_KEY"]
BY_APP_ID = APP_ID, os.environ["ORDERS_KEY"]
AT_FEISHU = APP_ID, os.environ["APP_SECRET"]
WRONG = APP_ID, "wrong"

check = unittest.TestCase()
check.maxDiff = None


class Ended(Exception):
    """The caller does not answer any more."""


class Caller:
    """A program that makes calls with an SDK, against a domain."""

    def __init__(self, command, domain, log):
        self._log = log
        self._child = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
            env={**os.environ, "DOMAIN": domain})

    def calls(self, kind, receiver, who, times, **more):
        app_id, secret = who
        call = {"kind": kind, "app_id": app_id, "secret": secret, "receive_id": receiver, "times": times,
                "receive_id_type": "chat_id", **more}
        if kind == "merge_forward":
            call.setdefault("ids", ["om_1", "om_2"])
        elif kind != "send":
            call["id"] = "omt_1" if kind == "forward_thread" else "om_1"
        print(json.dumps(call), file=self._child.stdin, flush=True)
        for line in self._child.stdout:
            if line.startswith("results "):
                return json.loads(line.removeprefix("results "))
            # Some SDKs log to standard output.
            self._log.write(line)
        raise Ended

    def end(self):
        self._child.stdin.close()
        self._child.stdout.close()
        check.assertEqual(self._child.wait(10), 0)


class World:
    def __init__(self, command, log):
        self._simulator = os.environ["SIMULATOR_URL"]
        self.recorder = Recorder(os.environ["GATEWAY_URL"])
        self.gateway = Caller(command, self.recorder.url, log)
        self.feishu = Caller(command, self._simulator, log)

    def call(self, kind, receiver, who=ORDERS, **more):
        [said] = self.gateway.calls(kind, receiver, who, 1, **more)
        return said

    def call_feishu(self, kind, receiver, who=AT_FEISHU, **more):
        """The same, without a gateway between."""
        [said] = self.feishu.calls(kind, receiver, who, 1, **more)
        return said

    def control(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self._simulator}/_simulator/{path}", data, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def fault(self, receiver, kind, **more):
        self.control("POST", "faults", {"receive_id": receiver, "kind": kind, **more})

    def attempts(self, receiver):
        return [attempt for attempt in self.control("GET", "ledger")["attempts"] if attempt["receive_id"] == receiver]

    def delivered(self, receiver):
        """The ids of the new messages."""
        deliveries = self.control("GET", "ledger")["deliveries"]
        return [delivery["new_message_id"] for delivery in deliveries if delivery["receive_id"] == receiver]

    def end(self):
        self.gateway.end()
        self.feishu.end()


# What is new in each answer.
NEW = "message_id", "create_time", "update_time", "log_id", "message_app_link", "message_position"


def without_new(value):
    if isinstance(value, dict):
        return {name: "new" if name in NEW else without_new(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [without_new(inner) for inner in value]
    return re.sub(r"\blog_id=\w+", "log_id=new", value) if isinstance(value, str) else value


def as_from_feishu(said, directly):
    """Nothing shows that the answer came through the gateway, except for more headers and more about an error."""
    said, directly = without_new(said), without_new(directly)
    check.assertEqual({**said, "headers": None, "error": None}, {**directly, "headers": None, "error": None})
    for name, value in directly.get("error", {}).items():
        check.assertEqual(said["error"][name], value)


def is_message(message, world, receiver, **fields):
    """Field by field."""
    check.assertEqual([message["message_id"]], world.delivered(receiver))
    check.assertRegex(message["create_time"], r"^\d{13}$")
    check.assertRegex(message["update_time"], r"^\d{13}$")
    sender = {"id": APP_ID, "id_type": "app_id", "sender_type": "app"}
    check.assertEqual({name: message["sender"][name] for name in sender}, sender)
    check.assertTrue(message["sender"]["tenant_key"])
    check.assertTrue(message["body"]["content"])
    fields = {"chat_id": receiver, "deleted": False, "updated": False, **fields}
    check.assertEqual({name: message[name] for name in fields}, fields)


def is_refusal(said, status, code, **headers):
    """As far as the SDK shows it: lark-mcp shows neither status nor headers."""
    check.assertEqual(said.get("code"), code, said)
    if "status" in said:
        check.assertEqual(said["status"], status)
        check.assertTrue(said["log_id"])
        check.assertEqual(said["error"]["log_id"], said["log_id"])
        received = {name.lower(): value for name, value in said["headers"].items()}
        for name, value in headers.items():
            check.assertRegex(received[name.replace("_", "-")], f"^(?:{value})$")


cases = []


def case(title, recorded=True, with_headers=False):
    """`with_headers`: only for those who can send headers of their own."""
    def keep(function):
        cases.append((title, recorded, with_headers, function))
    return keep


@case("a wrong secret gets no token")
def wrong_secret(world):
    said = world.call("forward", "oc_wrong", WRONG)
    check.assertIn("10014", said["thrown"])
    check.assertIn("app secret invalid", said["thrown"])
    check.assertEqual(said, world.call_feishu("forward", "oc_wrong", WRONG))
    check.assertEqual(world.attempts("oc_wrong"), [])


@case("a forward succeeds and is read field by field")
def forward(world):
    said = world.call("forward", "oc_success", uuid="order 1/a")
    is_message(said["data"], world, "oc_success", msg_type="text")
    [attempt] = world.attempts("oc_success")
    check.assertEqual(said.get("log_id", attempt["log_id"]), attempt["log_id"])
    as_from_feishu(said, world.call_feishu("forward", "oc_success"))


@case("the app's id stands for the caller too")
def by_app_id(world):
    check.assertEqual(world.call("forward", "oc_by_app_id", BY_APP_ID)["code"], 0)


@case("a repetition with the same uuid gets the first message")
def repetition(world):
    first = world.call("forward", "oc_repetition", uuid="order-2")
    second = world.call("forward", "oc_repetition", uuid="order-2")
    check.assertEqual(second["data"]["message_id"], first["data"]["message_id"])
    check.assertEqual(len(world.delivered("oc_repetition")), 1)


@case("messages are merged")
def merge_forward(world):
    said = world.call("merge_forward", "oc_merge", uuid="order-3")
    is_message(said["data"]["message"], world, "oc_merge", msg_type="merge_forward")
    as_from_feishu(said, world.call_feishu("merge_forward", "oc_merge"))


@case("a merge names the messages that it leaves out")
def partial_merge(world):
    world.control("POST", "messages", {"message_id": "om_recalled", "chat_id": "oc_source", "state": "recalled"})
    said = world.call("merge_forward", "oc_partial_merge", ids=["om_1", "om_recalled"])
    check.assertEqual(said["data"]["invalid_message_id_list"], ["om_recalled"])
    as_from_feishu(said, world.call_feishu("merge_forward", "oc_partial_merge", ids=["om_1", "om_recalled"]))


@case("a thread is forwarded")
def forward_thread(world):
    said = world.call("forward_thread", "oc_thread", uuid="order-4")
    is_message(said["data"], world, "oc_thread", msg_type="merge_forward")
    as_from_feishu(said, world.call_feishu("forward_thread", "oc_thread"))


@case("what comes back may be Chinese")
def chinese(world):
    message = {"message_id": "om_zh", "msg_type": "text", "body": {"content": '{"text":"订单已发货"}'}}
    body = json.dumps({"code": 0, "msg": "success", "data": message}, ensure_ascii=False)
    status = {"status": 200, "body": body, "content_type": "application/json; charset=utf-8"}
    world.fault("oc_chinese", {"status": status}, times=2)
    said = world.call("forward", "oc_chinese")
    check.assertEqual(json.loads(said["data"]["body"]["content"]), {"text": "订单已发货"})
    as_from_feishu(said, world.call_feishu("forward", "oc_chinese"))

    world.fault("oc_chinese", {"code": {"code": 230002, "msg": "机器人不在群组中"}}, times=2)
    said = world.call("forward", "oc_chinese")
    check.assertEqual(said["msg"], "机器人不在群组中")
    as_from_feishu(said, world.call_feishu("forward", "oc_chinese"))


@case("Feishu's refusal is as Feishu said it")
def refused(world):
    said = world.call("forward", "oc_code_230002")
    is_refusal(said, 400, 230002, x_gateway_problem="bot_not_in_chat")
    check.assertEqual(said["msg"], "The bot can not be outside the group.")
    as_from_feishu(said, world.call_feishu("forward", "oc_code_230002"))


@case("a key may not forward to everybody")
def not_allowed(world):
    is_refusal(world.call("forward", "oc_forbidden", RESTRICTED), 400, 230027, x_gateway_problem="receiver_not_allowed")
    check.assertEqual(world.attempts("oc_forbidden"), [])
    check.assertEqual(world.call("forward", "oc_allowed", RESTRICTED)["code"], 0)


@case("a wrong field is named")
def wrong_field(world):
    said = world.call("forward", "oc_wrong_field", uuid="u" * 51)
    is_refusal(said, 400, 99992402, x_gateway_problem="invalid_request")
    check.assertEqual([violation["field"] for violation in said["error"]["field_violations"]], ["uuid"])


@case("another call of Feishu's is not served, and the answer says what is")
def not_served(world):
    said = world.call("send", "oc_send")
    check.assertEqual(said["code"], 404)
    check.assertEqual(said.get("status", 404), 404)
    check.assertIn("forward", said["msg"])


@case("a message is lost on the way: the outcome is unknown, and a repetition arrives once")
def lost(world):
    # As often as the gateway itself tries.
    world.fault("oc_lost", "cut", phase="after_commit", times=5)
    before = datetime.now(timezone.utc)
    said = world.call("forward", "oc_lost", uuid="order-5")
    is_refusal(said, 400, 230049)
    until = datetime.fromisoformat(said["error"]["safe_retry_until"].replace("Z", "+00:00"))
    check.assertTrue(before + timedelta(minutes=50) < until < before + timedelta(hours=1), until)
    said = world.call("forward", "oc_lost", uuid="order-5")
    check.assertEqual([said["data"]["message_id"]], world.delivered("oc_lost"))


@case("the gateway's own limit on a receiver", recorded=False, with_headers=True)
def receiver_limit(world):
    said = world.gateway.calls("forward", "oc_limit", ORDERS, 20, headers={"Prefer": "wait=0"})
    limited = [one for one in said if one["code"]]
    check.assertTrue(limited)
    for one in limited:
        is_refusal(one, 400, 230020, x_gateway_problem="receiver_rate_limited", retry_after=r"\d+")
    check.assertEqual(len(world.attempts("oc_limit")), len(said) - len(limited))
    # So that what is sent with it is kept too.
    world.recorder.title = "without waiting"
    world.call("forward", "oc_unlimited", headers={"Prefer": "wait=0"})


@case("100 forwards to one receiver at once are all delivered", recorded=False)
def parallel(world):
    said = world.gateway.calls("forward", "oc_parallel", ORDERS, 100)
    check.assertEqual([one for one in said if one.get("code") != 0], [])
    check.assertEqual(sorted(one["data"]["message_id"] for one in said), sorted(world.delivered("oc_parallel")))
    check.assertEqual({attempt["code"] for attempt in world.attempts("oc_parallel")}, {0})


# The last one: it stops the app.
@case("Feishu's limit on the app, with the seconds to wait")
def app_limit(world):
    world.fault("oc_app_limit", {"code": {"code": 99991400, "reset": 52}})
    said = world.call("forward", "oc_app_limit")
    is_refusal(said, 429, 99991400, x_ogw_ratelimit_reset=r"[45]\d", x_gateway_problem="app_rate_limited")


def is_as_before(name, sent):
    file = Path(__file__).parent / "sent" / f"{name}.txt"
    if os.environ.get("WRITE_SENT"):
        file.write_text(sent, encoding="utf-8")
    before = file.read_text(encoding="utf-8") if file.exists() else ""
    difference = difflib.unified_diff(before.splitlines(), sent.splitlines(), file.name, "now", lineterm="")
    if difference := "\n".join(difference):
        raise AssertionError(difference)


def holds(title, function, *arguments):
    began = time.monotonic()
    try:
        function(*arguments)
    except Exception as error:
        print(f"  not so: {title}\n{traceback.format_exc()}", flush=True)
        if isinstance(error, BrokenPipeError):
            sys.exit("the caller has ended: no other claim can be tried")
        return False
    print(f"  ok: {title} ({time.monotonic() - began:.1f} s)", flush=True)
    return True


def main(name, *command):
    with open(f"{os.environ['LOGS']}/{name}.sdk.log", "w", encoding="utf-8") as log:
        world = World(command, log)
        held = []
        for title, recorded, with_headers, function in cases:
            if with_headers and name == "lark-mcp":
                continue
            world.recorder.title = recorded and title
            held.append(holds(title, function, world))
        held.append(holds("it sends what it has always sent", is_as_before, name, "\n".join(world.recorder.sent)))
        held.append(holds("it ends", world.end))
    sys.exit(0 if all(held) else 1)


if __name__ == "__main__":
    main(*sys.argv[1:])
