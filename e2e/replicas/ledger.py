"""What the simulator's ledger says about limits, rates and shares. Times are seconds."""

from collections import Counter, defaultdict

# What Feishu allows one receiver in any span of a second.
RECEIVER_LIMIT = 5
# The share that replicas are to reach of what a gateway that shares nothing reaches at the same time.
REACHED = 0.9


def fullest(rows, span):
    """Those rows, which are in order, that the half-open span with the most of them holds."""
    first, best = 0, rows[:0]
    for last, row in enumerate(rows):
        # The ledger's own numbers, in which nothing is rounded.
        while row["at_ns"] - rows[first]["at_ns"] >= span * 1_000_000_000:
            first += 1
        if last + 1 - first > len(best):
            best = rows[first : last + 1]
    return best


def too_many(rows, span, limit):
    """How many rows come less than a span after the one that is `limit` before them."""
    return sum(later["at_ns"] - row["at_ns"] < span * 1_000_000_000 for row, later in zip(rows, rows[limit:]))


def between(rows, begin, end):
    return [row for row in rows if begin <= row["at"] < end]


def gaps(rows, begin, end, lag=RECEIVER_LIMIT):
    """How long each row is after the one that is `lag` before it. Rows that come in clumps of up to
    `lag` say the same as rows that are spread out evenly."""
    times = [row["at"] for row in between(rows, begin, end)]
    return [later - earlier for earlier, later in zip(times, times[lag:])]


def rate(gaps, lag=RECEIVER_LIMIT):
    """Per second."""
    return lag * len(gaps) / sum(gaps) if gaps else 0.0


def replica_of(row):
    return (row["uuid"] or "").rpartition("-")[0]


def by_replica(rows):
    return Counter(map(replica_of, rows))


def excerpt(rows, events):
    """The first rows as one needs them to look into a violation: when, whose, and after which event."""
    lines = []
    for row in rows[:12]:
        since = [(row["at"] - at, event) for event, at in events if at <= row["at"]]
        after, event = min(since, default=(0, "nothing"))
        offset = row["at"] - rows[0]["at"]
        lines.append(f"+{offset:.4f} s {row['uuid']}, {after:.3f} s after: {event}, Feishu's code {row['code']}")
    return lines


def by_receiver(rows):
    receivers = defaultdict(list)
    for row in rows:
        receivers[row["receive_id"]].append(row)
    return receivers
