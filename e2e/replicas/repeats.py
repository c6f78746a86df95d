"""One forward that comes to several replicas, and the token that all of them use."""

import http.client
import threading
import time

from world import World

NAMES = ("r1", "r2", "r3", "r4")


def same_uuid(place, claims):
    with World(place, "same_uuid", claims, replicas=4) as world:
        answers = at_once(world, uuid="same-1")
        delivered_once(world, answers, "with one uuid")


def same_key(place, claims):
    with World(place, "same_key", claims, replicas=4) as world:
        answers = at_once(world, key="one forward")
        attempts = delivered_once(world, answers, "with one Idempotency-Key")
        claims.that("Feishu was asked once", len(attempts) == 1, len(attempts))
        calls = world.simulator.token_calls()
        claims.that("four replicas fetched one tenant token", calls == 1, calls)

        # Each replica compares what it knows with Redis once a second.
        time.sleep(2.5)
        reports = sum(len(replica.reports()) for replica in world.replicas.values())
        failed = sum(replica.failed_requests() for replica in world.replicas.values())
        claims.that("nothing is reported again that Redis knows", reports <= failed, (reports, failed))

        gateway = world.replicas["r2"]
        status, body = gateway.forward(gateway.connect(), None, "oc_2", key="one forward")
        conflict = (status, body.get("code"))
        claims.that("the key for another receiver is refused", conflict == (422, "idempotency_key_reused"), conflict)


def dies_with_a_key(place, claims):
    """A replica is killed while Feishu, which has delivered, still owes it the answer."""
    settings = {"feishu.deadline": "3s", "feishu.attempt_timeout": "2s"}
    with World(place, "dies_with_a_key", claims, replicas=2) as world:
        world.redis.start()
        first, second = (world.replica(name, **settings) for name in NAMES[:2])
        world.simulator.spoil("silence", "after_commit")
        caller = threading.Thread(target=lost, args=(first,), daemon=True)
        caller.start()
        while not world.simulator.ledger()[1]:
            time.sleep(0.01)
        first.process.kill()
        caller.join()

        # Its lease lasts for a forward's deadline and 5 s.
        asked_at, answers = time.monotonic(), []
        while not answers or answers[-1][0] != 200:
            if time.monotonic() > asked_at + 30:
                break
            answers.append(second.forward(second.connect(), None, "oc_1", key="one forward"))
        *before, (status, body) = answers
        unsure = all(body.get("outcome") == "unknown" and body.get("safe_retry_until") for _, body in before)
        figure = [(status, body.get("code", "delivered")) for status, body in answers]
        claims.that("until its lease ends, whoever asks is told that nobody knows", before and unsure, figure)
        attempts, deliveries = world.simulator.ledger()
        same = len({row["uuid"] for row in attempts}) == 1
        claims.that("then it is sent again with the same uuid", len(attempts) == 2 and same, len(attempts))
        told = status == 200 and body["message_id"] == deliveries[0]["new_message_id"]
        claims.that("and is delivered once, which is told", len(deliveries) == 1 and told, len(deliveries))


def forgotten(place, claims):
    """Redis is emptied, and another replica is asked again for what is delivered or may be, which Feishu refuses now."""
    settings = {"feishu.deadline": "3s", "feishu.attempt_timeout": "1s", "feishu.max_attempts": 1}
    with World(place, "forgotten", claims, replicas=2) as world:
        world.redis.start()
        first, second = (world.replica(name, **settings) for name in NAMES[:2])
        names = [{"uuid": "delivered-1"}, {"key": "delivered"}, {"uuid": "unknown-1"}, {"key": "unknown"}]
        for name in names:
            if "unknown" in str(name):
                world.simulator.spoil("silence", "after_commit")
            ask(first, **name)
        status, body = ask_spoiled(world, first, "silence", "after_commit")
        names.append({"uuid": body["uuid"]})

        world.redis.tell("FLUSHALL")
        emptied_at = time.monotonic()
        refused = {"code": {"code": 230002}}
        told, outcome = [], None
        # A forward with another key shows when the replicas trust Redis again.
        while outcome != "not_delivered" and time.monotonic() < emptied_at + 30:
            status, body = ask_spoiled(world, second, refused, "before_commit", key=f"another {len(told)}")
            outcome = body.get("outcome")
            told.append((round(time.monotonic() - emptied_at, 1), outcome))
            time.sleep(0.5)
        first_told = told[0][1] == "unknown" and outcome == "not_delivered"
        claims.that("a refusal is unknown until all have repeated what they know", first_told, [told[0], told[-1]])
        outcomes = [ask_spoiled(world, second, refused, "before_commit", **name)[1].get("outcome") for name in names]
        known = outcomes == ["unknown"] * len(names)
        claims.that("what went out or may have is not denied by another replica", known, outcomes)


def ask(gateway, uuid=None, key=None):
    return gateway.forward(gateway.connect(), uuid, "oc_1", key=key)


def ask_spoiled(world, gateway, kind, phase, **name):
    world.simulator.spoil(kind, phase)
    return ask(gateway, **name)


def lost(gateway):
    """A forward of which the caller hears nothing."""
    try:
        gateway.forward(gateway.connect(), None, "oc_1", key="one forward")
    except (OSError, http.client.HTTPException):
        pass


def at_once(world, uuid=None, key=None):
    """The answers of all replicas to one forward that comes to each of them at once."""
    world.redis.start()
    gateways = [world.replica(name) for name in NAMES]
    answers, together = [], threading.Barrier(len(gateways))

    def forward(gateway):
        connection = gateway.connect()
        connection.connect()
        together.wait()
        answers.append(gateway.forward(connection, uuid, "oc_1", key))

    callers = [threading.Thread(target=forward, args=(gateway,)) for gateway in gateways]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    return answers


def delivered_once(world, answers, what):
    attempts, deliveries = world.simulator.ledger()
    figure = f"{len(attempts)} attempts, {len(deliveries)} delivered"
    world.claims.that(f"four forwards {what} are delivered once", len(deliveries) == 1, figure)
    told = [(status, body.get("message_id")) for status, body in answers]
    message = deliveries[0]["new_message_id"] if deliveries else None
    world.claims.that("all callers hear of the same message", told == [(200, message)] * len(answers), set(told))
    return attempts
