"""Replicas come, go, die and stand still while all have more to do than they may."""

import re
import signal
import threading
import time

import ledger
from ledger import RECEIVER_LIMIT
from load import Load, until_all
from servers import Way
from world import World

# Time for what has happened to be over, and time to measure; seconds.
SETTLE, CALM = 2, 6
CALLERS = 4
# What Redis says to a turn that may be taken: a list that begins with its time, whether that went back, in which time it
# grants anything and for how long it has, and 1.
ALLOWED = re.compile(rb"\*\d+\r\n(?::\d+\r\n){4}:1\r\n")


def replicas(place, claims):
    """One is added, one is killed, one drains, one is stopped for a while."""
    with World(place, "replicas", claims, replicas=4) as world:
        world.redis.start()
        load = Load()
        calm = []

        def stay_calm():
            time.sleep(SETTLE)
            begin = time.monotonic()
            time.sleep(CALM)
            calm.append((world.events[-1][0], begin, time.monotonic()))

        for name in ("r1", "r2", "r3"):
            load.on(world.replica(name), CALLERS)
        world.compare(CALLERS)
        stay_calm()

        claims.note("the clock of r4 is an hour ahead and runs a hundredth fast")
        load.on(world.replica("r4", preload=place.folder / "clock.so"), CALLERS)
        stay_calm()

        world.replicas["r1"].process.signal(signal.SIGKILL)
        world.happens("r1 was killed")
        stay_calm()

        world.replicas["r2"].process.signal(signal.SIGTERM)
        world.happens("r2 drains")
        code = world.replicas["r2"].process.ended()
        world.happens("r2 has drained")
        claims.that("one that drains ends well", code == 0, f"exit code {code}")
        stay_calm()

        stopped = [stop(world, "r3", 3) for _ in range(3)]
        stay_calm()

        attempts, deliveries = world.judge(load)
        world.most("to one receiver", attempts, 1, RECEIVER_LIMIT)
        world.reached("in the calm after " + ", ".join(event for event, *_ in calm), attempts, calm)
        meanwhile = [row for begin, end in stopped for row in ledger.between(deliveries, begin, end)]
        figure = f"{len(meanwhile)} deliveries in 9 s"
        claims.that("while one is stopped the other one goes on", ledger.by_replica(meanwhile)["r4"], figure)
        after = ledger.by_replica(ledger.between(deliveries, stopped[-1][1], time.monotonic()))["r3"]
        claims.that("one that was stopped forwards again", after, f"{after} deliveries")


def stop(world, name, seconds):
    """Stops a replica and lets it go on; returns when."""
    process = world.replicas[name].process
    process.signal(signal.SIGSTOP)
    stopped = world.happens(f"{name} is stopped")
    time.sleep(seconds)
    process.signal(signal.SIGCONT)
    goes_on = world.happens(f"{name} goes on")
    time.sleep(0.6)
    return stopped, goes_on


def stopped_while_asking(place, claims):
    """What Redis allowed is too old to be used when a replica was stopped before it heard of it."""
    with World(place, "stopped_while_asking", claims, replicas=2) as world:
        world.redis.start()
        armed, stopped = threading.Event(), threading.Event()

        def on_answer(answer):
            if armed.is_set() and ALLOWED.match(answer):
                armed.clear()
                sleeper.process.signal(signal.SIGSTOP)
                world.happens("r1 is stopped while Redis says that it may")
                stopped.set()

        way = Way(world.redis.port, on_answer)
        sleeper, other = world.replica("r1", **{"state.url": way.url}), world.replica("r2")
        load, *others = [Load() for _ in range(4)]
        load.on(sleeper, CALLERS)
        for meanwhile in others:
            armed.set()
            claims.that("it is stopped", stopped.wait(20))
            stopped.clear()
            # By the end of this what r1 was allowed counts no longer, and r2 has all that may go.
            meanwhile.on(other, CALLERS)
            time.sleep(2.5)
            sleeper.process.signal(signal.SIGCONT)
            world.happens("r1 goes on")
            time.sleep(1)
            meanwhile.stop()
            meanwhile.join()
        attempts, deliveries = world.judge(load, *others)
        world.most("to one receiver", attempts, 1, RECEIVER_LIMIT)
        counts = ledger.by_replica(deliveries)
        claims.that("both forward", counts["r1"] and counts["r2"], f"r1 {counts['r1']}, r2 {counts['r2']}")
        way.close()


def stopped_on_its_own(place, claims):
    """A replica that was stopped while there was no Redis asks for it before it goes on."""
    with World(place, "stopped_on_its_own", claims, replicas=2) as world:
        world.redis.start()
        load = Load()
        for name in ("r1", "r2"):
            load.on(world.replica(name), CALLERS)
        world.redis.process.kill()
        world.happens("Redis is killed")
        until_all(world.replicas.values(), share=False, patience=20)
        time.sleep(SETTLE)

        sleeper = world.replicas["r1"].process
        sleeper.signal(signal.SIGSTOP)
        world.happens("r1 is stopped")
        world.redis.start()
        world.happens("Redis comes back")
        back = until_all([world.replicas["r2"]], share=True, patience=20)
        claims.that("the other one shares again", back is not None)
        # By then it has all that may go.
        time.sleep(3.5)
        sleeper.signal(signal.SIGCONT)
        goes_on = world.happens("r1 goes on")
        time.sleep(SETTLE + 3)

        attempts, deliveries = world.judge(load)
        world.most("to one receiver", attempts, 1, RECEIVER_LIMIT)
        after = ledger.by_replica(ledger.between(deliveries, goes_on, time.monotonic()))
        claims.that("both forward after it", after["r1"] and after["r2"], f"r1 {after['r1']}, r2 {after['r2']}")
