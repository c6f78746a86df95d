"""Writes docs/en/design/benchmarks.md: `report.py RESULTS`, with the results.json that a whole run leaves."""

import json
import sys
from pathlib import Path
from statistics import median

from brief import brief
from figures import column, later, latency, number, ratios, spread, table, times_the_cpu
from goals import goals, named

PAGE = Path(__file__).parents[2] / "docs/en/design/benchmarks.md"


def write(path):
    PAGE.write_text(text(json.loads(Path(path).read_text())))


def text(results):
    parts = [_head(results), brief(results), "## Goals", goals(results)]
    for name, section_of in _SECTIONS.items():
        if name in results:
            parts.append(section_of(results[name]))
    return "\n\n".join(parts) + "\n"


def _head(results):
    machine = results["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    faults = "".join(f"\n\n**Not valid**: {fault}." for fault in results["faults"])
    return f"""\
<!-- `make bench` writes this file. -->

# Benchmarks

The gateway beside nginx as a plain proxy, beside the floor, which is a program of nothing but actix-web and reqwest that
is built in the same way (`benches/floor`), and beside wrappers on Feishu's own SDKs. All are on one machine and
before the same upstream: an nginx that answers as Feishu does, always the same. `make bench` measures all of
it anew and writes this page; `BENCH_SECONDS`, `BENCH_ROUNDS` and `ONLY` (sections, with commas between them;
prints only) are its settings. The contestants are in `benches/comparison`; the
wrappers do less than the gateway: one key, no limits, no retries, no log and no metrics.

{machine["date"]}, commit {machine["commit"]}; {machine["cpu"]}, {machine["cores"]} cores that contestants,
upstream and load share, Linux {machine["kernel"]};
{versions}.
Each figure is the median of {machine["rounds"]} rounds of {machine["seconds"]} seconds, in which the contestants
took turns, with the least and the most in brackets. Machines differ, and other programs may have run on this one:
go by the ratios, which are made within each round.{faults}"""


def _throughput(section):
    samples = section["samples"]
    gateway, proxy = samples["gateway"], samples["nginx"]
    rows = [[
        named(name), spread(column(of, "per_second"), 0),
        spread(ratios(column(gateway, "per_second"), column(of, "per_second")), 2),
        spread(column(of, "all_us")), spread(times_the_cpu(of, proxy), 2),
        spread(times_the_cpu(of, samples["floor"]), 2),
        f"{median(column(of, 'user_us')):.1f} + {median(column(of, 'system_us')):.1f}",
        f"{section['memory'][name]['rss']:.1f}"] for name, of in samples.items()]
    return f"""\
## As many as go

wrk keeps 32 connections busy. Each forward goes to another of 200 000 receivers, so that none gets more than
Feishu's 5 a second, which the gateway enforces meanwhile; the limits of its app are raised. It logs two JSON
lines for each forward to a file, as it does by default. CPU is that of the contestant's processes, by the
kernel's accounts. With the upstream and wrk on the same cores, forwards a second say less about nginx and the
gateway than CPU does.

{table(["", "forwards/s", "the gateway's, times these", "CPU of one, µs", "times nginx's", "times the floor's",
        "its own + kernel's, µs",
        "memory, MB"], rows)}"""


def _tls(section):
    samples = section["samples"]
    rows = [[
        named(name), spread(column(of, "per_second"), 0), spread(column(of, "all_us")),
        spread(times_the_cpu(of, samples["nginx"]), 2),
        spread(times_the_cpu(of, samples["floor"]), 2)] for name, of in samples.items()]
    return f"""\
## With TLS towards Feishu

The same with TLS 1.3 between each contestant and the upstream, whose certificate each checks.

{table(["", "forwards/s", "CPU of one, µs", "times nginx's", "times the floor's"], rows)}"""


def _latency(section):
    samples = section["samples"]
    direct, proxy = samples["direct"], samples["nginx"]
    rows = [[
        named(name), *(spread(latency(of, which), 2) for which in _PERCENTILES),
        *(spread(later(of, direct, which), 2) for which in _PERCENTILES),
        spread(column(of, "all_us")), spread(times_the_cpu(of, proxy), 2)]
        for name, of in samples.items()]
    return f"""\
## At {section["rate"]} a second

oha sends at a fixed rate by 32 connections, what falls into a millisecond together, and counts from when it was
to send, also where all connections are busy. It takes bodies at random from a file of 200 000. Added is what the
same percentile is higher than the upstream's own in the same round. The wrappers do not reach this rate.

{table(["", "p50, ms", "p99", "p99.9", "added p50, ms", "added p99", "added p99.9", "CPU of one, µs",
        "times nginx's"], rows)}"""


_PERCENTILES = ("p50", "p99", "p99.9")


def _usual(section):
    return f"""\
## At {section["rate"]} a second

As many as some busy apps send together. Above nginx's is what the same percentile is higher than nginx's in the same round.

{_beside_nginx(section["plain"])}

With TLS towards Feishu:

{_beside_nginx(section["tls"])}"""


def _beside_nginx(samples):
    rows = [[
        named(name), *(spread(latency(of, which), 2) for which in _PERCENTILES),
        *(spread(later(of, samples["nginx"], which), 2) for which in _PERCENTILES),
        spread(column(of, "all_us"))] for name, of in samples.items()]
    return table(["", "p50, ms", "p99", "p99.9", "p50 above nginx's, ms", "p99", "p99.9", "CPU of one, µs"], rows)


def _shared(section):
    samples = section["samples"]
    rows = [[
        named(name), spread(column(of, "per_second"), 0), spread(column(of, "all_us")),
        spread(times_the_cpu(of, samples["gateway"]), 2),
        spread(column(of, "redis_us")) if name == "gateway-redis" else ""] for name, of in samples.items()]
    return f"""\
## With Redis

Each forward asks Redis for its turn, and reports that its message has arrived.

{table(["", "forwards/s", "CPU of one, µs", "times that without", "CPU of Redis for one, µs"], rows)}"""


def _refusals(section):
    cost, overload = section["cost"], section["overload"]
    rows = [[
        {"200": "200, forwarded", "401": "401, an unknown key", "429": "429, one receiver, `Prefer: wait=0`"}[status],
        spread(column(of, "per_second"), 0), spread(column(of, "all_us")),
        spread(times_the_cpu(of, cost["200"]), 2)] for status, of in cost.items()]
    loads = [[
        f"{overload['offered'][name]} a second", *(spread(latency(of, which), 2) for which in _PERCENTILES),
        spread([100 * sample["refused"] / sample["requests"] for sample in of], 0)]
        for name, of in overload["samples"].items()]
    return f"""\
## Refusals

wrk again, as many as go.

{table(["", "answers/s", "CPU of one, µs", "times a forward's"], rows)}

Feishu's real limits (50 a second and 1000 a minute for the app), with what they allow in one second and with ten
times that, for longer than the minute's 1000 last, `Prefer: wait=0`, by oha. Refusals are the faster answers: what
is to be seen is that ten times as many do not make anybody slow.

{table(["offered", "p50, ms", "p99", "p99.9", "refused, %"], loads)}"""


def _start(section):
    rows = [["the gateway: listens", spread(column(section["gateway"], "listening"))],
            ["the gateway: has its token, `/readyz` is 200", spread(column(section["gateway"], "ready"))],
            ["nginx: answers", spread(column(section["nginx"], "ready"))]]
    return f"""\
## Start

From the start of the process, {len(section["gateway"])} times by turns, asked every millisecond.

{table(["", "ms"], rows)}"""


def _memory(section):
    gateway = section["gateway"]
    rows = [[_STATES[state], *_both(memory)] for state, memory in gateway["states"].items()]
    rows += [["most at any time", f"{gateway['peak']:.1f}", ""],
             ["another one, after 1 000 000 forwards with a key each, to 1000 receivers", *_both(section["keys"])]]
    others = [[named(name), *_both(memory["idle"]), *_both(memory["loaded"])]
              for name, memory in section["others"].items()]
    return f"""\
## Memory

Each receiver gets one message, as fast as the machine does. The gateway forgets a receiver at most 20 seconds
after its last message; at most {number(gateway["held"])} were known after any 100 000. Divided:
what processes share is divided among them.

{table(["the gateway", "resident, MB", "divided, MB"], rows)}

{table(["", "idle, MB", "divided", "after load, MB", "divided"], others)}"""


_STATES = {"idle": "a second after it was ready", "many": "after 100 000 receivers",
           "very_many": "after 1 000 000 more", "forgotten": "60 seconds later, without a forward meanwhile", "few": "after 5000 more"}


def _both(memory):
    return f"{memory['rss']:.1f}", f"{memory['pss']:.1f}"


def _growth(section):
    receivers, keys, cores, waiting = (section[name] for name in ("receivers", "keys", "cores", "waiting"))
    return f"""\
## What grows

The gateway alone, in half as many rounds. Receivers, wrk: 100 and 1000 may get more than 5 a second here, or
there would be little to measure; of many, those of the last seconds are known at the same time.

{table(["receivers", "known", *_COST], [[number(int(count)), number(column(of, "held")[-1]),
        *_cost(of, receivers)] for count, of in receivers.items()])}

API keys in a keys file, used at random, wrk:

{table(["keys", *_COST], [[number(int(count)), *_cost(of, keys)] for count, of in keys.items()])}

Cores that it may use, wrk; the upstream and wrk take theirs of the same ones:

{table(["cores", *_COST], [[count, *_cost(of, cores)] for count, of in cores.items()])}

Callers that wait, each for a receiver of its own, behind an app that Feishu has stopped, and what a forward
with another app costs meanwhile, at 2000 a second by oha:

{table(["waiting", *_COST, "p99, ms", "CPU of one more that waits, µs", "memory, MB"],
       [[number(int(count)), *_cost(of, waiting), spread(latency(of, "p99"), 2), _joining(of),
         spread(column(of, "rss"))] for count, of in waiting.items()])}"""


def _joining(samples):
    told = [sample["joining_us"] for sample in samples if sample["joining_us"]]
    return spread(told) if told else ""


_COST = ("forwards/s", "CPU of one, µs", "times the first")


def _cost(samples, by_number):
    first = next(iter(by_number.values()))
    cpu = column(samples, "all_us")
    return spread(column(samples, "per_second"), 0), spread(cpu), spread(times_the_cpu(samples, first), 2)


_SECTIONS = {"throughput": _throughput, "tls": _tls, "latency": _latency, "usual": _usual, "shared": _shared,
             "refusals": _refusals, "start": _start, "memory": _memory, "growth": _growth}


if __name__ == "__main__":
    write(sys.argv[1])
