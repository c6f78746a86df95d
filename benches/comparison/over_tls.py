"""What a forward costs with TLS towards Feishu, as many as go."""

from throughput import WARM_UP, end, in_turn, saturate_for


def run(bench):
    contestants, upstream = bench.over_tls()
    samples = in_turn(bench, contestants, saturate_for(bench.seconds), saturate_for(WARM_UP))
    end(contestants)
    upstream.end()
    return {"samples": {name.removesuffix("-tls"): of for name, of in samples.items()}}
