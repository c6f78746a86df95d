"""Receives webhooks from Alertmanager or Grafana, and forwards a message that you prepared to a Feishu chat.

    GATEWAY_URL=http://… GATEWAY_KEY=ffg_… MESSAGES=critical=om_…,warning=om_…,resolved=om_… \\
      python3 adapter.py [PORT]

The chat is in the label `feishu_chat` of the alerts. The message of a firing alert is in its annotation
`feishu_message`; without that, MESSAGES names one for the label `severity`. The message of a resolved alert is the one
that MESSAGES names for `resolved`. The adapter listens on 127.0.0.1 only, at port 9099 or the one given.
"""

import hashlib
import json
import os
import sys
import urllib.error
import urllib.request
from http.client import HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MESSAGES = dict(pair.split("=", 1) for pair in os.environ.get("MESSAGES", "").split(",") if "=" in pair)
# Bytes. A group of alerts is far smaller.
LARGEST_GROUP = 1 << 20


def message_of(group):
    prepared = group["commonAnnotations"].get("feishu_message")
    if prepared and group["status"] == "firing":
        return prepared
    kind = "resolved" if group["status"] == "resolved" else group["commonLabels"].get("severity")
    return MESSAGES[kind]


def key_of(group, message, chat):
    """Returns the same key for a repeated notification, and another one when an alert joins the group."""
    newest = max(alert["startsAt"] for alert in group["alerts"] if alert["status"] == group["status"])
    told = "\n".join([group["groupKey"], group["status"], newest, message, chat])
    return "alertmanager-" + hashlib.sha256(told.encode()).hexdigest()


def forward(message, chat, key):
    """Returns nothing if the message was delivered, else the problem."""
    request = urllib.request.Request(
        f"{os.environ['GATEWAY_URL']}/v1/messages/{message}/forward",
        data=json.dumps({"receive_id": chat}).encode(),
        headers={
            "X-API-Key": os.environ["GATEWAY_KEY"],
            "Idempotency-Key": key,
            "Content-Type": "application/json",
        },
    )
    try:
        urllib.request.urlopen(request, timeout=30).close()
    except urllib.error.HTTPError as answer:
        return json.load(answer)


def handle(body):
    """Returns a status and a line for the log. Alertmanager repeats a notification at once if the status is 5xx."""
    try:
        group = json.loads(body)
        message, chat = message_of(group), group["commonLabels"]["feishu_chat"]
        key = key_of(group, message, chat)
    except (KeyError, TypeError, ValueError) as error:
        return 400, f"no chat or no message for these alerts: {error!r}"
    try:
        problem = forward(message, chat, key)
    except (OSError, HTTPException, ValueError) as error:
        return 503, f"no answer from the gateway: {error}"
    if problem is None:
        return 200, f"{message} went to {chat}"
    said = f"{problem['code']}, fix by {problem['fix_by']}: {problem['remedy']}"
    may_pass = problem["retryable"] or problem["outcome"] == "unknown"
    return (503 if may_pass and problem["code"] != "too_late_to_repeat" else 422), said


class Webhook(BaseHTTPRequestHandler):
    def do_POST(self):
        length = int(self.headers["Content-Length"] or 0)
        if length > LARGEST_GROUP:
            return self.send_error(413)
        status, said = handle(self.rfile.read(length))
        self.log_message("%d %s", status, said)
        self.send_response_only(status)
        self.end_headers()
        self.wfile.write(said.encode())


if __name__ == "__main__":
    if not MESSAGES or not {"GATEWAY_URL", "GATEWAY_KEY"} <= os.environ.keys():
        print(__doc__, file=sys.stderr)
        sys.exit(2)
    server = ThreadingHTTPServer(("127.0.0.1", int((sys.argv[1:] or ["9099"])[0])), Webhook)
    print(f"listening on http://127.0.0.1:{server.server_port}/", flush=True)
    server.serve_forever()
