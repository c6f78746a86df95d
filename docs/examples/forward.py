"""Forwards a message and repeats it until it is sure to have arrived once. Standard library alone.

    GATEWAY_URL=http://… GATEWAY_KEY=ffg_… python3 forward.py MESSAGE_ID RECEIVE_ID KEY

KEY is your name for this forward, such as order-17: with one key the message goes out once.
"""

import json
import os
import sys
import time
import urllib.error
import urllib.request
from http.client import HTTPException

PAUSES = (1, 2, 4, 8)


def attempt(message_id, receive_id, key):
    """The status, the seconds to wait if the gateway says so, and the new message or the problem."""
    request = urllib.request.Request(
        f"{os.environ['GATEWAY_URL']}/v1/messages/{message_id}/forward",
        data=json.dumps({"receive_id": receive_id}).encode(),
        headers={
            "X-API-Key": os.environ["GATEWAY_KEY"],
            "Idempotency-Key": key,
            "Content-Type": "application/json",
        },
    )
    try:
        # Longer than the gateway's own deadline of 15 s.
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, None, json.load(answer)
    except urllib.error.HTTPError as answer:
        return answer.status, answer.headers["Retry-After"], json.load(answer)


def may_repeat(problem):
    """What may pass and what is unknown can be repeated, as the key stays the same."""
    if problem["code"] == "too_late_to_repeat":
        return False
    return problem["retryable"] or problem["outcome"] == "unknown"


def forward(message_id, receive_id, key):
    """The new message's id."""
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
