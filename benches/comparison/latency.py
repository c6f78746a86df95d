"""How long answers take, and what they cost, at a rate that does not fill the machine."""

from load import at_rate
from throughput import WARM_UP, end, in_turn

RATE = 3000  # forwards a second
REACHED = 0.97  # of it, or the figures are not valid


def run(bench):
    # The wrappers do not reach the rate.
    contestants = [bench.direct(), bench.nginx(), bench.nginx_logging(), bench.floor(), bench.gateway()]
    samples = in_turn(bench, contestants, at_rate_for(bench, bench.seconds), at_rate_for(bench, WARM_UP))
    end(contestants)
    for name, all_of in samples.items():
        slowest = min(sample["per_second"] for sample in all_of)
        if slowest < REACHED * RATE:
            bench.faults.append(f"{name}: {slowest:.0f} forwards a second in place of {RATE}")
    return {"rate": RATE, "samples": samples}


def at_rate_for(bench, seconds):
    return lambda contestant: at_rate(bench, contestant, RATE, seconds)
