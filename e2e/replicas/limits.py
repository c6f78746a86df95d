"""Replicas that all have more to do than they may."""

import random
import time

import ledger
from ledger import RECEIVER_LIMIT
from load import Load, until_all
from servers import Way
from world import World

NAMES = ("r1", "r2", "r3", "r4")


def sharing_nothing(place, claims):
    """That the other claims can fail: without Redis each replica keeps the limits for itself only."""
    with World(place, "sharing_nothing", claims, replicas=None) as world:
        load = Load()
        for name in NAMES[:2]:
            load.on(world.replica(name), callers=4)
        # In the first one nothing goes.
        time.sleep(3)
        attempts, _ = world.judge(load)
        most = len(ledger.fullest(attempts, 1))
        claims.that(f"more than {RECEIVER_LIMIT} attempts in 1 s, as nothing is shared", most > RECEIVER_LIMIT, most)


def receiver(place, claims):
    """Four replicas and one receiver."""
    with World(place, "receiver", claims, replicas=4) as world:
        world.redis.start()
        load = Load()
        for name in NAMES:
            load.on(world.replica(name), callers=4)
        world.compare(callers=4)
        # From now on all have callers who wait.
        begin = world.happens("all replicas are there")
        time.sleep(30)
        end = time.monotonic()

        attempts, deliveries = world.judge(load)
        world.most("to one receiver", attempts, 1, RECEIVER_LIMIT)
        world.reached("to one receiver", attempts, [(begin, end)])
        shares = ledger.by_replica(ledger.between(deliveries, begin, end))
        fairness = min(shares[name] for name in NAMES) / max(shares.values())
        figure = f"{fairness:.2f}: " + ", ".join(f"{name} {shares[name]}" for name in NAMES)
        claims.that("the smallest share of a replica is at least a third of the largest", fairness >= 1 / 3, figure)


def late(place, claims):
    """Redis' answers are late, each replica's by another time, but none so late that Redis is given up."""
    with World(place, "late", claims, replicas=4) as world:
        world.redis.start()
        load, ways = Load(), {name: Way(world.redis.port) for name in NAMES}
        for name, way in ways.items():
            load.on(world.replica(name, **{"state.url": way.url}), callers=4)
        for _ in range(40):
            for way in ways.values():
                way.late(random.choice((0, 0.05, 0.1, 0.15)))
            time.sleep(0.5)
        attempts, deliveries = world.judge(load)
        world.most("to one receiver", attempts, 1, RECEIVER_LIMIT)
        counts = ledger.by_replica(deliveries)
        figure = ", ".join(f"{name} {counts[name]}" for name in NAMES)
        claims.that("each replica forwards", all(counts[name] for name in NAMES), figure)
        for way in ways.values():
            way.close()


def app_minute(place, claims):
    """An app's limit of a minute, for more than one."""
    per_second, per_minute = 20, 200
    with app_world(place, "app_minute", claims, per_second, per_minute) as world:
        load = many_receivers(world, callers=3)
        time.sleep(64)
        attempts, _ = world.judge(load)
        app_limits(world, attempts, per_second, per_minute)
        world.reached_in("a minute", attempts, 60)


def app_second(place, claims):
    """An app's limit of a second, also while Redis is away."""
    per_second, per_minute = 20, 1000
    with app_world(place, "app_second", claims, per_second, per_minute) as world:
        load = many_receivers(world, callers=6)
        begin = time.monotonic()
        time.sleep(6)
        end = world.happens("Redis is killed")
        world.redis.process.kill()
        until_all(world.replicas.values(), share=False, patience=20)
        alone_since = world.happens("all are on their own")
        time.sleep(4)
        back = world.happens("Redis comes back empty")
        world.redis.start()
        time.sleep(5)

        attempts, deliveries = world.judge(load)
        app_limits(world, attempts, per_second, per_minute)
        world.reached("with Redis", attempts, [(begin, end)], lag=per_second)
        alone = ledger.by_replica(ledger.between(deliveries, alone_since, back))
        figure = ", ".join(f"{name} {alone[name]}" for name in NAMES)
        claims.that("each replica forwards on its own while Redis is away", all(alone[name] for name in NAMES), figure)


def app_world(place, scenario, claims, per_second, per_minute):
    return World(place, scenario, claims, replicas=4, app_per_second=per_second, app_per_minute=per_minute)


def many_receivers(world, callers):
    """So many that only the app's limits are in the way."""
    world.redis.start()
    load = Load([f"oc_{number}" for number in range(60)])
    for name in NAMES:
        load.on(world.replica(name), callers)
    world.compare(callers * len(NAMES), len(load.receivers))
    world.happens("all replicas are there")
    return load


def app_limits(world, attempts, per_second, per_minute):
    fullest = max(ledger.by_receiver(attempts).values(), key=lambda rows: len(ledger.fullest(rows, 1)))
    world.most("to any receiver", fullest, 1, RECEIVER_LIMIT)
    world.most("of the app", attempts, 1, per_second)
    world.most("of the app", attempts, 60, per_minute)
