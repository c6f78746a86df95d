"""What a forward costs when the gateway shares its state with other replicas through a Redis."""

from load import saturate
from processes import Process, free_port, listens, until
from throughput import WARM_UP, end, in_turn, saturate_for


def run(bench):
    port = free_port()
    command = ["redis-server", "--bind", "127.0.0.1", "--port", port, "--save", "", "--appendonly", "no"]
    redis = Process("redis", command, bench.cache)
    until(lambda: listens(port), "Redis listens")
    state = {"url": f"redis://127.0.0.1:{port}", "replicas": 1}
    contestants = [bench.gateway(), bench.gateway(name="gateway-redis", state=state)]

    def measure(contestant):
        before = redis.cpu()["all"]
        sample = saturate(contestant, bench.seconds)
        return sample | {"redis_us": (redis.cpu()["all"] - before) * 1e6 / sample["requests"]}
    samples = in_turn(bench, contestants, measure, saturate_for(WARM_UP))
    end(contestants)
    redis.end()
    return {"samples": samples}
