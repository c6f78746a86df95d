"""What is compared, started as its users start it, and how each is called."""

import os
from dataclasses import dataclass, replace
from pathlib import Path

import nginx
from gateway import APP_ID, APP_SECRET, Gateway
from keys import Key
from processes import Process

HERE = Path(__file__).parent
# Those that this process may use, which can be fewer than the machine has.
CORE_NUMBERS = sorted(os.sched_getaffinity(0))
CORES = len(CORE_NUMBERS)
MESSAGE = "om_dc13264520392913993dd051dba21dcf"


@dataclass
class Contestant:
    """A server that takes forwards, and how it is called."""

    name: str
    process: Process
    url: str
    keys_file: Path
    headers: tuple = ()

    def with_header(self, header):
        return replace(self, headers=(*self.headers, header))

    def with_keys(self, keys_file):
        return replace(self, keys_file=keys_file)


class Bench:
    """The upstream, one API key, and how to start those that stand before it."""

    def __init__(self, program, floor, oha, cache, seconds, rounds):
        self.program, self.floor_program, self.oha, self.cache = program, floor, oha, cache
        self.seconds, self.rounds = seconds, rounds
        # What makes the figures worthless.
        self.faults = []
        self.key = Key()
        self.keys_file = cache / "key.txt"
        self.keys_file.write_text(self.key.secret + "\n")
        self.upstream = nginx.upstream(cache)

    def all_accepted(self, what, sample):
        """The sample, which is worth something only if nothing was refused."""
        if sample["refused"] or sample["broken"]:
            self.faults.append(
                f"{what}: {sample['refused']} refused, {sample['broken']} broken of {sample['requests']}")
        return sample

    def direct(self):
        """The upstream itself."""
        path = f"/open-apis/im/v1/messages/{MESSAGE}/forward?receive_id_type=chat_id"
        return Contestant("direct", self.upstream, f"http://127.0.0.1:{self.upstream.port}{path}", self.keys_file,
                          (f"Authorization: Bearer {nginx.TOKEN}",))

    def nginx(self):
        return self._called(nginx.proxy(self.cache, "nginx", self.upstream.port).ready())

    def nginx_logging(self):
        return self._called(nginx.proxy(self.cache, "nginx-logging", self.upstream.port, logs=True).ready())

    def gateway(self, **settings):
        return self._called(Gateway(self, **settings))

    def floor(self):
        return self._floor("floor", f"http://127.0.0.1:{self.upstream.port}")

    def over_tls(self):
        """Those that are compared with TLS towards Feishu, before an upstream of their own."""
        identity, authority = self.cache / "feishu.pem", self.cache / "authority.pem"
        upstream = nginx.upstream(self.cache, identity)
        address, env = f"https://127.0.0.1:{upstream.port}", {"SSL_CERT_FILE": authority}
        proxy = nginx.proxy(self.cache, "nginx-tls", upstream.port, authority=authority).ready()
        gateway = Gateway(self, name="gateway-tls", feishu={"base_url": address}, env=env)
        return [self._called(proxy), self._floor("floor-tls", address, env), self._called(gateway)], upstream

    def _floor(self, name, address, env=None):
        process = Process(name, [self.floor_program, address], self.cache, env)
        process.port = int(process.said(r"listening (\d+)")[1])
        return self._called(process)

    def node(self, workers):
        # A copy, beside the packages that it needs.
        return self._wrapper("node", ["node", self.cache / "node/server.mjs"], workers, NODE_ENV="production")

    def python(self, workers):
        return self._wrapper("python", self._python(), workers)

    def python_async(self):
        return self._wrapper("python-async", self._python(), 1, SDK_CALL="async")

    def _python(self):
        return [self.cache / "python/bin/python", HERE / "python/server.py"]

    def _wrapper(self, name, command, workers, **environment):
        process = Process(f"{name}-{workers}", command, self.cache, environment | {
            "PORT": "0", "WORKERS": str(workers), "FEISHU_BASE_URL": f"http://127.0.0.1:{self.upstream.port}",
            "APP_ID": APP_ID, "APP_SECRET": APP_SECRET, "API_KEY_SHA256": self.key.hash})
        process.port = int(process.said(r"listening (\d+)")[1])
        return self._called(process)

    def _called(self, process):
        url = f"http://127.0.0.1:{process.port}/v1/messages/{MESSAGE}/forward"
        return Contestant(process.name, process, url, self.keys_file)
