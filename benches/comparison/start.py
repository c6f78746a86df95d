"""From the start of the program until it does its work."""

import time

import nginx
from gateway import Gateway

STARTS = 20


def run(bench):
    samples = {"gateway": [], "nginx": []}
    for _ in range(STARTS):
        samples["gateway"].append(_gateway(bench))
        samples["nginx"].append({"ready": _nginx(bench)})
    print("  ready in ms: " + ", ".join(
        f"{name} {sorted(sample['ready'] for sample in all_of)[STARTS // 2]:.1f}" for name, all_of in samples.items()))
    return samples


def _gateway(bench):
    """Milliseconds until its log said that it listens, and until /readyz was 200."""
    gateway = Gateway(bench)
    gateway.end()
    return {"listening": (gateway.listened - gateway.begun) * 1000, "ready": (gateway.was_ready - gateway.begun) * 1000}


def _nginx(bench):
    process = nginx.proxy(bench.cache, "nginx", bench.upstream.port).ready()
    took = (time.monotonic() - process.begun) * 1000
    process.end()
    return took
