"""Sends one message to all receivers of a CSV file, shows the progress, and lists the receivers that have not got it.
Needs only Python's standard library.

    GATEWAY_URL=http://… GATEWAY_KEY=ffg_… python3 broadcast.py MESSAGE_ID receivers.csv

Each row has a receive_id and, optionally, its receive_id_type. A first row with these names is optional, and further
columns are ignored. The Idempotency-Key is made from the message id and the file. So if you run the program again, for
example after a crash, it watches the same broadcast and sends nothing twice.

Exit code: 0 all have got it, 1 some have not (see failures.csv), 2 wrong usage, or nothing was accepted,
3 the broadcast goes on, but this program no longer watches it.
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
# Seconds. The gateway sends something at least every 15 seconds.
SILENCE = 40


def open_url(url, body=None, **headers):
    """Returns the answer; its body is still to be read."""
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    headers["X-API-Key"] = os.environ["GATEWAY_KEY"]
    data = None if body is None else json.dumps(body).encode()
    if data:
        headers["Content-Type"] = "application/json"
    return urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=SILENCE)


def ask(url, body=None, **headers):
    """Returns the Location, if there is one, and the body of the answer. Retries while a retry may help."""
    for pause in (*PAUSES, None):
        try:
            with open_url(url, body, **headers) as answer:
                return answer.headers["Location"], json.load(answer)
        except urllib.error.HTTPError as answer:
            problem, retry_after = json.load(answer), answer.headers["Retry-After"]
            # An unknown outcome can be retried too: the Idempotency-Key makes it safe.
            if pause is None or not (problem["retryable"] or problem["outcome"] == "unknown"):
                raise Refused(problem) from None
            pause = int(retry_after or pause)
        except (OSError, HTTPException, ValueError):
            if pause is None:
                raise
        time.sleep(pause)


class Refused(Exception):
    """Its argument is the problem from the gateway."""


def receivers_of(text):
    """Returns the receivers of a CSV file, and the line number of each."""
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
    """Starts the broadcast and returns its URL."""
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
    """Yields the broadcast after each change, from the gateway's stream of events."""
    known = {"Last_Event_ID": last_id[0]} if last_id else {}
    with open_url(f"{url}/events", Accept="text/event-stream", **known) as stream:
        for line in stream:
            field, _, value = line.decode().rstrip("\n").partition(": ")
            if field == "id":
                last_id[:] = [value]
            elif field == "data":
                yield json.loads(value)


def changes(url):
    """Yields the broadcast after each change, until it ends. Polls if a proxy on the way lets no streams through."""
    last_id = []
    while True:
        try:
            for broadcast in events(url, last_id):
                yield broadcast
                if "finished_at" in broadcast:
                    return
        except (OSError, HTTPException, ValueError):
            pass
        # The gateway restarts, the stream is an hour old, or a proxy on the way lets no streams through.
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
    """Yields each receiver that has not got the message."""
    cursor = ""
    while cursor is not None:
        _, page = ask(f"{url}/receivers?limit=1000&outcome={','.join(FAILED)}{cursor}")
        yield from page["receivers"]
        cursor = f"&cursor={page['next_cursor']}" if "next_cursor" in page else None


def report(url, path):
    """Writes the receivers that have not got the message, prints the reasons, and returns the number of receivers."""
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
