"""What a forward costs as receivers, keys, cores and waiting callers become more."""

from gateway import NO_APP_LIMITS, RECEIVER_PER_SECOND, toml
from keys import Key
from load import saturate
from servers import CORE_NUMBERS, CORES
from throughput import WARM_UP
from waiting import rounds, with_waiting

# How many receivers there are, and what each may get a second: few have to get more than Feishu allows,
# or nothing is left to measure. Not fewer: to know the last second of one, the gateway looks at each of
# its messages in it.
RECEIVERS = {100: 2000, 1000: 200, 100_000: RECEIVER_PER_SECOND, 1_000_000: RECEIVER_PER_SECOND}
KEYS = (1, 100, 10_000)
HELD = "feishu_gateway_rate_limit_receivers"


def run(bench):
    return {"receivers": _receivers(bench), "keys": _keys(bench), "cores": _cores(bench),
            "waiting": with_waiting(bench)}


def _receivers(bench):
    def start(number):
        limits = NO_APP_LIMITS | {"receiver_per_second": RECEIVERS[number]}
        return bench.gateway(name=f"gateway-{number}-receivers", limits=limits)

    def measure(number, gateway, seconds):
        first = 0
        if RECEIVERS[number] == RECEIVER_PER_SECOND:
            # The measured forwards are to others, and find many known ones.
            first = number // 2
            saturate(gateway, seconds, first)
        sample = saturate(gateway, seconds, number - first, first)
        return sample | {"held": gateway.process.metric(HELD)}
    return _by_number(bench, "receivers", RECEIVERS, start, measure)


def _keys(bench):
    secrets = {}

    def start(number):
        keys = [Key() for _ in range(number)]
        known = bench.cache / f"{number}-keys.toml"
        known.write_text("".join(f"[caller-{place}]\n{toml({'hash': f'sha256:{key.hash}'})}"
                                 for place, key in enumerate(keys)))
        secrets[number] = bench.cache / f"{number}-keys.txt"
        secrets[number].write_text("".join(f"{key.secret}\n" for key in keys))
        return bench.gateway(name=f"gateway-{number}-keys", keys_file=known)

    def measure(number, gateway, seconds):
        return saturate(gateway.with_keys(secrets[number]), seconds)
    return _by_number(bench, "keys", KEYS, start, measure)


def _cores(bench):
    numbers = [2**power for power in range(CORES.bit_length()) if 2**power <= CORES]

    def start(number):
        return bench.gateway(name=f"gateway-{number}-cores", cores=",".join(map(str, CORE_NUMBERS[:number])))

    def measure(_number, gateway, seconds):
        return saturate(gateway, seconds)
    return _by_number(bench, "cores", numbers, start, measure)


def _by_number(bench, what, numbers, start, measure):
    """Samples for each number, by turns."""
    gateways = {number: start(number) for number in numbers}
    samples = {number: [] for number in numbers}
    for number, gateway in gateways.items():
        measure(number, gateway, WARM_UP)
    for _ in range(rounds(bench)):
        for number, gateway in gateways.items():
            sample = bench.all_accepted(f"{number} {what}", measure(number, gateway, bench.seconds))
            samples[number].append(sample)
            print(f"  {number:>7} {what:<9} {sample['per_second']:>9.0f}/s {sample['all_us']:>8.1f} us", flush=True)
            gateway.process.forget_logs()
    for gateway in gateways.values():
        gateway.process.end()
    return samples
