"""Load by wrk, as fast as it is answered, and by oha, at a fixed rate; and what that cost the server."""

import json
import subprocess
from pathlib import Path

CONNECTIONS = 32
# So many that nobody gets more than Feishu's 5 messages a second.
RECEIVERS = 200_000
_SCRIPT = Path(__file__).parent / "forward.lua"


def saturate(contestant, seconds, receivers=RECEIVERS, first=0):
    """As many forwards as it answers."""
    return _measured(contestant, lambda: _wrk(contestant, seconds, first, receivers))


def reach(contestant, first, receivers):
    """One forward to each of so many receivers."""
    return _measured(contestant, lambda: _wrk(contestant, 3600, first, receivers, "once"))


def reach_with_keys(contestant, first, number):
    """So many forwards, each with an `Idempotency-Key` of its own, to a few receivers."""
    return _measured(contestant, lambda: _wrk(contestant, 3600, first, number, "keyed"))


def at_rate(bench, contestant, rate, seconds, receivers=RECEIVERS):
    """So many forwards a second, however fast they are answered, and how long the answers took."""
    return _measured(contestant, lambda: _oha(bench, contestant, rate, seconds, receivers))


def _measured(contestant, run):
    before = contestant.process.cpu()
    sample = run()
    after = contestant.process.cpu()
    spent = {f"{part}_us": (after[part] - before[part]) * 1e6 / sample["requests"] for part in before}
    return sample | spent


def _wrk(contestant, seconds, first, receivers, *once):
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "30s", "-s", _SCRIPT]
    for header in contestant.headers:
        command += ["-H", header]
    command += [contestant.url, "--", first, receivers, contestant.keys_file, *once]
    sample = json.loads(_output(command).splitlines()[-1])
    return sample | {"per_second": sample["requests"] / sample["seconds"]}


def _oha(bench, contestant, rate, seconds, receivers):
    command = [
        bench.oha, "--no-tui", "--output-format", "json", "--latency-correction", "--redirect", 0,
        "-c", CONNECTIONS, "-q", rate, "-n", int(rate * seconds), "-m", "POST", "-T", "application/json",
        "-Z", _bodies(bench, receivers)]
    for header in [*contestant.headers, f"X-Api-Key: {contestant.keys_file.read_text().split()[0]}"]:
        command += ["-H", header]
    said = json.loads(_output([*command, contestant.url]))
    statuses = said["statusCodeDistribution"]
    answered = sum(statuses.values())
    return {
        "requests": answered,
        "per_second": answered / said["summary"]["total"],
        "refused": answered - statuses.get("200", 0),
        "broken": sum(said["errorDistribution"].values()),
        "latency_ms": {name: said["latencyPercentiles"][name] * 1000 for name in ("p50", "p99", "p99.9")}}


def _bodies(bench, receivers):
    """A file with a body for each receiver; oha takes one at random each time."""
    path = bench.cache / f"bodies-{receivers}.txt"
    if not path.exists():
        path.write_text("\n".join(f'{{"receive_id":"oc_{number:024}"}}' for number in range(receivers)))
    return path


def _output(command):
    return subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True).stdout
