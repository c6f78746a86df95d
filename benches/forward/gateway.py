"""The gateway, alone with a Feishu that always says yes."""

import atexit
import hashlib
import http.client
import json
import re
import signal
import subprocess
import sys
import time

from kinds import KEY

WARM_UP = 200
WINDOW = 61.5  # seconds: one, and the guard
CONFIG = """
[server]
listen = "127.0.0.1:0"
admin_listen = "127.0.0.1:0"
[feishu]
base_url = "{base_url}"
[apps.main]
app_id = "cli_a1b2c3d4e5f6"
app_secret = "secret"
[keys.bench]
hash = "sha256:{hash}"
# A receiver that got one message gets no other one while requests of a kind are counted.
[limits]
receiver_per_second = 1
guard = "1m"
app_per_second = 10000000
app_per_minute = 600000000
"""


class Gateway:
    """The program, under another one if that is given; `folder` keeps what it says."""

    def __init__(self, folder, program, base_url, under=(), env=None):
        config, self.log = folder / "gateway.toml", folder / "gateway.log"
        config.write_text(CONFIG.format(base_url=base_url, hash=hashlib.sha256(KEY.encode()).hexdigest()))
        with self.log.open("w") as log, (folder / "errors.log").open("w") as errors:
            command = [*under, program, "serve", "--config", config]
            self.process = subprocess.Popen(command, stdout=log, stderr=errors, env=env)
        # However this ends.
        atexit.register(self.stop)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(2))
        self.port = int(self.said(r'"listening".*"listen":"127\.0\.0\.1:(\d+)"'))
        self.said("tenant token fetched")
        # A process that has just started forwards nothing for as long as one message counts.
        time.sleep(WINDOW)
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port)
        self.token = self.issued()

    def said(self, pattern):
        deadline = time.monotonic() + 60
        while not (found := re.search(pattern, self.log.read_text())):
            if self.process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"the gateway does not say {pattern}: {self.log.read_text()}")
            time.sleep(0.05)
        return found[found.lastindex or 0]

    def issued(self):
        """A token of the gateway's own."""
        body = json.dumps({"app_id": "bench", "app_secret": KEY})
        self.connection.request("POST", "/open-apis/auth/v3/tenant_access_token/internal", body)
        return json.loads(self.connection.getresponse().read())["tenant_access_token"]

    def warm_up(self, kind):
        for _ in range(WARM_UP):
            kind.send(self.connection, self.token)

    def send(self, kind, times):
        """Sends so many of a kind, and holds what they are answered against what they are to be."""
        statuses = {kind.send(self.connection, self.token) for _ in range(times)}
        if statuses != {kind.status}:
            sys.exit(f"{kind.name} is answered {statuses}, not {kind.status}")

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
