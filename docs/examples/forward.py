"""Forwards a message once. Retries while a retry may help. Needs only Python's standard library.

    GATEWAY_URL=http://… GATEWAY_KEY=ffg_… python3 forward.py MESSAGE_ID RECEIVE_ID KEY

KEY is your name for this forward, such as order-17. Within an hour, the gateway sends one message for one key.
Prints the id of the new message. Exit code: 0 it arrived, 1 it did not or nobody knows, 2 wrong usage.
"""

import json
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from http.client import HTTPException

PAUSES = (1, 2, 4, 8)


def attempt(message_id, receive_id, key):
    """Returns the status, the header Retry-After if there is one, and the new message or the problem."""
    request = urllib.request.Request(
        f"{os.environ['GATEWAY_URL']}/v1/messages/{message_id}/forward",
        data=json.dumps({"receive_id": receive_id}).encode(),
        headers={
            "X-API-Key": os.environ["GATEWAY_KEY"],
            "Idempotency-Key": urllib.parse.quote(key),
            "Content-Type": "application/json",
        },
    )
    try:
        # 30 s is longer than the gateway's own deadline of 15 s.
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, None, json.load(answer)
    except urllib.error.HTTPError as answer:
        return answer.status, answer.headers["Retry-After"], json.load(answer)


def may_repeat(problem):
    """Says whether a retry may help. It is safe because the key stays the same."""
    if problem["code"] == "too_late_to_repeat":
        return False
    return problem["retryable"] or problem["outcome"] == "unknown"


def forward(message_id, receive_id, key):
    """Returns the id of the new message, or exits with the remedy."""
    for pause in (*PAUSES, None):
        try:
            status, retry_after, body = attempt(message_id, receive_id, key)
        except (OSError, HTTPException, ValueError) as error:
            if pause is None:
                sys.exit(f"no answer: {error}")
        else:
            if status == 200:
                return body["message_id"]
            print(f"{body['code']} ({body['outcome']}): {body['detail']}", file=sys.stderr)
            if pause is None or not may_repeat(body):
                sys.exit(f"fix by {body['fix_by']}: {body['remedy']}")
            pause = int(retry_after or pause)
        print(f"trying again in {pause} s", file=sys.stderr)
        time.sleep(pause)


if __name__ == "__main__":
    if len(sys.argv) != 4 or not {"GATEWAY_URL", "GATEWAY_KEY"} <= os.environ.keys():
        print(__doc__, file=sys.stderr)
        sys.exit(2)
    print(forward(*sys.argv[1:]))
