"""What a forward costs with TLS towards Feishu, as many as go."""

from throughput import WARM_UP, end, in_turn, saturate_for


def run(bench):
    return {"samples": before_its_upstream(bench, lambda contestants: _as_many_as_go(bench, contestants))}


def _as_many_as_go(bench, contestants):
    samples = in_turn(bench, contestants, saturate_for(bench.seconds), saturate_for(WARM_UP))
    end(contestants)
    return samples


def before_its_upstream(bench, measure):
    """What is measured of the contestants with TLS, by their names without it."""
    contestants, upstream = bench.over_tls()
    samples = measure(contestants)
    upstream.end()
    return {name.removesuffix("-tls"): of for name, of in samples.items()}
