"""One simulator, one Redis, and the replicas between them, while a scenario lasts."""

import shutil
import time
from datetime import datetime

import ledger
from gateway import Gateway, Key
from servers import Redis, Simulator


class World:
    def __init__(self, place, scenario, claims, replicas, **limits):
        """`replicas` is what each is told about how many there are; nothing of Redis if it is None."""
        self.place, self.claims = place, claims
        self.folder = place.folder / scenario
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()
        self.simulator = Simulator(place.programs, self.folder / "simulator.log")
        self.redis = Redis(self.folder, self.folder / "redis.log")
        self.key = Key(place.programs)
        self.settings = {f"limits.{name}": value for name, value in limits.items()}
        if replicas:
            self.settings["state.replicas"] = replicas
            self.settings["state.url"] = f"redis://127.0.0.1:{self.redis.port}/0"
        self.replicas, self.events = {}, []

    def happens(self, event):
        """Notes an event for excerpts of the ledger, and returns when it was."""
        self.events.append((event, time.monotonic()))
        return self.events[-1][1]

    def replica(self, name, preload=None, **settings):
        """Starts one more, and returns it when it is ready."""
        settings = self.settings | {
            "server.listen": "127.0.0.1:0",
            "server.admin_listen": "127.0.0.1:0",
            "feishu.base_url": self.simulator.url,
            "apps.main.app_id": "cli_simulator",
            "apps.main.app_secret": "simulator-secret",
            "keys.load.hash": self.key.hash,
        } | settings
        gateway = Gateway(name, self.place.programs, self.folder, self.key, settings, preload)
        self.replicas[name] = gateway
        deadline = time.monotonic() + 20
        while gateway.ready() != 200:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{name} does not become ready")
            time.sleep(0.02)
        self.happens(f"{name} is ready")
        return gateway

    def most(self, whose, rows, span, limit):
        """Claims that no span has more, and shows the fullest if it has."""
        full = ledger.fullest(rows, span)
        figure = f"{len(full)} at most, of {len(rows)} attempts"
        claim = f"never more than {limit} attempts in {span} s {whose}"
        if not self.claims.that(claim, len(full) <= limit, figure):
            begin = full[0]["at"]
            self.claims.note(f"{ledger.too_many(rows, span, limit)} are too many; the fullest span:")
            self.claims.note(*ledger.excerpt(full, self.events))
            self.claims.note("what replicas say of Redis, from 10 s before it begins on:")
            said = sorted((at, said) for at, said in self._said_of_redis(begin) if -10 < at < span)
            self.claims.note(*(f"{at:+.3f} s {said}" for at, said in said))
        return len(full)

    def _said_of_redis(self, begin):
        from_wall = time.monotonic() - time.time()
        for name, gateway in self.replicas.items():
            for said in gateway.said_of_redis():
                moment = datetime.fromisoformat(said["timestamp"].replace("Z", "+00:00")).timestamp() + from_wall
                yield moment - begin, f"{name}: {said['message']} {said.get('gone', '')}"

    def honest(self, calls, deliveries):
        """Claims that what callers heard is what the ledger says."""
        times = ledger.Counter(row["uuid"] for row in deliveries)
        wrong = [call for call in calls if not honest(call, times[call.uuid])]
        answers = ledger.Counter(call.code or call.outcome for call in calls)
        figure = ", ".join(f"{count} {answer}" for answer, count in answers.items())
        self.claims.that("each answer is true", calls and not wrong, figure)
        self.claims.note(*map(str, wrong[:10]))

    def judge(self, *loads):
        """Ends the loads, claims what holds of any, and returns the ledger's attempts and deliveries."""
        for load in loads:
            load.stop()
        # In this order: what was answered until now is in the ledger that is read after it.
        calls = [call for load in loads for call in load.calls]
        attempts, deliveries = self.simulator.ledger()
        self.honest(calls, deliveries)
        return attempts, deliveries

    def __enter__(self):
        return self

    def __exit__(self, *_):
        processes = [gateway.process for gateway in self.replicas.values()]
        for process in [*processes, self.simulator.process, self.redis.process]:
            if process and process.is_running():
                process.kill()


def honest(call, times):
    return times == 1 if call.outcome == "delivered" else times == 0 if call.outcome == "not_delivered" else times <= 1
