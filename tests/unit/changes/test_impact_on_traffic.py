"""Which pods get traffic after a change, and who loses it."""

from __future__ import annotations

from typing import Any

from bot.values.requests import RecordedWrite
from tests.unit.changes.builders import JSON, write
from tests.unit.changes.impacts import READY, Cluster, deleted, impact, pod, scaled, service, updated, workload


async def test_a_selector_tells_which_pods_it_matches() -> None:
    changed = updated(service(app="web"), service(app="wbe"), "services")
    made = write("create", "deployments", "", workload(), kind=JSON, after=workload())
    fresh = write("create", "services", "", service(app="web"), kind=JSON, after=service(app="web"))
    cluster = Cluster(pods=[pod("a", status=READY), pod("b"), pod("c", status={"phase": "Failed"})])

    assert await impact(Cluster(pods=[]), changed) == ["⚠️ Its selector matches no pod: it will have no endpoints"]
    assert await impact(cluster, changed) == ["Its selector matches 2 pods, 1 ready"]
    assert cluster.asked[0].query == (("labelSelector", "app=wbe"), ("limit", "500"))
    assert "Service shop/web: its selector matches pods that this change brings" in await impact(Cluster(pods=[]), made, fresh)


async def test_a_service_that_goes_tells_who_used_it() -> None:
    slices = [{"endpoints": [{"conditions": {"ready": True}}, {"conditions": {"ready": False}}, {}]}]
    path = {"backend": {"service": {"name": "web"}}}
    ingresses = [{"metadata": {"name": "i"}, "spec": {"rules": [{"http": {"paths": [path]}}]}}, {"metadata": {"name": "j"}}]

    assert await impact(Cluster(endpointslices=slices, ingresses=ingresses), deleted(service(app="web"), "services")) == [
        "It has 2 ready endpoints now: clients of its name or address get no answer any more · ⚠️ Ingress i sends traffic to it"
    ]


async def test_a_service_that_is_made_anew_tells_whether_its_address_stays() -> None:
    def remade(address: str) -> RecordedWrite:
        item = service(app="web")
        return write("create", "services", "", item, kind=JSON, after={**item, "spec": {**item["spec"], "clusterIP": address}})

    old = service(app="web")
    gone = deleted({**old, "spec": {**old["spec"], "clusterIP": "10.0.0.1"}}, "services")
    same, other = [await impact(Cluster(pods=[pod("a")]), gone, remade(address)) for address in ("10.0.0.1", "10.0.0.2")]

    assert same[0].startswith("It is made anew: clients of its name get no answer for a moment · ")
    assert other[0].startswith("It is made anew: clients of its name get no answer for a moment, and its address is another one then · ")


async def test_services_that_lose_their_pods_are_named() -> None:
    others = [service(app="web"), service(app="other"), {**service(), "metadata": {"name": "none"}}]

    (line,) = await impact(Cluster(services=others), scaled(0))

    assert line.endswith("⚠️ Service web would lose these pods")
    assert "⚠️ Service web would lose these pods" in (await impact(Cluster(services=others), deleted(workload())))[0]
    assert await impact(Cluster(services=others), deleted(workload(), propagationPolicy="Orphan")) == []


async def test_a_network_policy_tells_how_many_pods_it_closes() -> None:
    policy: dict[str, Any] = {"kind": "NetworkPolicy", "metadata": {"name": "n"}, "spec": {"podSelector": {}, "policyTypes": ["Ingress"]}}
    opened = {**policy, "spec": {**policy["spec"], "ingress": [{}]}}

    def made(item: dict[str, Any]) -> RecordedWrite:
        return write("create", "networkpolicies", "", item, kind=JSON, after=item)

    assert await impact(Cluster(pods=[pod("a"), pod("b")]), made(policy)) == ["⚠️ Applies to 2 pods and lets no ingress through"]
    assert await impact(Cluster(pods=[pod("a")]), made(opened)) == ["Applies to 1 pod"]
