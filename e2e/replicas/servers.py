"""What stands around the gateways: the simulator, Redis, and a slow way to Redis."""

import contextlib
import http.client
import json
import os
import queue
import socket
import threading
import time

from process import Process, free_port


class Simulator:
    """Feishu, with a ledger. It refuses nothing: that the limits are kept is the gateways' doing alone."""

    def __init__(self, programs, log, tenant=None):
        command = [programs / "feishu-simulator", "--listen", "127.0.0.1:0", *(["--tenant", tenant] if tenant else [])]
        self.process = Process("the simulator", command, log)
        self.url = self.process.said(r"Feishu simulator: (\S+)")[1]
        self._ask("PATCH", "settings", {"enforce_limits": False})
        # Both clocks count the same seconds, from different beginnings.
        self._ahead = self._ask("GET", "clock")["now_ms"] / 1e3 - time.monotonic()

    def token_calls(self, api="tenant_access_token"):
        """How often a token was fetched."""
        return sum(row["api"] == api for row in self._ask("GET", "ledger")["attempts"])

    def push_ticket_to(self, api):
        """Pushes a new app ticket to the gateway with this address alone, and returns the answer."""
        app = {"app_id": "cli_simulator"}
        self._ask("POST", "push_url", app | {"url": f"http://{api}/v1/events/main"})
        return self._ask("POST", "push", app | {"push": "app_ticket"})["answer"]

    def spoil(self, kind, phase):
        """The next forward's answer."""
        self._ask("POST", "faults", {"api": "forward", "phase": phase, "kind": kind})

    def ledger(self):
        """Attempts to forward and deliveries, oldest first, at times of `time.monotonic()`."""
        ledger = self._ask("GET", "ledger")
        attempts = [row for row in ledger["attempts"] if row["api"] == "forward"]
        for row in attempts + ledger["deliveries"]:
            row["at"] = row["at_ns"] / 1e9 - self._ahead
        return attempts, ledger["deliveries"]

    def _ask(self, method, path, body=None):
        connection = http.client.HTTPConnection(self.url.removeprefix("http://"), timeout=20)
        connection.request(method, f"/_simulator/{path}", json.dumps(body) if body else None)
        answer = json.loads(connection.getresponse().read())
        connection.close()
        return answer


class Redis:
    """A real one that keeps nothing on disk: after a restart it is empty. It is always at the same port."""

    def __init__(self, folder, log):
        self._folder, self._log = folder, log
        self.port = free_port()
        self.process = None
        self._env = None

    def with_a_clock_that_steps(self, preload):
        """Before it is started; `step` then sets its clock."""
        self._stepped_by = self._folder / "stepped_by"
        self.step(0)
        self._env = os.environ | {"LD_PRELOAD": str(preload), "STEPPED_BY": str(self._stepped_by)}

    def step(self, seconds):
        """So far ahead of the machine's clock."""
        # In place: it is mapped.
        with self._stepped_by.open("r+b" if self._stepped_by.exists() else "wb") as file:
            file.write(int(seconds * 1e6).to_bytes(8, "little", signed=True))

    def start(self, **more):
        options = {"bind": "127.0.0.1", "port": self.port, "dir": self._folder, "save": "", "appendonly": "no"} | more
        command = ["redis-server"] + [text for name, value in options.items() for text in (f"--{name}", str(value))]
        self.process = Process("redis-server", command, self._log, self._env)
        self.process.said("Ready to accept connections")

    def tell(self, command):
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as connection:
            connection.sendall(command if isinstance(command, bytes) else command.encode() + b"\r\n")
            answer = connection.recv(1000)
        if not answer.startswith(b"+OK"):
            raise RuntimeError(f"Redis answers to {command}: {answer}")


class Sentinel:
    """One that is enough to say that a master is down, after a second."""

    def __init__(self, folder, master):
        self._port = free_port()
        config = folder / "sentinel.conf"
        config.write_text(
            f"port {self._port}\nbind 127.0.0.1\ndir {folder}\n"
            f"sentinel monitor main 127.0.0.1 {master.port} 1\nsentinel down-after-milliseconds main 1000\n"
        )
        self.process = Process("sentinel", ["redis-server", config, "--sentinel"], folder / "sentinel.log")
        self.process.said(r"\+slave slave")
        self.url = f"redis+sentinel://127.0.0.1:{self._port}/main"


class Way:
    """A way to Redis on which answers may come late; `on_answer` sees each before the gateway does."""

    def __init__(self, to_port, on_answer=lambda answer: None):
        self._to_port, self._on_answer = to_port, on_answer
        self._delay = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"redis://127.0.0.1:{self._listener.getsockname()[1]}/0"
        threading.Thread(target=self._accept, daemon=True).start()

    def late(self, seconds):
        self._delay = seconds

    def close(self):
        self._listener.close()

    def _accept(self):
        while True:
            try:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self._to_port))
            except OSError:
                return
            for end in (near, far):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            answers = queue.SimpleQueue()
            for work, *ends in ((self._ask, near, far), (self._hear, far, answers), (self._answer, answers, near)):
                threading.Thread(target=work, args=ends, daemon=True).start()

    def _ask(self, near, far):
        while data := received(near):
            send(far, data)
        shut(far)

    def _hear(self, far, answers):
        while data := received(far):
            # One after the other, but none waits for the one before to have come.
            answers.put((time.monotonic() + self._delay, data))
        answers.put((0, b""))

    def _answer(self, answers, near):
        while True:
            moment, data = answers.get()
            if not data:
                return shut(near)
            time.sleep(max(0, moment - time.monotonic()))
            self._on_answer(data)
            send(near, data)


def received(end):
    try:
        return end.recv(65536)
    except OSError:
        return b""


def send(end, data):
    # The other end may have gone.
    with contextlib.suppress(OSError):
        end.sendall(data)


def shut(end):
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
