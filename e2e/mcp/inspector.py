"""What the Inspector's command line shows of the gateway, in both eras, over HTTP and by the bridge.

    inspector.py COMMAND…      COMMAND starts it
"""

import concurrent.futures
import json
import os
import subprocess
import sys
import traceback
import unittest

import gateway

PROGRAM = os.environ["GATEWAY_PROGRAM"]
# What its exit codes mean.
OK, NO_KEY, TOOL_FAILED = 0, 3, 5

check = unittest.TestCase()
check.maxDiff = None


class Inspector:
    def __init__(self, command, transport, era):
        self.name = f"inspector_{transport}_{era}"
        self.transport = transport
        self._command, self._era = command, era

    def __call__(self, method, *more, key=gateway.KEY):
        """What it prints, and its exit code."""
        if self.transport == "http":
            header = ["--header", f"Authorization: Bearer {key}"] if key else []
            target = [f"{gateway.GATEWAY_URL}/mcp", "--transport", "http", "--stored-auth-only", *header]
        else:
            target = [PROGRAM, "mcp", "--url", gateway.GATEWAY_URL, "-e", f"GATEWAY_API_KEY={key}"]
        ended = subprocess.run(
            [*self._command, *target, "--protocol-era", self._era, "--format", "json", "--method", method, *more],
            capture_output=True, text=True, timeout=gateway.SOON, stdin=subprocess.DEVNULL)
        return ended.returncode, ended.stdout, ended.stderr

    def result(self, method, *more):
        code, said, complaint = self(method, *more)
        check.assertEqual(code, OK, complaint)
        return json.loads(said)["result"]

    def tool(self, name, **arguments):
        said = self.result("tools/call", "--tool-name", name, "--tool-args-json", json.dumps(arguments))
        check.assertFalse(said["isError"])
        return said["structuredContent"]


def tools(inspector):
    # Fails if a schema is one that some clients cannot use.
    listed = inspector.result("tools/list", "--strict")
    check.assertEqual([tool["name"] for tool in listed["tools"]],
                      ["forward_message", "check_forward", "broadcast_message", "get_broadcast"])


def calls(inspector):
    to = {"message_id": "om_1", "receive_id": f"oc_{inspector.name}"}
    check.assertEqual(inspector.tool("check_forward", **to)["would"], "send")
    check.assertEqual(inspector.tool("forward_message", **to)["outcome"], "delivered")
    check.assertEqual(gateway.delivered(to["receive_id"]), 1)
    receivers = [f"oc_{inspector.name}_1", {"receive_id": f"{inspector.name}@example.com"}]
    accepted = inspector.tool("broadcast_message", message_id="om_1", receivers=receivers)
    ended = inspector.tool("get_broadcast", broadcast_id=accepted["broadcast_id"], wait_seconds=25)
    check.assertEqual((ended["state"], ended["counts"]["delivered"]), ("completed", 2))


def failure(inspector):
    arguments = json.dumps({"message_id": "om_1", "receive_id": "oc_code_230002"})
    code, said, _ = inspector("tools/call", "--tool-name", "forward_message", "--tool-args-json", arguments)
    check.assertEqual(code, TOOL_FAILED)
    said = json.loads(said)["result"]
    check.assertTrue(said["isError"])
    check.assertIn("outcome: not_delivered", said["content"][0]["text"])
    check.assertEqual(said["structuredContent"]["outcome"], "not_delivered")


def no_key(inspector):
    if inspector.transport == "http":
        code, _, complaint = inspector("tools/list", key="")
        check.assertEqual((code, json.loads(complaint)["error"]["code"]), (NO_KEY, "auth_required"))
    else:
        # In the newer era it does not tell why it could not begin.
        code, said, _ = inspector("tools/list", key="ffg_wrong")
        check.assertNotEqual(code, OK)
        check.assertEqual(said, "")


CLAIMS = {
    "the tools are listed, and their schemas are portable": tools,
    "each tool can be called": calls,
    "a failure is shown as one, with its outcome": failure,
    "without a valid key nobody comes in": no_key,
}


def holds(title, function, inspector):
    try:
        function(inspector)
    except Exception:
        print(f"  not so: {title}: {inspector.name}\n{traceback.format_exc()}", flush=True)
        return False
    print(f"  ok: {title}: {inspector.name}", flush=True)
    return True


def main(*command):
    inspectors = [Inspector(command, transport, era) for transport in ("http", "bridge") for era in ("legacy", "modern")]
    # Two at a time: each is a process that takes most of a second to start.
    with concurrent.futures.ThreadPoolExecutor(2) as threads:
        tried = [threads.submit(holds, title, function, inspector)
                 for inspector in inspectors for title, function in CLAIMS.items()]
        sys.exit(0 if all([it.result() for it in tried]) else 1)


if __name__ == "__main__":
    main(*sys.argv[1:])
