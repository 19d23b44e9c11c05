"""Generated requests, driven through the gateway to a real API server: none of them persists."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import orjson
import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from multidict import CIMultiDict
from yarl import URL

from bot.gateway.limits import Limits
from tests.cluster.apiserver import ApiServer
from tests.integration.gateway.audit import mark, persisted
from tests.integration.gateway.lab import NOBODY, Lab, open_lab
from tests.integration.gateway.odd_requests import OddRequest, requests
from tests.integration.gateway.test_door import Client

pytestmark = [pytest.mark.apiserver, pytest.mark.timeout(300)]

_JSON = (("Content-Type", "application/json"),)
_PROTOBUF = (("Content-Type", "application/vnd.kubernetes.protobuf"),)
_CM = "/api/v1/namespaces/shop/configmaps"
_OPTIONS = b'{"kind":"DeleteOptions","apiVersion":"v1"}'
_KINDS = "configmaps,secrets,services,serviceaccounts,deployments.apps,statefulsets.apps,cronjobs,pdb,roles,widgets,crd,ns,apiservices"


class Bench:
    """One gateway for all examples, on an event loop that outlives them."""

    def __init__(self, server: ApiServer, folder: Path) -> None:
        self.server = server
        self.sent = 0
        self._runner = asyncio.Runner()
        self._open = AsyncExitStack()
        self._folder = folder

    def __enter__(self) -> Bench:
        self._lab, self._session = self._runner.run(self._start())
        return self

    def __exit__(self, *exc: object) -> None:
        self._runner.run(self._open.aclose())
        self._runner.close()

    def drive(self, batch: list[OddRequest]) -> None:
        """Sends the requests one after another within one rehearsal."""
        self._runner.run(self._drive(batch))

    async def _start(self) -> tuple[Lab, aiohttp.ClientSession]:
        lab = await self._open.enter_async_context(open_lab(self.server, self._folder, Limits(stream_seconds=0.2)))
        return lab, await self._open.enter_async_context(aiohttp.ClientSession())

    async def _drive(self, batch: list[OddRequest]) -> None:
        async with self._lab.cluster.rehearse("t", NOBODY, "shop", "") as rehearsal:
            client = Client(rehearsal.kubeconfig, self._session)
            for request in batch:
                code = await self._send(client, request)
                assert code is None or 200 <= code < 600, request
                self.sent += 1
            recording = rehearsal.end()
        for write in recording.writes:
            assert not any(name.lower() == "dryrun" for name, _ in write.request.query), write.request
            assert write.request.method in ("POST", "PUT", "PATCH", "DELETE")

    async def _send(self, client: Client, request: OddRequest) -> int | None:
        """The status; None if the connection was closed instead of an answer."""
        headers = CIMultiDict([*request.headers, ("Authorization", f"Bearer {client.token}")])
        try:
            async with self._session.request(
                request.method,
                URL(client.server + request.target, encoded=True),
                data=request.body or None,
                headers=headers,
                ssl=client.tls,
                allow_redirects=False,
                skip_auto_headers=("Content-Type",),
                timeout=aiohttp.ClientTimeout(total=10),
            ) as response:
                await response.read()
                return response.status
        except (aiohttp.ClientPayloadError, aiohttp.ServerDisconnectedError, aiohttp.ClientOSError, aiohttp.ClientResponseError):
            return None
        except TimeoutError:
            raise AssertionError(f"no answer to {request}") from None


@pytest.fixture
def bench(seeded: ApiServer, tmp_path: Path) -> Iterator[Bench]:
    with Bench(seeded, tmp_path) as opened:
        yield opened


def _state(server: ApiServer) -> dict[str, object]:
    """What people wrote of every object that the requests may be about; not of what another test is done with, which goes by itself."""
    argv = [str(server.kubectl), "--kubeconfig", str(server.kubeconfig), "get", _KINDS, "-A", "-o", "json"]
    listed = orjson.loads(subprocess.run(argv, check=True, capture_output=True, timeout=60).stdout)
    return {item["metadata"]["uid"]: _written(item) for item in listed["items"] if _stays(item["metadata"])}


def _stays(metadata: dict[str, object]) -> bool:
    return metadata.get("namespace", "shop") in ("shop", "default") and "deletionTimestamp" not in metadata


def _written(item: dict[str, object]) -> dict[str, object]:
    volatile = {"resourceVersion", "managedFields"}
    metadata = {key: value for key, value in dict(item["metadata"]).items() if key not in volatile}  # type: ignore[call-overload]
    return {**{key: value for key, value in item.items() if key != "status"}, "metadata": metadata}


_FOUND = [
    # A body without dryRun counts more than the query: this really deleted once.
    OddRequest("DELETE", f"{_CM}/spare", "dryRun=All", _JSON, _OPTIONS),
    OddRequest("DELETE", _CM, "dryRun=All", _JSON, _OPTIONS),
    OddRequest("DELETE", f"{_CM}/spare", "dryRun=All", _PROTOBUF, b"k8s\x00\n\x13\n\x02v1\x12\rDeleteOptions\x12\x02\x08\x00"),
    OddRequest("DELETE", f"{_CM}/%73pare/", "dryRun=all", _JSON, b'{"dryRun":["All"],"dryRun":[]}'),
    OddRequest("DELETE", "/api/v1/namespaces/shop", "%64ryRun=All", (), _OPTIONS),
    OddRequest("POST", "/api/v1/namespaces/shop/pods/p1/eviction", "dryRun=", _JSON, b'{"metadata":{"name":"p1"},"deleteOptions":{}}'),
    OddRequest("POST", "/api/v1/namespaces/shop/serviceaccounts/robot/token", "dryRun=All", _JSON, b"{}"),
]


def test_no_generated_request_persists(bench: Bench) -> None:
    before = _state(bench.server)

    @settings(
        max_examples=150,
        phases=(Phase.explicit, Phase.generate),
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    @example(batch=_FOUND)
    @given(batch=st.lists(requests(), min_size=10, max_size=40))
    def send(batch: list[OddRequest]) -> None:
        begin = mark(bench.server)

        bench.drive(batch)

        leaked = persisted(bench.server, begin)
        assert not leaked, (leaked, batch)

    send()

    assert bench.sent > 2000
    assert _state(bench.server) == before
