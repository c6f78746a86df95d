"""Callers that want the same app's calls, on different replicas."""

import time

import ledger
from load import Load
from world import World

# So many receivers that only the app's limits are in the way.
BUSY = ("r1", "r2", "r3")
RECEIVERS = [f"oc_{number}" for number in range(60)]
# Calls of the app in a minute, so one in 100 ms; seconds until those that may be made at once are made, and for each part.
PER_MINUTE, BEGINS, PART = 600, 5, 20
# Calls of other replicas that a forward of the quiet caller waits for on average at most. Were each turn to go to any of
# the four by chance, it would be two to three.
MOST_TURNS = 1
# The smallest share of a busy replica, in parts of the largest.
FAIRNESS = 0.75


def callers(place, claims):
    """A quiet caller beside one that is busy on three other replicas; then both are busy, and the second one has four
    times the weight."""
    weights = {"busy": 1, "quiet": 1, "heavy": 4}
    limits = {"app_per_second": 20, "app_per_minute": PER_MINUTE}
    with World(place, "callers", claims, 4, weights, **limits) as world:
        world.redis.start()
        busy = Load(RECEIVERS, "busy")
        for name in BUSY:
            busy.on(world.replica(name), callers=10)
        fourth = world.replica("r4")
        time.sleep(BEGINS)

        quiet = Load(RECEIVERS, "quiet", pause=0.45)
        quiet.on(fourth, callers=1)
        time.sleep(PART)
        quiet.stop()
        quiet.join()

        heavy = Load(RECEIVERS, "heavy")
        heavy.on(fourth, callers=20)
        begin = world.happens("the heavy caller is busy")
        time.sleep(PART)
        end = time.monotonic()

        attempts, deliveries = world.judge(busy, quiet, heavy)
        turns = sorted(turns_of_others(attempts, quiet.calls))
        mean = sum(turns) / len(turns)
        figure = f"{mean:.2f} of {len(turns)} forwards, {turns[len(turns) // 2]} in the middle, {turns[-1]} at most"
        claims.that(f"the quiet caller waits for {MOST_TURNS} call of other replicas on average at most", mean <= MOST_TURNS, figure)
        refused = [call for call in quiet.calls if call.status != 200]
        claims.that("and is never refused", not refused, refused[:3])

        shares = ledger.by_replica(ledger.between(deliveries, begin, end))
        fairness = min(shares[name] for name in (*BUSY, "r4")) / max(shares.values())
        figure = f"{fairness:.2f}: " + ", ".join(f"{name} {shares[name]}" for name in (*BUSY, "r4"))
        claims.that("busy replicas get about the same, whatever their callers weigh", fairness >= FAIRNESS, figure)


def turns_of_others(attempts, calls):
    """For each of the calls, the attempts of others between its begin and its own."""
    own = {row["uuid"]: row["at"] for row in attempts}
    for call in calls:
        if call.uuid in own:
            rows = ledger.between(attempts, call.began, own[call.uuid])
            yield len(rows)
