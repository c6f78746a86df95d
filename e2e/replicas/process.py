"""Programs that run beside this one, and free ports for them."""

import random
import re
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

PATIENCE = 60  # seconds
_running = set()
_starting = threading.Lock()
_is_over = False


class Process:
    """A program and its output, which a file keeps too."""

    def __init__(self, name, command, log, env=None):
        self.name = name
        self._log = Path(log)
        self._said = []
        self._news = threading.Condition()
        with _starting:
            if _is_over:
                raise RuntimeError(f"{name} does not start: all has to end")
            self._child = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env)
            _running.add(self)
        # Reads to the end, so that the program never waits for a reader.
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        # Appended: one that is started again keeps what it said before.
        with self._log.open("a") as log:
            for line in self._child.stdout:
                log.write(line)
                log.flush()
                with self._news:
                    self._said.append(line)
                    self._news.notify_all()
        with self._news:
            self._said.append(None)
            self._news.notify_all()

    def said(self, pattern):
        """Waits until it has said this, and returns the match."""
        seen = 0
        deadline = time.monotonic() + PATIENCE
        while True:
            with self._news:
                if not self._news.wait_for(lambda: len(self._said) > seen, deadline - time.monotonic()):
                    raise TimeoutError(f"{self.name} does not say {pattern}: see {self._log}")
                line = self._said[seen]
            if line is None:
                raise RuntimeError(f"{self.name} has ended and did not say {pattern}: see {self._log}")
            if match := re.search(pattern, line):
                return match
            seen += 1

    def is_running(self):
        return self._child.poll() is None

    def signal(self, which):
        self._child.send_signal(which)

    def ended(self):
        """Waits for its end, and returns its exit code."""
        code = self._child.wait(2 * PATIENCE)
        self._reader.join()
        _running.discard(self)
        return code

    def kill(self):
        """Also one that is stopped."""
        self._child.send_signal(signal.SIGKILL)
        self.ended()


def kill_all():
    """Ends all that run, and lets none start any more."""
    global _is_over
    with _starting:
        _is_over = True
    for process in list(_running):
        process.kill()


def free_port():
    """A port that can be had again later: not one of those that the system gives to connections."""
    with open("/proc/sys/net/ipv4/ip_local_port_range") as numbers:
        lowest = int(numbers.read().split()[0])
    for port in random.sample(range(10000, lowest), 100):
        with socket.socket() as attempt:
            try:
                attempt.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise RuntimeError("no free port below those of connections")
