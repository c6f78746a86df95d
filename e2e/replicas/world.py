"""One simulator, one Redis, and the replicas between them, while a scenario lasts."""

import shutil
import time
from datetime import datetime

import ledger
from gateway import Gateway, Key
from load import Load
from servers import Redis, Simulator


class World:
    def __init__(self, place, scenario, claims, replicas, weights=None, tenant=None, **limits):
        """`replicas` is the number that each replica is configured with. None leaves Redis out. `weights` has the
        callers' by their names. With a tenant the app is a store app, whose callers forward in it."""
        self.place, self.claims = place, claims
        self.folder = place.folder / scenario
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()
        self.simulator = Simulator(place.programs, self.folder / "simulator.log", tenant)
        self.redis = Redis(self.folder, self.folder / "redis.log")
        self.settings = {f"limits.{name}": value for name, value in limits.items()}
        self.keys = {}
        for caller, weight in (weights or {"load": 1}).items():
            self.keys[caller] = Key(place.programs, caller)
            self.settings |= {f"keys.{caller}.hash": self.keys[caller].hash, f"keys.{caller}.weight": weight}
            if tenant:
                self.settings[f"keys.{caller}.tenant_key"] = tenant
        if tenant:
            token = "simulator-verification-token"
            self.settings |= {"apps.main.type": "store", "apps.main.verification_token": token}
        if replicas:
            self.settings["state.replicas"] = replicas
            self.settings["state.url"] = f"redis://127.0.0.1:{self.redis.port}/0"
        self.replicas, self.events = {}, []
        self._gateways = []
        # The load on a gateway that shares nothing, and its attempts.
        self._alone, self._sent_alone = None, []

    def happens(self, event):
        """Notes an event for excerpts of the ledger, and returns when it was."""
        self.events.append((event, time.monotonic()))
        return self.events[-1][1]

    def replica(self, name, preload=None, **settings):
        """Starts one more, and returns it when it is ready."""
        self.replicas[name] = gateway = self._start(name, preload, self.settings | settings)
        self.happens(f"{name} is ready")
        return gateway

    def compare(self, callers, receivers=1):
        """Starts a gateway that shares nothing, with as much to do and with receivers of its own. However busy the
        machine is, it is for both."""
        settings = {name: value for name, value in self.settings.items() if not name.startswith("state.")}
        self._alone = Load([f"oc_alone_{number}" for number in range(receivers)])
        self._alone.on(self._start("alone", None, settings), callers)

    def _start(self, name, preload, settings):
        settings = {
            "server.listen": "127.0.0.1:0",
            "server.admin_listen": "127.0.0.1:0",
            "feishu.base_url": self.simulator.url,
            "apps.main.app_id": "cli_simulator",
            "apps.main.app_secret": "simulator-secret",
        } | settings
        gateway = Gateway(name, self.place.programs, self.folder, self.keys, settings, preload)
        self._gateways.append(gateway)
        deadline = time.monotonic() + 20
        while gateway.ready() != 200:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{name} does not become ready")
            time.sleep(0.02)
        return gateway

    def reached(self, claim, attempts, spans, lag=ledger.RECEIVER_LIMIT, least=ledger.REACHED):
        """Claims which share these attempts reach of the rate of the gateway that shares nothing; `spans` are
        tuples that end with the begin and the end of a time."""
        ours, alone = ([ledger.gaps(rows, *span[-2:], lag) for span in spans] for rows in (attempts, self._sent_alone))
        rates = [ledger.rate([gap for gaps in all_gaps for gap in gaps], lag) for all_gaps in (ours, alone)]
        parts = ", ".join(f"{ledger.rate(gaps, lag):.2f}" for gaps in ours)
        figure = f"{rates[0]:.2f} of {rates[1]:.2f} a second: {parts}"
        self.claims.that(f"at least {least:.0%} of what a gateway alone reaches: {claim}", rates[0] >= least * rates[1] > 0, figure)

    def reached_in(self, name, attempts, span, least=ledger.REACHED):
        """Claims the same share of the attempts in the fullest span."""
        most, alone = (len(ledger.fullest(rows, span)) for rows in (attempts, self._sent_alone))
        self.claims.that(f"at least {least:.0%} of what a gateway alone reaches in {name}", most >= least * alone > 0, f"{most} of {alone}")

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
        for load in [*loads, *filter(None, [self._alone])]:
            load.stop()
        # In this order: what was answered until now is in the ledger that is read after it.
        calls = [call for load in loads for call in load.calls]
        attempts, deliveries = self.simulator.ledger()
        self._sent_alone, attempts = apart(attempts)
        _, deliveries = apart(deliveries)
        self.honest(calls, deliveries)
        return attempts, deliveries

    def __enter__(self):
        return self

    def __exit__(self, *_):
        processes = [gateway.process for gateway in self._gateways]
        for process in [*processes, self.simulator.process, self.redis.process]:
            if process and process.is_running():
                process.kill()


def apart(rows):
    """The rows of the gateway that shares nothing, and those of the replicas."""
    is_alone = [ledger.replica_of(row) == "alone" for row in rows]
    return [row for row, alone in zip(rows, is_alone) if alone], [row for row, alone in zip(rows, is_alone) if not alone]


def honest(call, times):
    return times == 1 if call.outcome == "delivered" else times == 0 if call.outcome == "not_delivered" else times <= 1
