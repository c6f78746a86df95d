"""Posts an event to docs/examples/bot/bot.py as Feishu does, encrypted and signed, and prints the status.

    event.py URL EVENT_ID TEXT PARENT_ID [--age SECONDS] [--signature WRONG]
"""

import argparse
import base64
import hashlib
import json
import os
import time
import urllib.error
import urllib.request

from Crypto.Cipher import AES
from Crypto.Util.Padding import pad

arguments = argparse.ArgumentParser()
for name in ("url", "event_id", "text", "parent_id"):
    arguments.add_argument(name)
arguments.add_argument("--age", type=int, default=0)
arguments.add_argument("--signature")
given = arguments.parse_args()
key = os.environ["ENCRYPT_KEY"]
event = {
    "schema": "2.0",
    "header": {
        "event_id": given.event_id,
        "token": os.environ["VERIFICATION_TOKEN"],
        "create_time": str(int((time.time() - given.age) * 1000)),
        "event_type": "im.message.receive_v1",
        "tenant_key": "t1",
        "app_id": "cli_1",
    },
    "event": {
        "sender": {"sender_id": {"open_id": "ou_1"}, "sender_type": "user", "tenant_key": "t1"},
        "message": {
            "message_id": "om_reply",
            "parent_id": given.parent_id,
            "create_time": str(int((time.time() - given.age) * 1000)),
            "chat_id": "oc_group",
            "chat_type": "group",
            "message_type": "text",
            "content": json.dumps({"text": f"@_user_1 {given.text}"}),
            "mentions": [{"key": "@_user_1", "id": {"open_id": "ou_bot"}, "name": "bot", "tenant_key": "t1"}],
        },
    },
}
start = os.urandom(16)
cipher = AES.new(hashlib.sha256(key.encode()).digest(), AES.MODE_CBC, start)
encrypted = base64.b64encode(start + cipher.encrypt(pad(json.dumps(event).encode(), 16))).decode()
body = json.dumps({"encrypt": encrypted}).encode()
signed = hashlib.sha256(f"1795334631nonce{key}".encode() + body).hexdigest()
headers = {
    "X-Lark-Request-Timestamp": "1795334631",
    "X-Lark-Request-Nonce": "nonce",
    "X-Lark-Signature": given.signature or signed,
}
try:
    with urllib.request.urlopen(urllib.request.Request(given.url, body, headers)) as answer:
        print(answer.status)
except urllib.error.HTTPError as answer:
    print(answer.code)
