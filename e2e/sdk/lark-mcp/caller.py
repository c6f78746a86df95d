"""Makes the calls of cases.py with the tools of Feishu's lark-mcp, as an agent does, and prints what they say.

    caller.py LARK_MCP…
"""

import json
import os
import subprocess
import sys
from functools import cache

TOOLS = {
    "forward": "im.v1.message.forward",
    "merge_forward": "im.v1.message.mergeForward",
    "forward_thread": "im.v1.thread.forward",
    "send": "im.v1.message.create",
}


class LarkMcp:
    def __init__(self, app_id, secret):
        options = ["mcp", "-a", app_id, "-s", secret, "--domain", os.environ["DOMAIN"], "-t", ",".join(TOOLS.values())]
        self._child = subprocess.Popen(
            sys.argv[1:] + options, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._last = 0
        about = {"protocolVersion": "2025-03-26", "capabilities": {}, "clientInfo": {"name": "cases", "version": "0"}}
        self.ask("initialize", [about])
        self._send({"method": "notifications/initialized"})
        [listed] = self.ask("tools/list", [{}])
        tools = {tool["name"] for tool in listed["tools"]}
        if tools != {tool.replace(".", "_") for tool in TOOLS.values()}:
            raise RuntimeError(f"lark-mcp has other tools: {tools}")

    def _send(self, message):
        self._child.stdin.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
        self._child.stdin.flush()

    def ask(self, method, all_params):
        """Asks all at once."""
        first = self._last + 1
        for params in all_params:
            self._last += 1
            self._send({"id": self._last, "method": method, "params": params})
        results = {}
        while len(results) < len(all_params):
            answer = json.loads(self._child.stdout.readline())
            if "id" in answer:
                results[answer["id"]] = answer["result"]
        return [results[number] for number in range(first, self._last + 1)]

    def end(self):
        # By the protocol it ends when its input does.
        self._child.stdin.close()
        try:
            self._child.wait(2)
        except subprocess.TimeoutExpired:
            self._child.terminate()
            self._child.wait()


def arguments_of(call):
    arguments = {
        "params": {"receive_id_type": call["receive_id_type"]},
        "data": {"receive_id": call["receive_id"]},
    }
    if "uuid" in call:
        arguments["params"]["uuid"] = call["uuid"]
    if call["kind"] == "forward":
        arguments["path"] = {"message_id": call["id"]}
    elif call["kind"] == "forward_thread":
        arguments["path"] = {"thread_id": call["id"]}
    elif call["kind"] == "merge_forward":
        arguments["data"]["message_id_list"] = call["ids"]
    else:
        arguments["data"].update(msg_type="text", content='{"text":"hello"}')
    return arguments


def read(result):
    said = json.loads(result["content"][0]["text"])
    if not result.get("isError"):
        return {"code": 0, "msg": "success", "data": said}
    # It hands on Feishu's answer, or the text of what its SDK has thrown.
    return said if isinstance(said, dict) else {"thrown": said}


servers = []


@cache
def server_of(app_id, secret):
    servers.append(LarkMcp(app_id, secret))
    return servers[-1]


for line in sys.stdin:
    call = json.loads(line)
    tool = {"name": TOOLS[call["kind"]].replace(".", "_"), "arguments": arguments_of(call)}
    results = server_of(call["app_id"], call["secret"]).ask("tools/call", [tool] * call["times"])
    print("results", json.dumps([read(result) for result in results]), flush=True)
for server in servers:
    server.end()
