"""What a reader wants to know first: a question, and its answer in figures of this run."""

from statistics import median

from figures import column, later, number, table, times_the_cpu

# What Feishu allows one app.
APP_PER_SECOND = 50


def brief(results):
    """The answers of those sections that ran."""
    rows = [row for section, answer in _ANSWERS.items() if section in results for row in answer(results[section])]
    return f"## In short\n\n{table(['', 'median'], rows)}"


def _throughput(section):
    samples = section["samples"]
    gateway = samples["gateway"]
    most = median(column(gateway, "per_second"))
    cpu = median(column(gateway, "all_us"))
    return [["How many forwards a second does one replica do, beside the load and the upstream on the same cores?",
             f"{number(most)}, as many as {number(most / APP_PER_SECOND)} apps may send at Feishu's limit"],
            ["What does one cost?",
             f"{cpu:.0f} µs of CPU: {_times(gateway, samples['nginx'])} times nginx's as a plain proxy, "
             f"{_times(gateway, samples['floor'])} times the floor's, "
             f"a {_times(samples['node-1'], gateway, 0)}th of a wrapper's on the Node SDK"]]


def _times(these, those, digits=1):
    return number(median(times_the_cpu(these, those)), digits)


def _usual(section):
    def above(samples, which):
        return f"{median(later(samples['gateway'], samples['nginx'], which)):.2f} ms"
    return [[f"How much later is an answer than nginx's, at {section['rate']} a second?",
             f"p50 {above(section['plain'], 'p50')}, p99 {above(section['plain'], 'p99')}; "
             f"with TLS towards Feishu {above(section['tls'], 'p50')} and {above(section['tls'], 'p99')}"]]


def _shared(section):
    samples = section["samples"]
    return [["What does it cost to share the limits with other replicas, by Redis?",
             f"{_times(samples['gateway-redis'], samples['gateway'])} times the CPU"]]


def _refusals(section):
    cost = section["cost"]
    return [["What does a refusal cost?",
             f"of a forward: {_times(cost['401'], cost['200'])} for a wrong key, "
             f"{_times(cost['429'], cost['200'])} for a receiver that has had enough"]]


def _start(section):
    return [["How soon is it ready?", f"{median(column(section['gateway'], 'ready')):.0f} ms"]]


def _memory(section):
    states = section["gateway"]["states"]
    return [["How much memory does it take?",
             f"{states['idle']['rss']:.0f} MB idle, {states['many']['rss']:.0f} MB after 100 000 receivers, "
             f"{section['gateway']['peak']:.0f} MB at most with 1 100 000"]]


_ANSWERS = {"throughput": _throughput, "usual": _usual, "shared": _shared, "refusals": _refusals, "start": _start,
            "memory": _memory}
