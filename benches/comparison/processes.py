"""Programs that run beside this one: what they said, what they cost, and ports for them."""

import atexit
import http.client
import os
import random
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

PATIENCE = 30  # seconds
_TICK = os.sysconf("SC_CLK_TCK")
_running = set()


def until(holds, what, patience=PATIENCE, pause=0.001):
    """Asks, with pauses of so many seconds, until it holds, and returns what that was."""
    deadline = time.monotonic() + patience
    while not (value := holds()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {patience} seconds: {what}")
        time.sleep(pause)
    return value


class Process:
    """A program, with its output in a file."""

    def __init__(self, name, command, folder, env=None):
        self.name = name
        self.log = Path(folder) / f"{name}.log"
        self.log.unlink(missing_ok=True)
        self.logs = [self.log]
        # Nothing of the environment is to configure the gateway.
        inherited = {key: value for key, value in os.environ.items() if not key.upper().startswith("GATEWAY")}
        with self.log.open("ab") as log:
            self.begun = time.monotonic()
            self._child = subprocess.Popen(
                [str(part) for part in command], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=inherited | (env or {}))
        _running.add(self)

    def said(self, pattern):
        """Waits until it has said this, and returns the match."""
        def match():
            found = re.search(pattern, self.log.read_text())
            if not found and self._child.poll() is not None:
                raise RuntimeError(f"{self.name} has ended: see {self.log}")
            return found
        return until(match, f"{self.name} says {pattern}")

    def forget_logs(self):
        """Whoever appends to them goes on from the beginning."""
        for log in self.logs:
            os.truncate(log, 0)

    def end(self):
        self._child.send_signal(signal.SIGTERM)
        try:
            self._child.wait(5)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        _running.discard(self)

    def cpu(self):
        """Seconds that it and its children took until now: their own and the kernel's for them. In ticks of
        10 ms, but with the threads that have ended, which the scheduler's finer count leaves out."""
        stats = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in self._tree()]
        user, system = (sum(int(stat[field]) for stat in stats) / _TICK for field in (11, 12))
        return {"all": user + system, "user": user, "system": system}

    def memory(self):
        """Resident memory of it and its children in MB: as the kernel counts it for each, and with what
        they share divided among them."""
        rollups = [Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in self._tree()]
        return {name.lower(): sum(int(re.search(rf"^{name}:\s+(\d+)", text, re.M)[1]) for text in rollups) * 1024 / 1e6
                for name in ("Rss", "Pss")}

    def peak(self):
        """The most that was ever resident, in MB."""
        status = Path(f"/proc/{self._child.pid}/status").read_text()
        return int(re.search(r"^VmHWM:\s+(\d+)", status, re.M)[1]) * 1024 / 1e6

    def _tree(self):
        pids = [self._child.pid]
        for pid in pids:
            for children in Path(f"/proc/{pid}/task").glob("*/children"):
                pids += map(int, children.read_text().split())
        return pids


@atexit.register
def end_all():
    for process in list(_running):
        process.end()


def free_port():
    """A port for one who is to get it later: not one of those that connections get by themselves."""
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    for port in random.sample(range(10000, lowest), 100):
        with socket.socket() as attempt:
            try:
                attempt.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise RuntimeError("no free port below those of connections")


def listens(port):
    """Whether somebody takes connections."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=10).close()
        return True
    except OSError:
        return False


def answers(port, path):
    """The status with which a server answers, or nothing if it does not yet."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except OSError:
        return None
    finally:
        connection.close()
