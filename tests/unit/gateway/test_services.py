"""What a Service keeps and loses in its second write."""

from __future__ import annotations

import pytest

from bot.gateway.protocol.services import without_choices, without_leftovers
from bot.values.requests import Json


def _service(kind: str, node_port: int | None = None, **spec: Json) -> Json:
    port = {"port": 80, **({"nodePort": node_port} if node_port else {})}
    return {"kind": "Service", "metadata": {"name": "web"}, "spec": {"type": kind, "ports": [port], **spec}}


def test_what_only_the_old_type_has_goes() -> None:
    old = _service("LoadBalancer", 31000, externalTrafficPolicy="Local", healthCheckNodePort=32000, clusterIP="10.0.0.1")
    new = {**old, "spec": {**old["spec"], "type": "ClusterIP"}}

    assert without_leftovers(old, new) == _service("ClusterIP", clusterIP="10.0.0.1")


def test_what_the_write_itself_asks_for_stays_and_is_for_the_server_to_judge() -> None:
    new = _service("ClusterIP", 31001, externalTrafficPolicy="Cluster")

    assert without_leftovers(_service("NodePort", 31000, externalTrafficPolicy="Local"), new) == new


def test_chosen_ports_and_addresses_are_left_out_and_real_ones_are_kept() -> None:
    live = _service("ClusterIP", clusterIP="10.0.0.1")
    shown = _service("NodePort", 31000, clusterIP="10.0.0.1")

    assert without_choices(live, shown, shown) == _service("NodePort", clusterIP="10.0.0.1")
    assert without_choices(None, shown, shown) == _service("NodePort")
    assert without_choices(None, _service("ClusterIP", clusterIP="None"), _service("ClusterIP", clusterIP="None"))["spec"]["clusterIP"]


@pytest.mark.parametrize(
    "odd", [None, [], "x", {"kind": "Service"}, {"kind": "Service", "spec": {"ports": "x"}}, {"kind": "Service", "spec": {"ports": [1]}}]
)
def test_what_is_not_a_service_is_left_alone(odd: Json) -> None:
    shown = _service("NodePort", 31000)

    assert without_leftovers(shown, odd) == odd
    assert without_leftovers(odd, shown) == shown
    assert without_choices(shown, shown, odd) == odd
    assert without_choices(odd, shown, shown) == _service("NodePort")
