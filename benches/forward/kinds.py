"""The kinds of requests that are counted, and that the profile is made of."""

import json

# As long as a key that the program makes.
KEY = f"ffg_bench0000000_{'0123456789' * 4}012000000"
MESSAGE = "om_dc13264520392913993dd051dba21dcf"
THREAD = "omt_d4be107c616aed9c1da8ed8068570a9f"
MCP = "2026-07-28"
FORWARD = f"/v1/messages/{MESSAGE}/forward"


class Kind:
    """One kind of request."""

    numbers = iter(range(10**9))

    def __init__(self, name, status=200, path=FORWARD, receiver="oc_5ad11d72b830411d72b8{:06}", messages=None, tool=None,
                 **headers):
        self.name, self.status, self.path, self.receiver, self.messages = name, status, path, receiver, messages
        self.tool = tool
        self.headers = {"x_api_key": KEY, "content_type": "application/json"} | headers

    def send(self, connection, token):
        """Sends one; `token` is one that the gateway has issued."""
        number = next(self.numbers)
        body = {"receive_id": self.receiver.format(number)}
        if self.messages:
            body["message_id_list"] = self.messages
        if self.tool:
            body = self.call({"message_id": MESSAGE} | body)
        headers = {name.replace("_", "-"): value.format(number, token=token)
                   for name, value in self.headers.items() if value}
        connection.request("POST", self.path, json.dumps(body), headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status

    def call(self, arguments):
        """A call of the tool, by the Model Context Protocol without sessions."""
        meta = {"io.modelcontextprotocol/protocolVersion": MCP, "io.modelcontextprotocol/clientCapabilities": {},
                "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "1"}}
        params = {"name": self.tool, "arguments": arguments, "_meta": meta}
        return {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}


KINDS = [
    Kind("a forward"),
    Kind("a forward with a key of its own", idempotency_key="order-{}"),
    Kind("a dry run", path=f"{FORWARD}?dry_run=true"),
    Kind("a receiver that has had enough", 429, receiver="oc_5ad11d72b830411d72b836c20", prefer="wait=0"),
    Kind("a wrong API key", 401, x_api_key="wrong"),
    Kind("a merge of ten messages", path="/v1/messages/merge_forward", messages=[f"{MESSAGE}{number}" for number in range(10)]),
    Kind("a thread", path=f"/v1/threads/{THREAD}/forward"),
    Kind("a forward by Feishu's own path", path=f"/open-apis/im/v1/messages/{MESSAGE}/forward?receive_id_type=chat_id",
         x_api_key=None, authorization="Bearer {token}"),
    Kind("a forward by MCP", path="/mcp", tool="forward_message", accept="application/json, text/event-stream",
         mcp_protocol_version=MCP, mcp_method="tools/call", mcp_name="forward_message"),
]
