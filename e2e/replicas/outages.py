"""Redis dies, stands still, is full, is slow, or is not there yet."""

import signal
import time
from functools import partial

import ledger
from ledger import RECEIVER_LIMIT
from load import Load, Watch, until_all
from servers import Redis, Sentinel, Way
from world import World

CALLERS = 4
NAMES = ("r1", "r2", "r3", "r4")
# Seconds. What is measured begins when all replicas say that they are on their own, and after a calm has begun in
# which what each one sent on its own is over. How long it takes them to say so is up to the machine, within patience.
ALONE, CALM, SETTLE, PATIENCE = 3.5, 5, 3, 20


class Outages:
    """Replicas that share, until something happens to Redis, and again after it."""

    def __init__(self, world, load):
        self.world, self.claims, self.load = world, world.claims, load
        for name in NAMES:
            load.on(world.replica(name), CALLERS)
        world.compare(CALLERS)
        self.watch = Watch(world.replicas.values())
        self.outages, self.calm = [], []
        world.happens("all replicas are there")
        self.stay_calm()

    def stay_calm(self):
        time.sleep(SETTLE)
        begin = time.monotonic()
        time.sleep(CALM)
        self.calm.append((begin, time.monotonic()))

    def outage(self, what, begin, end):
        """Lets it begin, last and end, and waits until all is well again."""
        self.world.happens(what)
        begin()
        alone = until_all(self.world.replicas.values(), share=False, patience=PATIENCE)
        self.claims.that(f"{what}: all replicas say that they are on their own", alone is not None, in_seconds(alone))
        on_their_own = self.world.happens(f"{what}: all are on their own")
        time.sleep(ALONE)
        end()
        self.outages.append((what, on_their_own, self.world.happens(f"{what} no more")))
        self.recover(what)

    def recover(self, what, patience=PATIENCE):
        back = until_all(self.world.replicas.values(), share=True, patience=patience)
        claim = f"{what}: afterwards all say that they share, without a restart"
        self.claims.that(claim, back is not None, in_seconds(back))
        self.stay_calm()

    def judge(self):
        attempts, deliveries = self.world.judge(self.load)
        self.watch.stop()
        self.world.most("to one receiver", attempts, 1, RECEIVER_LIMIT)
        for what, begin, end in self.outages:
            rows = ledger.between(deliveries, begin, end)
            counts = ledger.by_replica(rows)
            figure = ", ".join(f"{name} {counts[name]}" for name in NAMES) + f" in {ALONE} s"
            self.claims.that(f"{what}: each replica forwards on its own", all(counts[name] for name in NAMES), figure)
        self.world.reached("in the calm before and after", attempts, self.calm)
        statuses = self.watch.statuses
        self.claims.that("all are ready all the time", set(statuses) == {200}, f"asked {len(statuses)} times")


def in_seconds(time):
    return "not in time" if time is None else f"after {time:.2f} s"


def redis(place, claims):
    """Redis dies, is restarted at once, stands still, and is full."""
    with World(place, "redis", claims, replicas=len(NAMES)) as world:
        redis = world.redis
        redis.start()
        run = Outages(world, Load())

        run.outage("Redis is killed and comes back empty", redis.process.kill, redis.start)

        world.happens("Redis is restarted at once, empty")
        redis.process.kill()
        redis.start()
        run.recover("Redis is restarted at once, empty")

        stand_still, go_on = (partial(redis.process.signal, which) for which in (signal.SIGSTOP, signal.SIGCONT))
        run.outage("Redis stands still", stand_still, go_on)

        redis.tell("CONFIG SET maxmemory-policy noeviction")
        fill, empty = (partial(redis.tell, f"CONFIG SET maxmemory {most}") for most in (1, 0))
        run.outage("Redis is full", fill, empty)

        run.judge()


def slow(place, claims):
    """Each answer of Redis comes later than anybody waits for it."""
    with World(place, "slow", claims, replicas=len(NAMES)) as world:
        world.redis.start()
        way = Way(world.redis.port)
        world.settings["state.url"] = way.url
        run = Outages(world, Load())
        run.outage("Redis answers 0.4 s late", partial(way.late, 0.4), partial(way.late, 0))
        run.judge()
        way.close()


def failover(place, claims):
    """The master dies, and Sentinel has its replica take over, which has missed what came last."""
    with World(place, "failover", claims, replicas=len(NAMES)) as world:
        world.redis.start()
        standby = Redis(world.folder, world.folder / "standby.log")
        standby.start(replicaof=f"127.0.0.1 {world.redis.port}")
        sentinel = Sentinel(world.folder, world.redis)
        world.settings["state.url"] = sentinel.url
        run = Outages(world, Load())
        what = "The master is killed"
        world.happens(what)
        world.redis.process.kill()
        until_all(world.replicas.values(), share=False, patience=3)
        run.recover(what)
        standby.process.said("MASTER MODE enabled")
        run.judge()
        for process in (standby.process, sentinel.process):
            process.kill()


def start_without(place, claims):
    """A start while there is no Redis, which comes later."""
    with World(place, "start_without", claims, replicas=2) as world:
        begin = time.monotonic()
        gateway = world.replica("r1")
        claims.that("it becomes ready", True, in_seconds(time.monotonic() - begin))
        load = Load()
        load.on(gateway, callers=6)
        world.compare(callers=6)
        watch = Watch([gateway])
        begin = world.happens("it has started without Redis")
        time.sleep(6)
        end = world.happens("Redis comes")
        world.redis.start()
        back = until_all([gateway], share=True, patience=PATIENCE)
        claims.that("it shares when Redis comes", back is not None, in_seconds(back))
        time.sleep(SETTLE)
        calm = time.monotonic()
        time.sleep(CALM)
        calm = [(calm, time.monotonic())]

        attempts, deliveries = world.judge(load)
        watch.stop()
        world.most("to one receiver", attempts, 1, RECEIVER_LIMIT)
        alone = ledger.between(attempts, begin, end)
        most = len(ledger.fullest(alone, 1))
        share = RECEIVER_LIMIT // 2
        figure = f"{most} at most, of {len(alone)} attempts"
        claims.that(f"it keeps to its share of {share} while there is no Redis", most == share, figure)
        world.reached("with Redis", attempts, calm)
        claims.that("it is ready all the time", set(watch.statuses) == {200}, f"asked {len(watch.statuses)} times")
