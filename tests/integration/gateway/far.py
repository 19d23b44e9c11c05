"""An aggregated API for tests: a server of its own behind an APIService, with things in memory, that takes no notice of `dryRun`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web

from bot.gateway import certificates
from tests.integration.gateway.lab import Lab

GROUP, VERSION = "far.example.org", "v1"
THINGS = f"/apis/{GROUP}/{VERSION}/namespaces/shop/things"
_VERBS = ["create", "patch", "update", "delete", "deletecollection", "get", "list", "watch"]
_SERVED = {"name": "things", "singularName": "thing", "namespaced": True, "kind": "Thing", "verbs": _VERBS}


@dataclass(slots=True)
class Far:
    """What the server holds and what reached it."""

    group: str = GROUP
    version: str = VERSION
    things: dict[str, Any] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    """Method and path of every request for things."""

    @property
    def path(self) -> str:
        """Where its things are."""
        return f"/apis/{self.group}/{self.version}/namespaces/shop/things"

    @property
    def writes(self) -> list[tuple[str, str]]:
        """The requests that would have changed something."""
        return [one for one in self.asked if one[0] != "GET"]

    def put(self, *names: str) -> None:
        for name in names:
            metadata = {"name": name, "namespace": "shop", "uid": f"uid-{name}", "resourceVersion": "7"}
            self.things[name] = {"apiVersion": f"{self.group}/{self.version}", "kind": "Thing", "metadata": metadata}

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        served = f"{self.group}/{self.version}"
        if request.path == f"/apis/{served}":
            return _json({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": served, "resources": [_SERVED]})
        if not request.path.startswith(self.path):
            return web.Response(status=404)
        self.asked.append((request.method, request.path))
        name = request.path.removeprefix(self.path).strip("/")
        if request.query.get("watch") in ("1", "true"):
            response = web.StreamResponse(headers={"Content-Type": "application/json"})
            await response.prepare(request)
            await asyncio.Event().wait()  # nothing ever happens here
        wanted = name or request.query.get("fieldSelector", "").removeprefix("metadata.name=")
        found = [item for key, item in self.things.items() if wanted in ("", key)]
        if request.method == "DELETE":
            for item in found:
                del self.things[item["metadata"]["name"]]
            return _json({"kind": "Status", "apiVersion": "v1", "status": "Success"})
        if name:
            return _json(found[0]) if found else _json({"kind": "Status", "apiVersion": "v1", "reason": "NotFound", "code": 404}, 404)
        listed = {"kind": "ThingList", "apiVersion": served, "metadata": {"resourceVersion": "9"}, "items": found}
        return _json(listed)


@asynccontextmanager
async def far_api(lab: Lab, group: str = GROUP, version: str = VERSION) -> AsyncIterator[Far]:
    """Serves the group while the block runs, from when the API server has found it."""
    far = Far(group, version)
    server = web.Server(far.answer, handler_cancellation=True)  # type: ignore[arg-type]
    runner = web.ServerRunner(server, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=certificates.make(["localhost", "127.0.0.1"]).context).start()
    port = runner.addresses[0][1]
    service = {"name": "far", "namespace": "shop", "port": port}
    spec = {"group": group, "version": version, "groupPriorityMinimum": 10, "versionPriority": 10, "insecureSkipTLSVerify": True}
    items = [
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "far", "namespace": "shop"},
            "spec": {"type": "ExternalName", "externalName": "localhost", "ports": [{"port": port}]},
        },
        {
            "apiVersion": "apiregistration.k8s.io/v1",
            "kind": "APIService",
            "metadata": {"name": f"{version}.{group}"},
            "spec": {**spec, "service": service},
        },
    ]
    (lab.folder / "far.json").write_bytes(orjson.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
    try:
        made = await lab.direct(
            f"kubectl apply -f far.json && kubectl wait --for=condition=Available apiservice/{version}.{group} --timeout=30s"
        )
        assert made.code == 0, (made.err, (await lab.direct(f"kubectl get apiservice {version}.{group} -o yaml")).out)
        yield far
    finally:
        await lab.direct("kubectl delete -f far.json")
        for connection in server.connections:  # the API server keeps them open, and would not take part in an orderly end of TLS
            if connection.transport is not None:
                connection.transport.abort()
        await runner.cleanup()


def _json(item: Any, status: int = 200) -> web.Response:
    return web.Response(status=status, body=orjson.dumps(item), content_type="application/json")
