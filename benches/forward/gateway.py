"""The gateway, alone with a Feishu that always says yes."""

import hashlib
import json
import time

from kinds import KEY
from server import Server

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
[log]
audit_ids = "{audit_ids}"
# A receiver that got one message gets no other one while requests of a kind are counted.
[limits]
receiver_per_second = 1
guard = "1m"
app_per_second = 10000000
app_per_minute = 600000000
"""


class Gateway(Server):
    """The gateway, as its users configure it but for limits that are never reached."""

    def __init__(self, folder, program, base_url, under=(), env=None, audit_ids="hashed"):
        config = folder / "gateway.toml"
        key_hash = hashlib.sha256(KEY.encode()).hexdigest()
        config.write_text(CONFIG.format(base_url=base_url, hash=key_hash, audit_ids=audit_ids))
        listening = r'"listening".*"listen":"127\.0\.0\.1:(\d+)"'
        super().__init__(folder, [program, "serve", "--config", config], listening, under, env)
        self.said("tenant token fetched")
        # A process that has just started forwards nothing for as long as one message counts.
        time.sleep(WINDOW)
        self.connection = self.connected()
        self.token = self.issued()

    def issued(self):
        """A token of the gateway's own."""
        body = json.dumps({"app_id": "bench", "app_secret": KEY})
        self.connection.request("POST", "/open-apis/auth/v3/tenant_access_token/internal", body)
        return json.loads(self.connection.getresponse().read())["tenant_access_token"]
