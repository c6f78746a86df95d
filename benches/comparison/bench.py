"""Measures the gateway beside nginx and wrappers on Feishu's SDKs; run.sh starts it."""

import json
import os
import resource
import signal
import sys
from pathlib import Path

import growth
import latency
import machine
import memory
import over_tls
import refusals
import report
import shared
import start
import throughput
from servers import Bench

SECTIONS = {"throughput": throughput.run, "tls": over_tls.run, "latency": latency.run, "usual": latency.run_usual,
            "shared": shared.run, "refusals": refusals.run, "start": start.run, "memory": memory.run, "growth": growth.run}


def main(program, floor, oha, cache):
    # Of all that starts from here: as many files as are allowed.
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    # So that what was started is ended.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(2))
    only = [name for name in os.environ.get("ONLY", "").split(",") if name]
    if unknown := set(only) - set(SECTIONS):
        sys.exit(f"ONLY takes {', '.join(SECTIONS)}, not {', '.join(unknown)}")
    cache = Path(cache)
    bench = Bench(program, floor, oha, cache, int(os.environ.get("BENCH_SECONDS", 5)), int(os.environ.get("BENCH_ROUNDS", 5)))
    results = {"machine": machine.about(bench)}
    for name in only or SECTIONS:
        print(f"== {name}", flush=True)
        results[name] = SECTIONS[name](bench)
    results["faults"] = bench.faults
    path = cache / ("partial.json" if only else "results.json")
    path.write_text(json.dumps(results, indent=1))
    print(report.text(json.loads(path.read_text())))
    if not only:
        report.write(path)
    return 1 if bench.faults else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
