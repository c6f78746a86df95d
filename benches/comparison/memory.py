"""Resident memory: idle, with ever more receivers or keys, and after the gateway has forgotten the receivers."""

import time

from gateway import NO_APP_LIMITS
from load import reach, reach_with_keys, saturate
from servers import CORES

MANY, VERY_MANY = 100_000, 1_000_000
# The gateway forgets a receiver 20 seconds after its last message, at the latest.
FORGETS_WITHIN = 60  # seconds; time for the allocator to give memory back too
# So many forwards afterwards: a thread that does something again gives back what is left.
FEW = 5000
HELD = "feishu_gateway_rate_limit_receivers"


def run(bench):
    return {"gateway": _gateway(bench), "keys": _keys(bench), "others": _others(bench)}


def _keys(bench):
    """After so many forwards, each with an `Idempotency-Key` of its own."""
    gateway = bench.gateway(limits=NO_APP_LIMITS | {"receiver_per_second": 10_000})
    for first in range(0, VERY_MANY, MANY):
        bench.all_accepted(f"keys from {first} on", reach_with_keys(gateway, first, MANY))
        gateway.process.forget_logs()
    memory = gateway.process.memory()
    print(f"  MB: {memory['rss']:.1f} after {VERY_MANY} keys")
    gateway.process.end()
    return memory


def _gateway(bench):
    gateway = bench.gateway()
    process = gateway.process
    time.sleep(1)
    states = {"idle": process.memory()}
    held = []
    for first in range(0, VERY_MANY + MANY, MANY):
        bench.all_accepted(f"receivers from {first} on", reach(gateway, first, MANY))
        held.append(process.metric(HELD))
        states.setdefault("many", process.memory())
        # It would fill the disk.
        process.forget_logs()
    states["very_many"] = process.memory()
    time.sleep(FORGETS_WITHIN)
    if left := process.metric(HELD):
        bench.faults.append(f"memory: {left:.0f} receivers are known {FORGETS_WITHIN} seconds after the load")
    states["forgotten"] = process.memory()
    bench.all_accepted("a few receivers", reach(gateway, VERY_MANY + MANY, FEW))
    time.sleep(2)
    states["few"] = process.memory()
    peak = process.peak()
    print("  MB: " + "".join(f"{state} {memory['rss']:.1f}, " for state, memory in states.items()) + f"peak {peak:.1f}")
    process.end()
    return {"states": states, "peak": peak, "held": max(held)}


def _others(bench):
    """The others, each after it started and after load."""
    starts = [bench.nginx, *(lambda start=start, number=number: start(number)
                             for start in (bench.node, bench.python) for number in sorted({1, CORES}))]
    found = {}
    for start in starts:
        contestant = start()
        time.sleep(1)
        idle = contestant.process.memory()
        bench.all_accepted(f"memory, {contestant.name}", saturate(contestant, bench.seconds))
        found[contestant.name] = {"idle": idle, "loaded": contestant.process.memory()}
        contestant.process.end()
    return found
