"""Numbers of a run, as text and as ratios."""

from statistics import median


def column(samples, name):
    """One figure of all samples."""
    return [sample[name] for sample in samples]


def latency(samples, name):
    return [sample["latency_ms"][name] for sample in samples]


def ratios(these, those):
    """Of the same rounds: what disturbed the machine disturbed both."""
    return [one / other for one, other in zip(these, those)]


def times_the_cpu(these, those):
    """How many times the CPU of those these take for one."""
    return ratios(column(these, "all_us"), column(those, "all_us"))


def added(these, those):
    """What these have more than those, round by round."""
    return [one - other for one, other in zip(these, those)]


def later(these, those, percentile):
    """How much later these answer than those, in ms."""
    return added(latency(these, percentile), latency(those, percentile))


def spread(values, digits=1):
    """The median, and between which values it lies."""
    middle, least, most = (number(value, digits) for value in (median(values), min(values), max(values)))
    return middle if len(values) == 1 else f"{middle} ({least}–{most})"


def number(value, digits=0):
    """With spaces between thousands."""
    return f"{value:,.{digits}f}".replace(",", " ")


def table(heads, rows):
    """In Markdown; the first column holds names."""
    lines = [heads, ["---", *["---:"] * (len(heads) - 1)], *rows]
    return "\n".join(f"| {' | '.join(map(str, cells))} |" for cells in lines)
