"""Sends one message to all receivers of a CSV file, shows how far it is, and says who has not got it. Standard library
alone.

    GATEWAY_URL=http://… GATEWAY_KEY=ffg_… python3 broadcast.py MESSAGE_ID receivers.csv

Each row is a receive_id and, if you want to be sure, its receive_id_type; a first row with these names may be there, and
further columns are ignored. The Idempotency-Key is made of the message and the file, so running it again, after a crash
say, goes on watching the same broadcast and sends nothing twice.

Exit code: 0 all have got it, 1 some have not (see failures.csv), 2 nothing was accepted, 3 it goes on unwatched.
"""

import argparse
import collections
import csv
import hashlib
import json
import os
import re
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from http.client import HTTPException

PAUSES = (1, 2, 4, 8)
FAILED = ("not_delivered", "unknown", "expired", "canceled")
# Seconds. The gateway sends something every 15 of them.
SILENCE = 40


def open_url(url, body=None, **headers):
    """The answer, whose body has not been read."""
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    headers["X-API-Key"] = os.environ["GATEWAY_KEY"]
    data = None if body is None else json.dumps(body).encode()
    if data:
        headers["Content-Type"] = "application/json"
    return urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=SILENCE)


def ask(url, body=None, **headers):
    """The Location, if there is one, and the body of an answer. What may pass is asked again."""
    for pause in (*PAUSES, None):
        try:
            with open_url(url, body, **headers) as answer:
                return answer.headers["Location"], json.load(answer)
        except urllib.error.HTTPError as answer:
            problem, retry_after = json.load(answer), answer.headers["Retry-After"]
            # A key makes it safe to repeat what nobody knows the outcome of.
            if pause is None or not (problem["retryable"] or problem["outcome"] == "unknown"):
                raise Refused(problem) from None
            pause = int(retry_after or pause)
        except (OSError, HTTPException, ValueError):
            if pause is None:
                raise
        time.sleep(pause)


class Refused(Exception):
    """The gateway's problem is its argument."""


def receivers_of(text):
    """The receivers of a CSV file, and the line of each."""
    rows = csv.reader(text.splitlines())
    receivers, lines = [], []
    for row in rows:
        cells = [cell.strip() for cell in row]
        if not any(cells) or (not receivers and cells[0] == "receive_id"):
            continue
        receiver = {"receive_id": cells[0]}
        if len(cells) > 1 and cells[1]:
            receiver["receive_id_type"] = cells[1]
        receivers.append(receiver)
        lines.append(rows.line_num)
    return receivers, lines


def start(message_id, path, expires_in):
    """The URL of the broadcast."""
    with open(path, "rb") as file:
        content = file.read()
    receivers, lines = receivers_of(content.decode("utf-8-sig"))
    key = hashlib.sha256(message_id.encode() + b"\n" + content).hexdigest()
    url = f"{os.environ['GATEWAY_URL']}/v1/messages/{urllib.parse.quote(message_id, safe='')}/broadcasts"
    body = {"receivers": receivers, "expires_in": expires_in}
    try:
        location, _ = ask(url, body, Idempotency_Key=key)
    except Refused as refused:
        (problem,) = refused.args
        print(f"{problem['code']}: {problem['detail']}\n{problem['remedy']}", file=sys.stderr)
        for error in problem.get("errors", []):
            place = re.match(r"receivers\[(\d+)\]\.?", error["field"])
            where = f"line {lines[int(place[1])]}: {error['field'][place.end():]}" if place else error["field"]
            print(f"  {where} {error['detail']}", file=sys.stderr)
        sys.exit(2)
    return urllib.parse.urljoin(url, location)


def events(url, last_id):
    """The broadcast after each change, as the gateway tells it."""
    known = {"Last_Event_ID": last_id[0]} if last_id else {}
    with open_url(f"{url}/events", Accept="text/event-stream", **known) as stream:
        for line in stream:
            field, _, value = line.decode().rstrip("\n").partition(": ")
            if field == "id":
                last_id[:] = [value]
            elif field == "data":
                yield json.loads(value)


def changes(url):
    """The broadcast after each change, up to its end. Where streams do not come through, it is asked again and again."""
    last_id = []
    while True:
        try:
            for broadcast in events(url, last_id):
                yield broadcast
                if "finished_at" in broadcast:
                    return
        except (OSError, HTTPException, ValueError):
            pass
        # The gateway restarts, an hour has passed, or something on the way takes no streams.
        _, broadcast = ask(url, Prefer="wait=5")
        yield broadcast
        if "finished_at" in broadcast:
            return


def show(broadcast):
    counts, total = broadcast["counts"], broadcast["total"]
    failed = sum(counts[outcome] for outcome in FAILED)
    ended = counts["delivered"] + failed
    bar = "#" * (30 * ended // total)
    state = broadcast.get("paused_by") or broadcast.get("estimated_finish_at", "")
    text = f"[{bar:30}] {ended} of {total}, {failed} failed  {broadcast['state']} {state}"
    is_screen = sys.stderr.isatty()
    print(f"\r{text:100}" if is_screen else text, end="" if is_screen else "\n", file=sys.stderr, flush=True)


def failures_of(url):
    """Each receiver that has not got the message."""
    cursor = ""
    while cursor is not None:
        _, page = ask(f"{url}/receivers?limit=1000&outcome={','.join(FAILED)}{cursor}")
        yield from page["receivers"]
        cursor = f"&cursor={page['next_cursor']}" if "next_cursor" in page else None


def report(url, path):
    """Writes who has not got the message, prints why, and says how many they are."""
    kinds = collections.Counter()
    with open(path, "w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["receive_id", "receive_id_type", "outcome", "problem", "feishu_code", "remedy"])
        for it in failures_of(url):
            problem = it.get("problem", {})
            why = [problem.get(name, "") for name in ("code", "feishu_code", "remedy")]
            rows.writerow([it["receive_id"], it["receive_id_type"], it["outcome"], *why])
            kinds[it["outcome"], problem.get("code", ""), problem.get("fix_by", ""), problem.get("remedy", "")] += 1
    for (outcome, code, fix_by, remedy), count in kinds.most_common():
        print(f"{count:6}  {outcome:13}  {code:24}  {fix_by:12}  {remedy}")
    if any(outcome == "unknown" for outcome, *_ in kinds):
        print("Those that are unknown may have got it: look before you send to them again.")
    return sum(kinds.values())


def main():
    what, usage = __doc__.split("\n\n", 1)
    arguments = argparse.ArgumentParser(
        description=what, epilog=usage, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("message_id", help="the message, om_…")
    arguments.add_argument("receivers", help="the CSV file")
    arguments.add_argument("--expires-in", default="24h", help="until when it may be sent, 1m to 7d (default: %(default)s)")
    arguments.add_argument("--failures", default="failures.csv", help="where failures go (default: %(default)s)")
    if len(sys.argv) == 1 or not {"GATEWAY_URL", "GATEWAY_KEY"} <= os.environ.keys():
        arguments.print_help(sys.stderr)
        sys.exit(2)
    given = arguments.parse_args()

    url = None
    try:
        url = start(given.message_id, given.receivers, given.expires_in)
        print(url, flush=True)
        for broadcast in changes(url):
            show(broadcast)
        print(file=sys.stderr)
        failed = report(url, given.failures)
    except (KeyboardInterrupt, Refused, OSError, HTTPException, ValueError) as error:
        print(f"\n{error!r}", file=sys.stderr)
        if url is None:
            sys.exit(2)
        print(f"{url} goes on. Run this again to watch it; POST {url}/cancel ends it.", file=sys.stderr)
        sys.exit(3)
    print(f"{broadcast['counts']['delivered']} of {broadcast['total']} have got it; {failed} are in {given.failures}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
