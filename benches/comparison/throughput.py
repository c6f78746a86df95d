"""As many forwards a second as each contestant answers."""

from load import saturate
from servers import CORES

WARM_UP = 1  # seconds


def run(bench):
    contestants = [bench.direct(), bench.nginx(), bench.nginx_logging(), bench.floor(), bench.gateway()]
    workers = sorted({1, CORES})
    contestants += [bench.node(number) for number in workers] + [bench.python(number) for number in workers]
    contestants.append(bench.python_async())
    samples = in_turn(bench, contestants, saturate_for(bench.seconds), saturate_for(WARM_UP))
    memory = {contestant.name: contestant.process.memory() for contestant in contestants}
    end(contestants)
    return {"samples": samples, "memory": memory}


def saturate_for(seconds):
    return lambda contestant: saturate(contestant, seconds)


def in_turn(bench, contestants, measure, warm_up):
    """The samples of each: A B C A B C, so that what disturbs the machine disturbs all."""
    samples = {contestant.name: [] for contestant in contestants}
    for contestant in contestants:
        warm_up(contestant)
    for _ in range(bench.rounds):
        for contestant in contestants:
            sample = bench.all_accepted(contestant.name, measure(contestant))
            samples[contestant.name].append(sample)
            print(f"  {contestant.name:<16} {sample['per_second']:>9.0f}/s {sample['all_us']:>8.1f} us", flush=True)
            contestant.process.forget_logs()
    return samples


def end(contestants):
    """Ends all but the upstream, which others need."""
    for contestant in contestants:
        if contestant.name != "direct":
            contestant.process.end()
