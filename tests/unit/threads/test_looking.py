"""A change that is proposed tells what the cluster holds around it, as whoever reads for the asker sees it."""

from __future__ import annotations

from bot.errors import GatewayError
from bot.values.requests import ApiRequest, ApiResponse, Identity
from tests.fakes import FakeCluster, scales
from tests.unit.threads.harness import bench

READER = Identity("reader")


class AutoscaledCluster(FakeCluster):
    """An HPA looks after the Deployment; only the reader sees it."""

    def reader(self, user_id: str) -> Identity | None:
        assert user_id == "U1"
        return READER

    async def send(self, request: ApiRequest, identity: Identity | None, *, dry_run: bool) -> ApiResponse:
        if not request.path.endswith("/horizontalpodautoscalers"):
            return await super().send(request, identity, dry_run=dry_run)
        if identity != READER:
            return ApiResponse(403)
        target = {"kind": "Deployment", "name": "web"}
        item = {"metadata": {"name": "web"}, "spec": {"minReplicas": 1, "maxReplicas": 4, "scaleTargetRef": target}}
        return ApiResponse(200, {}, b"", {"items": [item]})


class StrictCluster(FakeCluster):
    """Knows nobody."""

    def reader(self, user_id: str) -> Identity | None:
        raise GatewayError("ada is not mapped to a user of cluster prod.")


async def impact(cluster: FakeCluster) -> str:
    """The impact lines on the card of `kubectl scale`."""
    async with bench() as b:
        b.cluster = cluster
        b.sandboxes.cluster = cluster
        b.sandboxes.programs["kubectl scale"] = scales(cluster, 5)
        await b.write("! kubectl scale")
        await b.rest()
        return "\n".join(b.surface.cards[1][-1].impact)


async def test_a_card_tells_what_is_around_the_change() -> None:
    assert "HPA web allows at most 4: it will pull this back" in await impact(AutoscaledCluster())


async def test_a_card_comes_also_when_nobody_may_look() -> None:
    told = await impact(StrictCluster())

    assert "+2 pods" in told
    assert "Could not look at what is around this: ada is not mapped to a user of cluster prod" in told
