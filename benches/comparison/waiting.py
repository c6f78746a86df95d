"""What a forward costs while others wait behind an app that Feishu has stopped."""

import json
import resource
import socket
import time

from gateway import NO_APP_LIMITS
from load import at_rate
from nginx import CLOSING_MESSAGE
from processes import until
from servers import MESSAGE
from throughput import WARM_UP

# One that waits takes the gateway two file descriptors, and a caller gets at most four fifths of the places: with a low
# limit of descriptors there are fewer.
_MOST = resource.getrlimit(resource.RLIMIT_NOFILE)[1] * 2 // 5 - 400
WAITING = sorted({min(number, max(_MOST, 0)) for number in (0, 100, 1000, 10_000)})
ROOM = max(WAITING) * 5 // 4 + 100
RATE = 2000  # forwards a second with the other app
AT_ONCE = 500
# How long after the last one has gone the memory is measured.
GONE_FOR = 60  # seconds
SETTINGS = {
    "apps": ("main", "stopped"),
    "server": {"max_in_flight": ROOM, "max_connections": ROOM},
    "limits": NO_APP_LIMITS | {"max_wait": "10m", "max_waiting": ROOM},
    # A forward waits for two thirds of it at most.
    "feishu": {"deadline": "15m"}}


def rounds(bench):
    """Half as many as where contestants are compared: these are figures of the gateway alone, and there are many."""
    return (bench.rounds + 1) // 2


def with_waiting(bench):
    samples = {number: [] for number in WAITING}
    for _ in range(rounds(bench)):
        gateway = bench.gateway(name="gateway-waiting", **SETTINGS)
        at_rate(bench, gateway, RATE, WARM_UP)
        crowd = Crowd(gateway.process)
        for number in WAITING:
            joining = crowd.grow(number)
            sample = at_rate(bench, gateway, RATE, bench.seconds)
            # A place that somebody has lost would be a cost that is not seen.
            crowd.all_wait(number)
            bench.all_accepted(f"{number} waiting", sample)
            samples[number].append(sample | {"joining_us": joining, "rss": gateway.process.memory()["rss"]})
            print(f"  {number:>7} waiting   {sample['all_us']:>8.1f} us", flush=True)
        crowd.leave()
        crowd.all_wait(0)
        time.sleep(GONE_FOR)
        samples[WAITING[-1]][-1]["rss_when_gone"] = gateway.process.memory()["rss"]
        gateway.process.end()
    return samples


class Crowd:
    """Callers of the app that is stopped, each with a connection and a receiver of its own."""

    def __init__(self, gateway):
        self._gateway = gateway
        self._connections = []

    def grow(self, number):
        """Until there are so many; what each more cost the gateway, in microseconds of CPU, if that can be told."""
        before, more = self._gateway.cpu()["all"], number - len(self._connections)
        while len(self._connections) < number:
            # The first one learns that the app is stopped, and waits like all others. They come a few at a
            # time, because the kernel keeps many new connections waiting for longer and longer.
            self._join(min(number, len(self._connections) + AT_ONCE) if self._connections else 1)
        spent = self._gateway.cpu()["all"] - before
        # The kernel counts in ticks of 10 ms: of a few it tells nothing.
        return spent * 1e6 / more if spent > 0.1 else None

    def all_wait(self, number):
        """Until so many wait; asked seldom, because that costs the gateway too."""
        until(lambda: self._gateway.metric("feishu_gateway_rate_limit_waiting") == number, f"{number} callers wait",
              pause=0.02)

    def _join(self, number):
        for place in range(len(self._connections), number):
            connection = socket.create_connection(("127.0.0.1", self._gateway.port))
            connection.sendall(self._request(MESSAGE if place else CLOSING_MESSAGE, place))
            self._connections.append(connection)
        self.all_wait(number)

    def leave(self):
        for connection in self._connections:
            connection.close()

    def _request(self, message, place):
        body = json.dumps({"receive_id": f"oc_{10**9 + place:024}"})
        key = self._gateway.keys["stopped"].secret
        return (f"POST /v1/messages/{message}/forward HTTP/1.1\r\nHost: gateway\r\nX-Api-Key: {key}\r\n"
                "Content-Type: application/json\r\nPrefer: wait=600\r\n"
                f"Content-Length: {len(body)}\r\n\r\n{body}").encode()
