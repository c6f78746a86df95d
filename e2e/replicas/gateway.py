"""One replica."""

import http.client
import json
import os
import re
import subprocess

from process import Process


class Key:
    """A caller's key, the same for all replicas."""

    def __init__(self, programs, caller):
        command = [programs / "feishu-forward-gateway", "keys", "new", caller]
        made = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        self.secret = re.search(r"ffg_\S+", made)[0]
        self.hash = re.search(r"sha256:\w+", made)[0]


class Gateway:
    """A gateway that listens."""

    def __init__(self, name, programs, folder, keys, settings, preload=None):
        self.name, self._keys = name, keys
        config = folder / f"{name}.toml"
        config.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in settings.items()))
        # Nothing of the environment is to configure it.
        env = {key: value for key, value in os.environ.items() if not key.upper().startswith("GATEWAY")}
        if preload:
            env["LD_PRELOAD"] = str(preload)
        command = [programs / "feishu-forward-gateway", "serve", "--config", config]
        self._log = folder / f"{name}.log"
        self.process = Process(name, command, self._log, env)
        line = json.loads(self.process.said(r'\{.*"listening".*')[0])
        self.api, self._admin = line["listen"], line["admin"]

    def ready(self):
        """The status that a balancer sees."""
        return self._get("/readyz")[0]

    def shares(self):
        """Whether it says that it shares its limits with others through Redis."""
        sample = re.search(r"^feishu_gateway_state_up(?:\{.*\})? (\S+)$", self._get("/metrics")[1], re.M)
        if not sample:
            raise RuntimeError(f"{self.name} has no metric feishu_gateway_state_up")
        return float(sample[1]) == 1

    def failed_requests(self):
        """How many requests to Redis have failed."""
        samples = re.findall(r'^feishu_gateway_state_requests_total\{.*result="failed".*\} (\S+)$', self._get("/metrics")[1], re.M)
        return sum(map(float, samples))

    def said_of_redis(self):
        """Its log's lines about being with Redis and being on its own."""
        return self._said("::queue::")

    def reports(self):
        """Its log's lines about telling Redis again what it has sent."""
        return self._said("::replication")

    def _said(self, module):
        lines = self._log.read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{") and module in line]

    def _get(self, path):
        connection = http.client.HTTPConnection(self._admin, timeout=10)
        connection.request("GET", path)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, text

    def connect(self):
        return http.client.HTTPConnection(self.api, timeout=30)

    def forward(self, connection, uuid, receiver, key=None, caller="load"):
        """Status and body of the answer. With an idempotency key there is no uuid."""
        path = f"/v1/messages/om_1/forward?uuid={uuid}" if uuid else "/v1/messages/om_1/forward"
        headers = {"X-API-Key": self._keys[caller].secret, "Content-Type": "application/json"}
        if key:
            headers["Idempotency-Key"] = key
        connection.request("POST", path, json.dumps({"receive_id": receiver}), headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
