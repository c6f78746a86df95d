"""The figures of a forward that hold on any processor: what callgrind counts, of the gateway and of the floor."""

import re
import threading
from dataclasses import dataclass

from callgrind import LINE, READABLE, Callgrind, Dump
from kinds import KINDS

CONNECTIONS = 32
FORWARDS = 40 * CONNECTIONS
# An instruction cache as processors have it: 32 KiB in 8 ways.
CACHE = "--I1=32768,8,64"
OPTIONS = ("--cache-sim=yes", CACHE, "--collect-systime=yes", *READABLE)
# A line of the cache is hot if every second forward executes it.
HOT = 0.5

INSTRUCTIONS = "instructions"
SYSTEM_CALLS = "system calls"
INSTRUCTION_MISSES, HOT_CODE = "instruction-cache misses", "hot code, KiB"
ALLOCATIONS, COPIES, CLOCK = "allocations", "copies of memory", "reads of the clock"
_ALLOCATOR = re.compile(r"_?mi_")
_ALLOCATES = re.compile(r"mi_(heap_)?(m|z|c|re)alloc")
_COPIES = re.compile(r"(__)?mem(cpy|move)")
_READS_CLOCK = re.compile(r"clock_gettime")


@dataclass
class Goal:
    """What a figure is to be at most; `times_floor`: as a multiple of the floor's."""

    figure: str
    most: float
    times_floor: bool = False

    def measured(self, forward, floor):
        return forward[self.figure] / floor[self.figure] if self.times_floor else forward[self.figure]

    def name(self):
        return f"{self.figure} of a forward" + (", times the floor's" if self.times_floor else "")

    def told(self, forward, floor):
        measured = self.measured(forward, floor)
        return f"{self.name()}: {measured:.4g}, at most {self.most}: {'met' if measured <= self.most else 'not met'}"


GOALS = [Goal(INSTRUCTIONS, 1.35, times_floor=True), Goal(INSTRUCTION_MISSES, 3800), Goal(HOT_CODE, 190),
         Goal(ALLOCATIONS, 60), Goal(COPIES, 200), Goal(CLOCK, 15), Goal(SYSTEM_CALLS, 4.3)]


def figures(folder, start):
    """The figures of one forward to a server that `start` starts, under the program that it is given. Many connections
    keep the server busy, as they do where the cost matters; a single one would count every falling asleep too."""
    callgrind = Callgrind(folder, *OPTIONS)
    server = start(under=callgrind.command)
    connections = [server.connected() for _ in range(CONNECTIONS)]
    # Opens the connections.
    _send(server, connections)
    dump = Dump(callgrind.count(server, lambda: _send(server, connections)))
    server.stop()
    hot = sum(count >= FORWARDS * HOT for count in dump.lines.values())
    # Under Valgrind alone, the clock is read by a call of the kernel.
    kernel = dump.events("sysCount") - dump.events("sysCount", _READS_CLOCK)
    return {
        INSTRUCTIONS: round(dump.events("Ir") / FORWARDS),
        INSTRUCTION_MISSES: round(dump.events("I1mr") / FORWARDS),
        HOT_CODE: round(hot * LINE / 1024),
        ALLOCATIONS: _calls(dump, _ALLOCATES, but_by=_ALLOCATOR),
        COPIES: _calls(dump, _COPIES),
        CLOCK: _calls(dump, _READS_CLOCK, but_by=_READS_CLOCK),
        SYSTEM_CALLS: round(kernel / FORWARDS, 1),
    }


def _send(server, connections):
    """All forwards, by these connections, each of which always has one in flight."""
    times = FORWARDS // len(connections)
    threads = [threading.Thread(target=server.send, args=(KINDS[0], times, connection)) for connection in connections]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _calls(dump, names, but_by=None):
    calls = sum(count for (caller, callee), count in dump.calls.items()
                if names.match(callee) and not (but_by and but_by.match(caller)))
    return round(calls / FORWARDS)
