"""A program that answers forwards, alone with a Feishu that always says yes."""

import atexit
import http.client
import re
import signal
import subprocess
import sys
import time

WARM_UP = 200


class Server:
    """The program, under another one if that is given; `folder` keeps what it says."""

    # What a forward shows to be let in, where the program knows callers.
    token = None

    def __init__(self, folder, command, listening, under=(), env=None):
        self.log = folder / "server.log"
        with self.log.open("w") as log, (folder / "errors.log").open("w") as errors:
            self.process = subprocess.Popen([*under, *command], stdout=log, stderr=errors, env=env)
        # However this ends.
        atexit.register(self.stop)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(2))
        self.port = int(self.said(listening))
        self.connection = self.connected()

    def connected(self):
        return http.client.HTTPConnection("127.0.0.1", self.port)

    def said(self, pattern):
        deadline = time.monotonic() + 60
        while not (found := re.search(pattern, self.log.read_text())):
            if self.process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"the program does not say {pattern}: {self.log.read_text()}")
            time.sleep(0.05)
        return found[found.lastindex or 0]

    def warm_up(self, kind):
        for _ in range(WARM_UP):
            kind.send(self.connection, self.token)

    def send(self, kind, times, connection=None):
        """Sends so many of a kind, and holds what they are answered against what they are to be."""
        statuses = {kind.send(connection or self.connection, self.token) for _ in range(times)}
        if statuses != {kind.status}:
            sys.exit(f"{kind.name} is answered {statuses}, not {kind.status}")

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()


class Floor(Server):
    """The floor of benches/floor."""

    def __init__(self, folder, program, base_url, under=(), env=None):
        super().__init__(folder, [program, base_url], r"listening (\d+)", under, env)
