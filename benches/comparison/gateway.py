"""The gateway, configured as its users do, but for what Feishu allows an app: that is too little to compare."""

import json
import re
import time
import urllib.request

from keys import Key
from processes import Process, answers, until

APP_ID, APP_SECRET = "cli_9f427eec54ae901b", "secret-of-the-comparison"
# What Feishu allows, and the default.
RECEIVER_PER_SECOND = 5
# As good as none.
NO_APP_LIMITS = {"app_per_second": 10**9, "app_per_minute": 10**9}


class Gateway(Process):
    """A gateway that is ready, with a caller for each app: `bench.key` is the first one's key."""

    def __init__(self, bench, name="gateway", cores=None, apps=("main",), env=None, **settings):
        self.keys = {app: Key() if place else bench.key for place, app in enumerate(apps)}
        config = bench.cache / f"{name}.toml"
        config.write_text(self._config(bench.upstream.port, **settings))
        pinned = ["taskset", "-c", cores] if cores else []
        super().__init__(name, [*pinned, bench.program, "serve", "--config", config], bench.cache, env)
        line = self.said(r'"listen":"127\.0\.0\.1:(\d+)".*"admin":"127\.0\.0\.1:(\d+)"')
        self.listened = time.monotonic()
        self.port, self.admin = int(line[1]), int(line[2])
        until(lambda: answers(self.admin, "/readyz") == 200, f"{name} is ready")
        self.was_ready = time.monotonic()
        # A process that has just started forwards nothing for a second, for the sake of one before it.
        time.sleep(1.1)

    def _config(self, upstream, keys_file="", server=None, limits=None, feishu=None, state=None):
        # Nobody is called any more when it ends.
        tables = {
            "server": {"listen": "127.0.0.1:0", "admin_listen": "127.0.0.1:0", "drain_delay": "0s",
                       "drain_timeout": "0s"} | (server or {}),
            "feishu": {"base_url": f"http://127.0.0.1:{upstream}"} | (feishu or {}),
            "limits": NO_APP_LIMITS if limits is None else limits, "state": state or {}}
        for app, key in self.keys.items():
            tables[f"apps.{app}"] = {"app_id": f"{APP_ID}_{app}", "app_secret": APP_SECRET}
            tables[f"keys.{app}"] = {"hash": f"sha256:{key.hash}", "app": app}
        return toml({"keys_file": str(keys_file)}) + "".join(
            f"\n[{table}]\n{toml(settings)}" for table, settings in tables.items())

    def metric(self, name):
        """A metric without labels."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.admin}/metrics", timeout=30) as answer:
            return float(re.search(rf"^{name} (\S+)$", answer.read().decode(), re.M)[1])


def toml(settings):
    """Strings and numbers look in TOML as they do in JSON."""
    return "".join(f"{name} = {json.dumps(value)}\n" for name, value in settings.items())
