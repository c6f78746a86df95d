"""How long answers take, and what they cost, at rates that do not fill the machine."""

from load import at_rate
from over_tls import before_its_upstream
from throughput import WARM_UP, end, in_turn

FAST, USUAL = 3000, 1000  # forwards a second
REACHED = 0.97  # of it, or the figures are not valid
# At the usual rate, so that p99.9 is more than a handful of answers.
LONGER = 3


def run(bench):
    """At the fast rate, beside the upstream itself. The wrappers do not reach it."""
    contestants = [bench.direct(), bench.nginx(), bench.nginx_logging(), bench.floor(), bench.gateway()]
    return {"rate": FAST, "samples": _at(bench, contestants, FAST, bench.seconds)}


def run_usual(bench):
    """At the usual rate, plain and with TLS towards Feishu."""
    plain = _at(bench, [bench.nginx(), bench.floor(), bench.gateway()], USUAL, LONGER * bench.seconds)
    tls = before_its_upstream(bench, lambda contestants: _at(bench, contestants, USUAL, LONGER * bench.seconds))
    return {"rate": USUAL, "plain": plain, "tls": tls}


def _at(bench, contestants, rate, seconds):
    samples = in_turn(bench, contestants, _at_rate_for(bench, rate, seconds), _at_rate_for(bench, rate, WARM_UP))
    end(contestants)
    for name, all_of in samples.items():
        slowest = min(sample["per_second"] for sample in all_of)
        if slowest < REACHED * rate:
            bench.faults.append(f"{name}: {slowest:.0f} forwards a second in place of {rate}")
    return samples


def _at_rate_for(bench, rate, seconds):
    return lambda contestant: at_rate(bench, contestant, rate, seconds)
