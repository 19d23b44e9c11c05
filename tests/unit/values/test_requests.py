"""What a refused request says of itself."""

from __future__ import annotations

import pytest

from bot.values.requests import Recording, RefusedRequest

CM = "/api/v1/namespaces/shop/configmaps/gone"
SAID = 'configmaps "gone" not found'


def refused(method: str = "DELETE", path: str = CM, reason: str = SAID, status: int = 404) -> RefusedRequest:
    return RefusedRequest(method, path, reason, status)


@pytest.mark.parametrize(
    "one",
    [
        refused(),
        refused(path="/apis/example.com/v1/widgets/gone", reason='widgets.example.com "gone" not found'),
        refused("POST", "/api/v1/namespaces/shop/pods/gone/eviction", 'pods "gone" not found'),
    ],
)
def test_a_command_that_succeeds_did_not_mind_what_was_gone(one: RefusedRequest) -> None:
    assert Recording(refused=(one,)).as_taken_by(0) == Recording()
    assert Recording(refused=(one,)).as_taken_by(1).refused == (one,)


@pytest.mark.parametrize(
    "one",
    [
        refused("PATCH"),
        refused("POST", "/api/v1/namespaces/shop/pods/gone/binding", 'pods "gone" not found'),
        refused(status=403),
        refused(status=0),
        refused(reason=f'admission webhook "house.example.com" denied the request: {SAID}'),
        refused(reason='namespaces "shop" not found'),
        refused(reason="the server could not find the requested resource"),
        refused(path="/api/v1/namespaces/shop/configmaps", reason='configmaps "" not found'),
    ],
)
def test_any_other_refusal_stays(one: RefusedRequest) -> None:
    assert Recording(refused=(one,)).as_taken_by(0).refused == (one,)
