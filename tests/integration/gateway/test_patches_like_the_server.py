"""A patch applied by the gateway comes to what the API server makes of it. The second patch of an object depends on that."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from bot.gateway.apiserver.upstream import Upstream
from bot.gateway.hiding.redaction import Redactor
from bot.gateway.protocol import media, patches, strategic
from bot.gateway.rehearsal.previewing import comparable
from bot.kube.connection import connect
from bot.values.requests import ApiRequest, Json
from tests.cluster.apiserver import ApiServer

pytestmark = pytest.mark.apiserver

WEB = "/apis/apps/v1/namespaces/shop/deployments/web"
SERVICE = "/api/v1/namespaces/shop/services/web"
POD = "/api/v1/namespaces/shop/pods/p1"


def _container(**fields: Json) -> Json:
    return {"spec": {"template": {"spec": {"containers": [{"name": "web", **fields}]}}}}


STRATEGIC = [
    (WEB, {"spec": {"replicas": 9}}),
    (WEB, {"metadata": {"labels": {"a": "b", "app": None}}}),
    (WEB, _container(image="x:1")),
    (WEB, _container(env=[{"name": "MODE", "value": "slow"}, {"name": "NEW", "value": "1"}])),
    (WEB, _container(env=[{"name": "MODE", "$patch": "delete"}])),
    (WEB, _container(env=[{"$patch": "replace"}, {"name": "ONLY", "value": "1"}])),
    (WEB, _container(**{"$setElementOrder/env": [{"name": "NEW"}, {"name": "MODE"}], "env": [{"name": "NEW", "value": "1"}]})),
    (WEB, _container(env=None)),
    (WEB, _container(env=[{"name": "A", "value": "1"}, {"name": "MODE", "value": "2"}, {"name": "B", "value": None}])),
    (WEB, _container(**{"$setElementOrder/ports": [{"containerPort": 81}, {"containerPort": 80}], "ports": [{"containerPort": 81}]})),
    (
        WEB,
        {
            "spec": {
                "template": {
                    "spec": {
                        "$setElementOrder/containers": [{"name": "a"}, {"name": "web"}, {"name": "z"}],
                        "containers": [{"name": "a", "image": "a"}, {"name": "z", "image": "z"}],
                    }
                }
            }
        },
    ),
    (WEB, {"spec": {"template": {"spec": {"securityContext": {"runAsUser": 3, "$patch": "replace"}}}}}),
    (WEB, {"metadata": {"annotations": {"deployment.kubernetes.io/revision": None, "new": "x"}}}),
    (WEB, _container(args=["a", "b"], command=["c"])),
    (WEB, _container(ports=[{"containerPort": 81, "name": "b"}])),
    (WEB, _container(ports=[{"containerPort": 80, "$patch": "delete"}])),
    (WEB, {"spec": {"template": {"spec": {"containers": [{"name": "side", "image": "y"}]}}}}),
    (WEB, {"spec": {"template": {"spec": {"volumes": [{"name": "v", "emptyDir": {}}], "initContainers": [{"name": "i", "image": "z"}]}}}}),
    (WEB, {"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}}),
    (WEB, {"spec": {"template": {"spec": {"nodeSelector": {"$patch": "replace", "a": "b"}}}}}),
    (WEB, {"spec": {"template": {"spec": {"tolerations": [{"key": "a", "operator": "Exists"}]}}}}),
    (WEB, {"metadata": {"finalizers": ["example.com/x"]}}),
    (SERVICE, {"spec": {"ports": [{"port": 80, "name": "http"}, {"port": 81, "name": "b"}]}}),
    (SERVICE, {"spec": {"selector": {"app": None, "tier": "x"}}}),
    (POD, {"spec": {"tolerations": [{"operator": "Exists"}, {"key": "k", "operator": "Exists", "effect": "NoExecute"}]}}),
]
JSON_PATCHES = [
    (WEB, [{"op": "replace", "path": "/spec/replicas", "value": 2}]),
    (
        WEB,
        [
            {"op": "add", "path": "/metadata/annotations", "value": {"a/b": "c"}},
            {"op": "test", "path": "/metadata/annotations/a~1b", "value": "c"},
        ],
    ),
    (WEB, [{"op": "add", "path": "/spec/template/spec/containers/0/env/-", "value": {"name": "LAST", "value": "1"}}]),
    (WEB, [{"op": "add", "path": "/spec/template/spec/containers/0/env/0", "value": {"name": "FIRST", "value": "1"}}]),
    (WEB, [{"op": "remove", "path": "/spec/template/spec/containers/0/env/0"}]),
    (
        WEB,
        [
            {"op": "copy", "from": "/spec/template/spec/containers/0/env/0", "path": "/spec/template/spec/containers/0/env/-"},
            {"op": "replace", "path": "/spec/template/spec/containers/0/env/1/name", "value": "COPY"},
        ],
    ),
    (WEB, [{"op": "move", "from": "/metadata/labels/app", "path": "/metadata/labels/moved"}]),
    (WEB, [{"op": "replace", "path": "/metadata/labels/nowhere", "value": "x"}]),
    (WEB, [{"op": "test", "path": "/spec/paused", "value": None}, {"op": "add", "path": "/spec/paused", "value": True}]),
    (WEB, [{"op": "replace", "path": "/spec/template/spec/containers/-1/image", "value": "last:1"}]),
    (WEB, [{"op": "add", "path": "/spec/template/spec/containers/0/env/-1", "value": {"name": "LAST", "value": "1"}}]),
    (WEB, [{"op": "add", "path": "/spec/template/spec/containers/0/env/-2", "value": {"name": "FIRST", "value": "1"}}]),
]
REFUSED = [
    (WEB, [{"op": "test", "path": "/spec/replicas", "value": 77}]),
    (WEB, [{"op": "remove", "path": "/spec/nothing"}]),
    (WEB, [{"op": "move", "from": "/spec/nothing", "path": "/spec/paused"}]),
    (WEB, [{"op": "replace", "path": "/spec/nothing/within", "value": 1}]),
    (WEB, [{"op": "test", "path": "/spec/nothing/within", "value": None}]),
    (WEB, [{"op": "test", "path": "/spec/paused", "value": True}]),
    (WEB, [{"op": "replace", "path": "/spec/template/spec/containers/1", "value": {}}]),
    (WEB, [{"op": "replace", "path": "/spec/template/spec/containers/-2/image", "value": "x"}]),
    (WEB, [{"op": "add", "path": "/spec/template/spec/containers/-3", "value": {}}]),
    (WEB, [{"op": "add", "path": "/spec/template/spec/containers/9", "value": {}}]),
]


@pytest.fixture
async def upstream(seeded: ApiServer, tmp_path: Path):
    async with await connect(str(seeded.kubeconfig)) as connection:
        yield Upstream(connection, Redactor(b"salt"))


async def _server(upstream: Upstream, path: str, kind: str, patch: Json) -> Json:
    response = await upstream.ask(ApiRequest("PATCH", path, (), kind, orjson.dumps(patch)), None)
    assert response.is_success, response.message
    return comparable(response.object)


async def _live(upstream: Upstream, path: str) -> Json:
    return (await upstream.ask(ApiRequest("GET", path), None)).object


@pytest.mark.parametrize(("path", "patch"), STRATEGIC)
async def test_a_strategic_merge_patch(upstream: Upstream, path: str, patch: Json) -> None:
    live = await _live(upstream, path)
    group, version = ("apps", "v1") if path == WEB else ("", "v1")
    schema = await upstream.schemas.find(group, version, live["kind"], None)

    ours = comparable(strategic.apply(live, patch, schema))

    normalised = await _server(upstream, path, media.MERGE_PATCH, patches.merge_between(comparable(live), ours))
    assert normalised == await _server(upstream, path, media.STRATEGIC_PATCH, patch)


@pytest.mark.parametrize(("path", "patch"), JSON_PATCHES)
async def test_a_json_patch(upstream: Upstream, path: str, patch: Json) -> None:
    live = await _live(upstream, path)

    ours = comparable(patches.apply_json_patch(live, patch))

    normalised = await _server(upstream, path, media.MERGE_PATCH, patches.merge_between(comparable(live), ours))
    assert normalised == await _server(upstream, path, media.JSON_PATCH, patch)


@pytest.mark.parametrize(("path", "patch"), REFUSED)
async def test_a_json_patch_that_the_server_refuses_is_refused(upstream: Upstream, path: str, patch: Json) -> None:
    live = await _live(upstream, path)
    response = await upstream.ask(ApiRequest("PATCH", path, (), media.JSON_PATCH, orjson.dumps(patch)), None)

    assert response.status == 422
    with pytest.raises(patches.PatchError):
        patches.apply_json_patch(live, patch)


async def test_an_apply_rebased_on_another_write_keeps_both(upstream: Upstream) -> None:
    live = await _live(upstream, WEB)
    schema = await upstream.schemas.find("apps", "v1", "Deployment", None)
    first = strategic.apply(live, _container(env=[{"name": "FIRST", "value": "1"}], ports=[{"containerPort": 99}]), schema)
    second = strategic.apply(
        live, {**_container(image="x:2", env=[{"name": "MODE", "$patch": "delete"}]), "metadata": {"labels": {"z": "1"}}}, schema
    )

    both = strategic.rebase(live, second, first, schema)

    container = both["spec"]["template"]["spec"]["containers"][0]
    assert container["image"] == "x:2"
    assert [entry["name"] for entry in container["env"]] == ["FIRST"]
    assert [port["containerPort"] for port in container["ports"]] == [99, 80]
    assert both["metadata"]["labels"] == {"app": "web", "z": "1"}
