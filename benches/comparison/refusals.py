"""What a refusal costs beside a forward, and how soon answers come when far too much is asked for."""

from gateway import RECEIVER_PER_SECOND
from keys import Key
from load import at_rate, saturate
from throughput import WARM_UP

AT_ONCE = "Prefer: wait=0"
# A second, of one app: what Feishu allows, and ten times that.
OFFERED = {"allowed": 50, "tenfold": 500}


def run(bench):
    return {"cost": _cost(bench), "overload": _overload(bench)}


def _cost(bench):
    accepted = bench.gateway()
    unknown = bench.cache / "unknown-key.txt"
    unknown.write_text(Key().secret + "\n")
    measures = {
        "200": lambda seconds: saturate(accepted, seconds),
        "401": lambda seconds: saturate(accepted.with_keys(unknown), seconds),
        # All for one receiver.
        "429": lambda seconds: saturate(accepted.with_header(AT_ONCE), seconds, receivers=1)}
    for measure in measures.values():
        measure(WARM_UP)
    samples = {status: [] for status in measures}
    for _ in range(bench.rounds):
        for status, measure in measures.items():
            sample = measure(bench.seconds)
            _check(bench, status, sample)
            samples[status].append(sample)
            print(f"  {status} {sample['per_second']:>9.0f}/s {sample['all_us']:>8.1f} us", flush=True)
            accepted.process.forget_logs()
    accepted.process.end()
    return samples


def _check(bench, status, sample):
    # One receiver may get a few all the same.
    may_pass = {"200": sample["requests"], "401": 0, "429": RECEIVER_PER_SECOND * (sample["seconds"] + 2)}[status]
    may_refuse = 0 if status == "200" else sample["requests"]
    passed = sample["requests"] - sample["refused"]
    if passed > may_pass or sample["refused"] > may_refuse or sample["broken"]:
        bench.faults.append(f"{status}: {sample['refused']} of {sample['requests']} were refused")


def _overload(bench):
    gateway = bench.gateway(name="gateway-limits", limits={})
    contestant = gateway.with_header(AT_ONCE)
    samples = {name: [] for name in OFFERED}
    at_rate(bench, contestant, OFFERED["tenfold"], WARM_UP)
    for _ in range(bench.rounds):
        for name, rate in OFFERED.items():
            sample = at_rate(bench, contestant, rate, bench.seconds)
            if sample["broken"]:
                bench.faults.append(f"overload, {name}: {sample['broken']} broken")
            samples[name].append(sample)
            print(f"  {name:<8} {rate}/s p99 {sample['latency_ms']['p99']:.2f} ms", flush=True)
    gateway.process.end()
    return {"offered": OFFERED, "samples": samples}
