"""A store app with Feishu's official Python SDK: its handler hears what is pushed, and its client forwards in a tenant.

../store.py says what is read and printed.
"""

import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import lark_oapi as lark
from lark_oapi.api.im.v1 import ForwardMessageRequest, ForwardMessageRequestBody
from lark_oapi.core.exception import ObtainAccessTokenException
from lark_oapi.core.model import RawRequest

heard, tickets = [], []
builder = lark.EventDispatcherHandler.builder(os.environ["ENCRYPT_KEY"], os.environ["VERIFICATION_TOKEN"])
# This SDK keeps no ticket itself.
builder.register_p1_customized_event("app_ticket", lambda event: tickets.append(event.event["app_ticket"]))
for register in builder.register_p1_customized_event, builder.register_p2_customized_event:
    register("simulated.event", lambda event: heard.append(event.event["text"]))
handler = builder.build()


class Events(BaseHTTPRequestHandler):
    def do_POST(self):
        request = RawRequest()
        request.uri = self.path
        request.headers = dict(self.headers)
        request.body = self.rfile.read(int(self.headers["Content-Length"]))
        answer = handler.do(request)
        self.send_response(answer.status_code)
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Events)
threading.Thread(target=server.serve_forever, daemon=True).start()
print("port", server.server_port, flush=True)

client = (
    lark.Client.builder()
    .app_id(os.environ["APP_ID"])
    .app_secret(os.environ["APP_SECRET"])
    .app_type(lark.AppType.ISV)
    .domain(os.environ["DOMAIN"])
    .build()
)


def forward(call):
    option = lark.RequestOption.builder().tenant_key(call["tenant_key"])
    if tickets:
        option.app_ticket(tickets[-1])
    body = ForwardMessageRequestBody.builder().receive_id(call["receive_id"]).build()
    request = ForwardMessageRequest.builder().message_id("om_1").receive_id_type("chat_id").request_body(body).build()
    try:
        return {"code": client.im.v1.message.forward(request, option.build()).code}
    except ObtainAccessTokenException as thrown:
        return {"thrown": str(thrown)}


for line in sys.stdin:
    call = json.loads(line)
    print("result", json.dumps(heard if call["kind"] == "heard" else forward(call)), flush=True)
