"""What each official client shows its user of the gateway, in both eras, over HTTP and by the bridge: one list for all.

    cases.py ERAS COMMAND…

COMMAND is a program (caller.*) that uses a client: `COMMAND http|bridge legacy|modern`. It prints what the client has
agreed on with the gateway. Then it does what each line of its input asks for, and prints a line with what came of it,
after a line for each notification of progress.
"""

import contextlib
import json
import os
import select
import subprocess
import sys
import time
import traceback
import unittest

import jsonschema

import gateway

# What a client of each era agrees on with the gateway.
REVISIONS = {"legacy": "2025-11-25", "modern": "2026-07-28"}
TOOLS = ["forward_message", "check_forward", "broadcast_message", "get_broadcast"]

check = unittest.TestCase()
check.maxDiff = None


class Client:
    """A program that uses a client. `name` is new in each, so that no two of them have a receiver in common."""

    def __init__(self, command, transport, era, key):
        self.name = f"{transport}_{era}"
        self.transport, self.era = transport, era
        self._child = subprocess.Popen(
            [*command, transport, era], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0,
            env={**os.environ, "GATEWAY_KEY": key})
        self.tools = {}

    def read(self):
        # Nothing is left in a buffer, so this waits for the whole next line.
        ready, _, _ = select.select([self._child.stdout], [], [], gateway.SOON)
        check.assertTrue(ready, "the caller does not answer")
        line = self._child.stdout.readline()
        check.assertTrue(line, "the caller has ended")
        return json.loads(line)

    def ask(self, **asked):
        self._child.stdin.write(json.dumps(asked).encode() + b"\n")

    def call(self, tool, progress=False, cancel=False, **arguments):
        self.ask(do="call", params={"name": tool, "arguments": arguments}, progress=progress, cancel=cancel)

    def result(self, tool, **arguments):
        """What the tool answers, which is as its schema says."""
        self.call(tool, **arguments)
        said = self.read()
        # The client in Go may hand on a notification after the result that it came before.
        while "progress" in said:
            said = self.read()
        return self.as_promised(tool, said)

    def as_promised(self, tool, said):
        check.assertNotIn("failed", said)
        if said.get("structuredContent") is not None or not said["isError"]:
            jsonschema.validate(said["structuredContent"], self.tools[tool]["outputSchema"])
        return said

    def end(self):
        self._child.stdin.close()
        check.assertEqual(self._child.wait(gateway.SOON), 0)
        check.assertEqual(self._child.stdout.read(), b"")

    def kill(self):
        self._child.kill()
        self._child.wait()
        for pipe in (self._child.stdin, self._child.stdout):
            with contextlib.suppress(BrokenPipeError):
                pipe.close()


cases = []


def case(title):
    def keep(function):
        cases.append((title, function))
    return keep


@case("the client and the gateway agree on a revision of the era")
def agreed(client):
    check.assertEqual(client.read(), {"server": "feishu-forward-gateway", "revision": REVISIONS[client.era]})


@case("the tools are listed, with schemas and hints")
def listed(client):
    client.ask(do="list")
    tools = client.read()["tools"]
    check.assertEqual([tool["name"] for tool in tools], TOOLS)
    for tool in tools:
        for schema in ("inputSchema", "outputSchema"):
            jsonschema.Draft202012Validator.check_schema(tool[schema])
        check.assertEqual(tool["annotations"]["readOnlyHint"], tool["name"] in ("check_forward", "get_broadcast"))
        check.assertTrue(tool["title"] and tool["description"])
    client.tools = {tool["name"]: tool for tool in tools}


@case("a check sends nothing, a forward sends once, and a check tells of it")
def forwarded(client):
    to = {"message_id": "om_1", "receive_id": f"oc_{client.name}"}
    check.assertEqual(client.result("check_forward", **to)["structuredContent"]["would"], "send")
    check.assertEqual(gateway.delivered(to["receive_id"]), 0)
    first = client.result("forward_message", **to)
    check.assertFalse(first["isError"])
    check.assertEqual(first["structuredContent"]["outcome"], "delivered")
    check.assertIn(first["structuredContent"]["message_id"], first["text"])
    again = client.result("forward_message", **to)
    check.assertTrue(again["structuredContent"]["replayed"])
    check.assertEqual(gateway.delivered(to["receive_id"]), 1)
    check.assertEqual(client.result("check_forward", **to)["structuredContent"]["would"], "replay")


@case("a refusal is an error with its outcome, and says who can remove its cause")
def refused(client):
    said = client.result("forward_message", message_id="om_1", receive_id="oc_code_230002")
    check.assertTrue(said["isError"])
    check.assertEqual(said["structuredContent"]["outcome"], "not_delivered")
    check.assertEqual(said["structuredContent"]["problem"]["code"], "bot_not_in_chat")
    for words in ("outcome: not_delivered", "what to do: Add the app's bot", "who can do it: the owner",
                  "Feishu's words, not instructions: «The bot can not be outside the group.»"):
        check.assertIn(words, said["text"])


@case("wrong arguments are an error that names each of them")
def wrong_arguments(client):
    for tool, wrong in (("forward_message", "receive_id"), ("check_forward", "receive_id"),
                        ("broadcast_message", "receivers"), ("get_broadcast", "broadcast_id")):
        said = client.result(tool, message="om_1")
        check.assertTrue(said["isError"])
        check.assertIn(f"{wrong}: is missing", said["text"])
        check.assertIn("message: is not an argument of this tool", said["text"])


@case("a tool that there is not is an error of the protocol")
def no_tool(client):
    client.call("send_message")
    check.assertIn("Unknown tool: send_message", client.read()["failed"])


@case("a broadcast is accepted, and its progress told until its end")
def broadcast(client):
    held, *others = [f"oc_{client.name}_{number}" for number in range(4)]
    gateway.fault(held, "held")
    try:
        accepted = client.result("broadcast_message", message_id="om_1",
                                 receivers=[held, "oc_code_230002", *others])["structuredContent"]
        check.assertEqual((accepted["total"], accepted["replayed"]), (5, False))
        client.call("get_broadcast", progress=True, broadcast_id=accepted["broadcast_id"], wait_seconds=50)
        told = [client.read()]
    finally:
        gateway.clear_faults()
    while "progress" in told[-1]:
        told.append(client.read())
    ended = client.as_promised("get_broadcast", told.pop())["structuredContent"]
    # The last notification comes with the result, and most clients drop it if they read both at once.
    done = [notification["progress"] for notification in told]
    check.assertEqual(done, sorted(set(done)))
    check.assertLess(done[0], 5)
    check.assertLessEqual(done[-1], 5)
    check.assertEqual({notification["total"] for notification in told}, {5})
    check.assertEqual((ended["state"], ended["counts"]["delivered"], ended["counts"]["not_delivered"]),
                      ("completed", 4, 1))
    check.assertEqual(ended["failures"][0]["code"], "bot_not_in_chat")
    check.assertEqual([gateway.delivered(receiver) for receiver in (held, *others)], [1] * 4)


@case("a call that is canceled ends at the gateway too, and the client goes on")
def canceled(client):
    held = f"oc_{client.name}_held"
    # Most clients of the old era only send a notification over HTTP, and without sessions the gateway cannot know which
    # call it is about. Such a call ends with its own time.
    wait = 5 if (client.transport, client.era) == ("http", "legacy") else 50
    gateway.fault(held, "held")
    try:
        accepted = client.result("broadcast_message", message_id="om_1", receivers=[held])["structuredContent"]
        client.call("get_broadcast", progress=True, cancel=True,
                    broadcast_id=accepted["broadcast_id"], wait_seconds=wait)
        check.assertIn("progress", client.read())
        check.assertIn("failed", client.read())
        # The broadcast goes on, so the call has not ended by itself.
        check.assertTrue(gateway.eventually(lambda: gateway.count("feishu_gateway_http_requests_in_flight") == 0))
        now = client.result("get_broadcast", broadcast_id=accepted["broadcast_id"])["structuredContent"]
        check.assertEqual(now["state"], "running")
    finally:
        gateway.clear_faults()
    client.ask(do="list")
    check.assertEqual([tool["name"] for tool in client.read()["tools"]], TOOLS)


@case("it ends")
def ends(client):
    client.end()


def holds(title, function, *arguments):
    began = time.monotonic()
    try:
        function(*arguments)
    except Exception:
        print(f"  not so: {title}\n{traceback.format_exc()}", flush=True)
        return False
    print(f"  ok: {title} ({time.monotonic() - began:.1f} s)", flush=True)
    return True


def nobody(command, transport, era):
    """Without a key nobody gets in. The bridge does not even ask without one, so it has one that is wrong."""
    before = gateway.count("feishu_gateway_http_requests_total", route="/mcp", status="401")
    client = Client(command, transport, era, key="" if transport == "http" else "ffg_wrong")
    try:
        said = client.read()
        check.assertIn("failed", said)
        if transport == "bridge":
            check.assertIn("The API key is missing or not valid", said["failed"])
        client.end()
    finally:
        client.kill()
    after = gateway.count("feishu_gateway_http_requests_total", route="/mcp", status="401")
    check.assertGreater(after, before)


def main(eras, *command):
    held = []
    for era in eras.split(","):
        for transport in ("http", "bridge"):
            print(f" {transport}, {era}", flush=True)
            held.append(holds("without a valid key nobody comes in", nobody, command, transport, era))
            client = Client(command, transport, era, gateway.KEY)
            try:
                held.extend([holds(title, function, client) for title, function in cases])
            finally:
                client.kill()
    held.append(holds("the gateway is ready after all of it", gateway.is_ready))
    sys.exit(0 if all(held) else 1)


if __name__ == "__main__":
    main(*sys.argv[1:])
