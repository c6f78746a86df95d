"""A program under callgrind, and what callgrind wrote about it."""

import re
import subprocess
from collections import defaultdict

LINE = 64  # bytes of a cache line


class Callgrind:
    """Counts nothing until it is told to. `options` are more of its own; `folder` keeps what it writes."""

    def __init__(self, folder, *options):
        self.folder = folder
        for old in folder.glob("callgrind.out*"):
            old.unlink()
        self.command = ["valgrind", "--tool=callgrind", "--instr-atstart=no",
                        f"--callgrind-out-file={folder / 'callgrind.out'}", *options]

    def count(self, server, send):
        """What it writes, which is about what `send` does and nothing else."""
        self._control(server, "-i", "on")
        send()
        # Sets the counters to zero as well.
        self._control(server, "-d")
        self._control(server, "-i", "off")
        return max(self.folder.glob("callgrind.out.*"), key=lambda path: int(path.suffix[1:]))

    @staticmethod
    def _control(server, *arguments):
        subprocess.run(["callgrind_control", *arguments, str(server.process.pid)], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


# How it has to write what `Dump` reads.
READABLE = ("--dump-instr=yes", "--dump-line=no", "--compress-pos=no", "--compress-strings=no")


class Dump:
    """What callgrind wrote: how often each event happened, how often each function was called by others, and how often
    each line of the cache was executed."""

    def __init__(self, path):
        self.calls, self.lines = defaultdict(int), defaultdict(int)
        # Of each function without those that it calls.
        self._events = defaultdict(lambda: defaultdict(int))
        names, function, is_of_callee = [], "", False
        with path.open() as dump:
            for line in dump:
                if line.startswith("0x"):
                    if not is_of_callee:
                        address, *counts = line.split()
                        for name, count in zip(names, counts):
                            self._events[function][name] += int(count)
                        place = int(address, 16) // LINE
                        self.lines[place] = max(self.lines[place], int(counts[0]))
                    is_of_callee = False
                elif line.startswith("fn="):
                    function = line[3:].strip()
                elif line.startswith("cfn="):
                    callee = line[4:].strip()
                elif line.startswith("calls="):
                    self.calls[function, callee] += int(line[6:].split()[0])
                    is_of_callee = True
                elif line.startswith("events:"):
                    names = line.split()[1:]

    def events(self, event, function=re.compile("")):
        """How often this happened in functions of such names."""
        return sum(events[event] for name, events in self._events.items() if function.match(name))
