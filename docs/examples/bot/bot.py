"""A bot for a group: a user replies to a message with "@bot forward this", and the bot forwards that message.

    GATEWAY_URL=http://… GATEWAY_KEY=ffg_… TO=oc_… ENCRYPT_KEY=… VERIFICATION_TOKEN=… python3 bot.py [PORT]

TO is the chat that gets the message. ENCRYPT_KEY and VERIFICATION_TOKEN are in the developer console, under "Events &
Callbacks", "Encryption Strategy". Feishu posts an event to this program for each message that mentions the bot. If the
program does not answer 200 within three seconds, Feishu posts the event again, up to four times. The Idempotency-Key is
made from the event's id, so within an hour the message is sent once. The program listens on 127.0.0.1 only, at port 9098
or the one given.
"""

import json
import os
import sys
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import lark_oapi as lark

SETTINGS = ("GATEWAY_URL", "GATEWAY_KEY", "TO", "ENCRYPT_KEY", "VERIFICATION_TOKEN")
# In bytes. Feishu's events are far smaller.
LARGEST_EVENT = 1 << 20
# Seconds. The gateway knows the key of a forward for an hour; Feishu's last repetition comes after more than that.
OLDEST_EVENT = 50 * 60


def forward(message_id, key):
    """Returns nothing if the message was delivered, or a problem that no retry solves. Raises an error if a retry may
    help: the SDK then answers 500, and Feishu posts the event again."""
    request = urllib.request.Request(
        f"{os.environ['GATEWAY_URL']}/v1/messages/{message_id}/forward",
        data=json.dumps({"receive_id": os.environ["TO"]}).encode(),
        headers={
            "X-API-Key": os.environ["GATEWAY_KEY"],
            "Idempotency-Key": key,
            "Content-Type": "application/json",
            "Prefer": "wait=1",
        },
    )
    try:
        urllib.request.urlopen(request, timeout=2.5).close()
    except urllib.error.HTTPError as answer:
        problem = json.load(answer)
        may_pass = problem["retryable"] or problem["outcome"] == "unknown"
        if may_pass and problem["code"] != "too_late_to_repeat":
            raise RuntimeError(problem["code"]) from None
        return problem


def on_message(event):
    message = event.event.message
    # With the scope im:message.group_at_msg:readonly, Feishu posts only messages that mention the bot.
    if message.message_type != "text" or "forward this" not in json.loads(message.content)["text"].lower():
        return
    if not message.parent_id:
        print(f"{message.message_id} is not a reply, so there is nothing to forward", flush=True)
        return
    if time.time() - int(event.header.create_time) / 1000 > OLDEST_EVENT:
        print(f"{event.header.event_id} is too old to be sure that it was not forwarded", flush=True)
        return
    problem = forward(message.parent_id, f"bot-{event.header.event_id}")
    if problem:
        print(f"{message.parent_id}: {problem['code']}, fix by {problem['fix_by']}: {problem['remedy']}", flush=True)
    else:
        print(f"{message.parent_id} went to {os.environ['TO']}", flush=True)


class Events(BaseHTTPRequestHandler):
    def do_POST(self):
        length = int(self.headers["Content-Length"] or 0)
        if length > LARGEST_EVENT:
            return self.send_error(413)
        request = lark.RawRequest()
        request.uri, request.headers, request.body = self.path, self.headers, self.rfile.read(length)
        answer = self.server.events.do(request)
        self.send_response(answer.status_code)
        self.end_headers()
        self.wfile.write(answer.content)


def main():
    if not all(os.environ.get(name) for name in SETTINGS):
        print(__doc__, file=sys.stderr)
        sys.exit(2)
    # Feishu reaches it through your own reverse proxy, at a public HTTPS address.
    server = ThreadingHTTPServer(("127.0.0.1", int((sys.argv[1:] or ["9098"])[0])), Events)
    server.events = (
        lark.EventDispatcherHandler.builder(os.environ["ENCRYPT_KEY"], os.environ["VERIFICATION_TOKEN"])
        .register_p2_im_message_receive_v1(on_message)
        .build()
    )
    print(f"listening on http://127.0.0.1:{server.server_port}/", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
