"""Callers that always have one more to forward."""

import http.client
import itertools
import threading
import time
from dataclasses import dataclass

# After a refusal, seconds: about as long as an impatient caller waits.
PAUSE = 0.2
# Of all loads, so that no uuid comes twice.
_numbers = itertools.count()


@dataclass
class Call:
    """A forward that was answered."""

    uuid: str
    status: int
    code: str
    outcome: str
    # When it began, in seconds of the monotonic clock.
    began: float


class Load:
    """Callers of several replicas; each of their forwards has a uuid that begins with the replica's name. They all have
    the key of the same caller, and pause for this many seconds after each forward."""

    def __init__(self, receivers=("oc_1",), caller="load", pause=0):
        self.calls = []
        self.receivers, self.caller, self.pause = receivers, caller, pause
        self._over = threading.Event()
        self._callers = []

    def on(self, gateway, callers):
        """This many, each with a connection of its own, until the load or the gateway ends."""
        for _ in range(callers):
            caller = threading.Thread(target=self._call, args=(gateway,), daemon=True)
            self._callers.append(caller)
            caller.start()

    def _call(self, gateway):
        connection = gateway.connect()
        while not self._over.is_set():
            number = next(_numbers)
            uuid = f"{gateway.name}-{number}"
            receiver = self.receivers[number % len(self.receivers)]
            began = time.monotonic()
            try:
                status, body = gateway.forward(connection, uuid, receiver, caller=self.caller)
            except (OSError, http.client.HTTPException):
                connection.close()
                if not gateway.process.is_running():
                    return
                self._over.wait(PAUSE)
                continue
            outcome = "delivered" if status == 200 else body["outcome"]
            self.calls.append(Call(uuid, status, body.get("code", ""), outcome, began))
            self._over.wait(self.pause if status == 200 else PAUSE)

    def stop(self):
        """No caller begins another forward. The last answers may still be under way."""
        self._over.set()

    def join(self):
        for caller in self._callers:
            caller.join()


class Watch:
    """Asks replicas again and again whether they are ready."""

    EVERY = 0.1  # seconds

    def __init__(self, gateways):
        self.statuses = []
        self._gateways = gateways
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._ask, daemon=True)
        self._thread.start()

    def _ask(self):
        while not self._over.wait(self.EVERY):
            self.statuses += [gateway.ready() for gateway in self._gateways]

    def stop(self):
        self._over.set()
        self._thread.join()


def until_all(gateways, share, patience):
    """Seconds until all say that they share, or that they do not; None if they do not in time."""
    begin = time.monotonic()
    while time.monotonic() < begin + patience:
        if all(gateway.shares() == share for gateway in gateways):
            return time.monotonic() - begin
        time.sleep(0.05)
    return None
