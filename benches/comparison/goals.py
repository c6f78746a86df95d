"""What the gateway is meant to reach, and whether it did."""

from statistics import median

from figures import added, column, later, latency, ratios, spread, table, times_the_cpu

# MB; after 1 000 000 receivers it has to be back below what 100 000 may take.
IDLE, MANY, VERY_MANY = 15, 40, 200


def goals(results):
    """The goals of those sections that ran."""
    rows = [row for section, rows_of in _SECTIONS.items() if section in results
            for row in rows_of(results[section])]
    rows.append(_at_most("size of the program, MB", [results["machine"]["binary_mb"]], 12))
    return table(["goal", "", "measured", ""], rows)


def _at_most(what, values, bound, digits=2):
    return _row(what, "at most", values, bound, digits, median(values) <= bound)


def _at_least(what, values, bound, digits=1):
    return _row(what, "at least", values, bound, digits, median(values) >= bound)


def _row(what, which, values, bound, digits, is_met):
    return [what, f"{which} {bound}", spread(values, digits), "met" if is_met else "**not met**"]


def _throughput(section):
    samples = section["samples"]
    gateway = samples["gateway"]
    cpu = _cpu(samples, "nginx")
    rows = [_at_most("CPU of a forward, times nginx's, as many as go", cpu, 2.0),
            _at_most("CPU of a forward, times the floor's, as many as go", _cpu(samples, "floor"), 1.4)]
    for name, bound in (("node", 12), ("python", 500)):
        for which in [which for which in samples if which.startswith(f"{name}-")]:
            faster = ratios(column(gateway, "per_second"), column(samples[which], "per_second"))
            rows.append(_at_least(f"forwards a second, times {named(which)}", faster, bound))
    return rows


def _cpu(samples, other):
    return times_the_cpu(samples["gateway"], samples[other])


def _tls(section):
    return [_at_most("CPU of a forward with TLS towards Feishu, times the floor's", _cpu(section["samples"], "floor"), 1.4)]


def _usual(section):
    rows = []
    for way, samples in (("", section["plain"]), (" with TLS towards Feishu", section["tls"])):
        for which, bound in (("p99", 0.1), ("p99.9", 0.3)):
            more = later(samples["gateway"], samples["nginx"], which)
            rows.append(_at_most(f"{which} at {section['rate']} a second{way}, above nginx's, ms", more, bound))
    return rows


def _shared(section):
    samples = section["samples"]
    cpu = times_the_cpu(samples["gateway-redis"], samples["gateway"])
    return [_at_most("CPU of a forward with Redis, times that without", cpu, 1.5)]


def _latency(section):
    samples, rate = section["samples"], section["rate"]
    gateway = samples["gateway"]
    cpu = times_the_cpu(gateway, samples["nginx"])
    more = later(gateway, samples["direct"], "p99")
    return [_at_most(f"CPU of a forward, times nginx's, at {rate} a second", cpu, 2.0),
            _at_most(f"added p99 at {rate} a second, ms", more, 1.0)]


def _refusals(section):
    cost = {status: column(samples, "all_us") for status, samples in section["cost"].items()}
    samples = section["overload"]["samples"]
    tenfold = ratios(latency(samples["tenfold"], "p99"), latency(samples["allowed"], "p99"))
    return [*(_at_most(f"CPU of a {status}, times a forward's", ratios(cost[status], cost["200"]), 0.5)
              for status in ("401", "429")),
            # Flat: some play for a percentile of so few answers. Most of them are refusals, which is the point.
            _at_most("p99 of all answers at 500 a second, times that at 50", tenfold, 1.25)]


def _start(section):
    return [_at_most("from the start until ready, ms", column(section["gateway"], "ready"), 50, 1)]


def _memory(section):
    states, peak = section["gateway"]["states"], section["gateway"]["peak"]
    return [_at_most("memory, idle, MB", [states["idle"]["rss"]], IDLE, 1),
            _at_most("memory after 100 000 receivers, MB", [states["many"]["rss"]], MANY, 1),
            _at_most(f"most memory with 1 000 000 receivers, {section['gateway']['held']:.0f} of them known at once, MB", [peak],
                     VERY_MANY, 1),
            _at_most("memory when they are forgotten, MB", [states["forgotten"]["rss"]], MANY, 1),
            _at_most("memory after 1 000 000 idempotency keys, MB", [section["keys"]["rss"]], 110, 1),
            _at_most("memory when they are forgotten, after 5000 more forwards, MB", [states["few"]["rss"]], MANY, 1)]


def _growth(section):
    waiting = section["waiting"]
    most = max(waiting, key=int)
    more = added(column(waiting[most], "rss"), column(waiting["0"], "rss"))
    return [_at_most(f"memory of a caller that waits, one of {most}, kB", [mb * 1000 / int(most) for mb in more], 12, 1),
            _at_most("memory a minute after they have gone, MB", column(waiting[most], "rss_when_gone"), MANY, 1)]


_SECTIONS = {"throughput": _throughput, "tls": _tls, "latency": _latency, "usual": _usual, "shared": _shared, "refusals": _refusals,
             "start": _start, "memory": _memory, "growth": _growth}

_NAMES = {"direct": "the upstream itself", "nginx": "nginx", "floor": "the floor", "nginx-logging": "nginx with a JSON access log",
          "gateway": "the gateway", "gateway-redis": "the gateway with Redis"}


def named(contestant):
    """How the report calls a contestant."""
    if contestant in _NAMES:
        return _NAMES[contestant]
    sdk, workers = contestant.rsplit("-", 1)
    sdk = {"node": "the Node wrapper", "python": "the Python wrapper",
           "python-async": "the Python wrapper, async"}[sdk]
    return f"{sdk}, {workers} worker{'s' if int(workers) > 1 else ''}"
