"""A store app, whose app ticket Feishu pushes to one replica only."""

from world import World

NAMES = ("r1", "r2", "r3")


def one_hears(place, claims):
    """Replicas that have not heard the push, one that starts later, and the one that has heard it is gone."""
    with World(place, "one_hears", claims, replicas=4, tenant="t1") as world:
        world.redis.start()
        first, *others = (world.replica(name) for name in NAMES)
        claims.that("all are ready before there is a ticket", True, ", ".join(NAMES))
        answer = world.simulator.push_ticket_to(first.api)
        claims.that("one replica takes the push", answer and answer["is_accepted"], answer)
        delivered(claims, "replicas that have not heard it forward", *others, first)
        first.process.kill()
        delivered(claims, "so does one that starts when that replica is gone", world.replica("r4"))
        for kind, api in (("app", "store_app_access_token"), ("tenant", "store_tenant_access_token")):
            calls = world.simulator.token_calls(api)
            claims.that(f"all together fetched one {kind} token", calls == 1, calls)


def delivered(claims, claim, *gateways):
    answers = [gateway.forward(gateway.connect(), f"{gateway.name}-1", "oc_1") for gateway in gateways]
    figure = [(status, body.get("code", "delivered")) for status, body in answers]
    claims.that(claim, all(status == 200 for status, _ in answers), figure)
