"""Redis' clock is stepped, and what it holds is not the gateways'."""

import time

import ledger
from ledger import RECEIVER_LIMIT
from load import Load, Watch, until_all
from world import World

NAMES = ("r1", "r2")
# Seconds: what it costs that Redis begins anew, with the time until each replica has noticed, and a calm after it.
BEGINS, CALM = 4.5, 3
# How far the clock is ahead of the machine's, one after the other.
STEPS = {
    "goes back by ten minutes": -600,
    "goes ahead by two seconds": -598,
    "goes ahead by 0.3 s": -597.7,
    "goes back by 0.3 s": -598,
    "goes ahead by an hour": 3002,
    "goes back to where it was": 0,
}
# Lua that puts what is none of the gateways' in the place of each key.
VALUES = {
    "lists": "redis.call('RPUSH', key, 'a')",
    "hashes": "redis.call('HSET', key, 'a', 'b')",
    "words": "redis.call('SET', key, 'words')",
    "nothing": "redis.call('SET', key, '')",
    "numbers to come": "redis.call('SET', key, '1e300')",
    "a packed table of another kind": "redis.call('SET', key, cmsgpack.pack({cells = {1e300, 'a', 0/0}, "
    "pause = 1e18, closed_until = 1e18, spent_until = 1e18, quota_until = 1e18, content = {}, owner = 1}))",
}


def clock(place, claims):
    """The clock of Redis is stepped back and ahead, and a replica comes after it was."""
    with World(place, "clock", claims, replicas=3) as world:
        world.redis.with_a_clock_that_steps(place.folder / "stepped.so")
        world.redis.start()
        run = Run(world)
        for what, ahead in STEPS.items():
            run.happens(f"the clock {what}", lambda ahead=ahead: world.redis.step(ahead))
            if ahead == -600:
                run.load.on(world.replica("r3"), callers=2)
        run.judge()
        for name in NAMES:
            said = [line["gone"] for line in world.replicas[name].said_of_redis() if "gone" in line]
            steps = sum("stepped" in gone for gone in said)
            claims.that(f"{name} says that the clock was stepped", steps >= len(STEPS), said)


def values(place, claims):
    """Every key of Redis holds something else, again and again."""
    with World(place, "values", claims, replicas=2) as world:
        world.redis.start()
        run = Run(world, receivers=("oc_1", "oc_2"))
        for what, write in VALUES.items():
            lua = f"for _, key in ipairs(redis.call('KEYS', '*')) do redis.call('DEL', key) {write} end return redis.status_reply('OK')"
            command = b"*3\r\n$4\r\nEVAL\r\n$%d\r\n%s\r\n$1\r\n0\r\n" % (len(lua), lua.encode())
            run.happens(f"all keys hold {what}", lambda command=command: world.redis.tell(command))
        run.judge()
        for name in NAMES:
            # On a machine that is busy Redis may be late, whatever it holds.
            said = world.replicas[name].said_of_redis()
            claims.that(f"{name} says that Redis is available", any("is available" in line["message"] for line in said), said)
            lost = [line["gone"] for line in said if "lost" in line["message"]]
            lost = [gone for gone in lost if "timed out" not in gone and "no answer" not in gone]
            claims.that(f"{name} never says that Redis is lost", not lost, lost)


class Run:
    """Two replicas with more to do than they may."""

    def __init__(self, world, receivers=("oc_1",)):
        self.world, self.load = world, Load(receivers)
        for name in NAMES:
            self.load.on(world.replica(name), callers=4)
        world.compare(callers=4)
        self.watch = Watch(list(world.replicas.values()))
        self.calm = []
        self.receivers = receivers
        time.sleep(BEGINS)

    def happens(self, what, begin):
        self.world.happens(what)
        begin()
        time.sleep(BEGINS)
        replicas = self.world.replicas.values()
        if not all(gateway.shares() for gateway in replicas):
            # On a machine that is busy Redis may have been late in the meantime.
            until_all(replicas, share=True, patience=20)
            time.sleep(BEGINS)
        begin = time.monotonic()
        time.sleep(CALM)
        self.calm.append((what, begin, time.monotonic()))

    def judge(self):
        attempts, _ = self.world.judge(self.load)
        self.watch.stop()
        for receiver in self.receivers:
            rows = [row for row in attempts if row["receive_id"] == receiver]
            self.world.most(f"to {receiver}", rows, 1, RECEIVER_LIMIT)
        rows = [row for row in attempts if row["receive_id"] == self.receivers[0]]
        for what, *calm in self.calm:
            self.world.reached(f"{BEGINS} s after {what}", rows, [calm], least=0.75)
        statuses = self.watch.statuses
        self.world.claims.that("all are ready all the time", set(statuses) == {200}, f"asked {len(statuses)} times")
