"""What leaves for the API server, and how often. A bare HTTP server stands where the API server would."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import orjson
import pytest
from kubernetes.aio import client as kube_client

from bot.errors import UpstreamUnavailableError
from bot.gateway.apiserver.upstream import Upstream
from bot.gateway.hiding.redaction import Redactor
from bot.kube.connection import KubeConnection
from bot.values.requests import ApiRequest, Identity

CM = "/api/v1/namespaces/shop/configmaps/a"


class FakeApi:
    """Answers requests with the same bytes (or hangs up), and keeps what it was sent."""

    def __init__(self) -> None:
        self.requests: list[str] = []
        self.paths: dict[str, bytes] = {}
        """Other bodies than `body`, by path."""
        self.body = b"{}"
        self.status = 200
        self.hangs_up = False
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = next((int(line.split(":")[1]) for line in head.splitlines() if line.lower().startswith("content-length:")), 0)
                body = (await reader.readexactly(length)).decode()
                self.requests.append(head + body)
                if self.hangs_up:
                    return
                content = self.paths.get(head.split(" ")[1].partition("?")[0], self.body)
                answer = f"HTTP/1.1 {self.status} X\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
                writer.write(answer.encode() + content)
                await writer.drain()
        except asyncio.IncompleteReadError:
            return
        finally:
            writer.close()


@pytest.fixture
async def api() -> AsyncIterator[FakeApi]:
    fake = FakeApi()
    server = await asyncio.start_server(fake.serve, "127.0.0.1", 0)
    fake.port = server.sockets[0].getsockname()[1]
    yield fake
    server.close()


@pytest.fixture
async def upstream(api: FakeApi) -> AsyncIterator[Upstream]:
    configuration = kube_client.Configuration(host=f"http://127.0.0.1:{api.port}")
    configuration.api_key = {"BearerToken": "Bearer bot"}
    connection = KubeConnection(f"http://127.0.0.1:{api.port}", None, configuration)
    yield Upstream(connection, Redactor(b"salt"))
    await connection.close()


@pytest.mark.parametrize("method", ["DELETE", "PUT", "PATCH", "POST"])
async def test_a_write_that_persists_is_sent_at_most_once(api: FakeApi, upstream: Upstream, method: str) -> None:
    await upstream.send(ApiRequest(method, CM if method != "POST" else CM[:-2]), None, dry_run=False)  # opens a connection to be reused
    api.hangs_up = True

    with pytest.raises(UpstreamUnavailableError):
        await upstream.send(ApiRequest(method, CM if method != "POST" else CM[:-2]), None, dry_run=False)

    assert len(api.requests) == 2


async def test_a_request_goes_as_the_bot_for_the_one_it_is_made_for(api: FakeApi, upstream: Upstream) -> None:
    await upstream.send(ApiRequest("GET", CM), Identity("alice", ("dev", "ops"), "7", (("scopes", "x"), ("scopes", "y"))), dry_run=False)

    head = api.requests[0]
    assert head.startswith(f"GET {CM} HTTP/1.1")
    assert "Authorization: Bearer bot" in head
    assert "Impersonate-User: alice" in head
    assert head.count("Impersonate-Group: ") == 2
    assert "Impersonate-Uid: 7" in head
    assert head.count("Impersonate-Extra-scopes: ") == 2


async def test_a_dry_run_is_one_in_the_query_and_in_the_options(api: FakeApi, upstream: Upstream) -> None:
    request = ApiRequest("DELETE", CM, (("dryRun", "None"),), "application/json", b'{"gracePeriodSeconds":0}')

    await upstream.send(request, None, dry_run=True)

    assert f"DELETE {CM}?dryRun=All HTTP/1.1" in api.requests[-1]
    assert orjson.loads(api.requests[-1].split("\r\n\r\n")[1]) == {"gracePeriodSeconds": 0, "dryRun": ["All"]}


async def test_a_replay_carries_no_dry_run(api: FakeApi, upstream: Upstream) -> None:
    await upstream.send(ApiRequest("DELETE", CM, (), "application/json", b'{"dryRun":["All"]}'), None, dry_run=False)

    assert "dryRun" not in api.requests[0]


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("POST", "/api/v1/namespaces/shop/serviceaccounts/robot/token", 400),
        ("PUT", "/apis/certificates.k8s.io/v1/certificatesigningrequests/x/approval", 400),
        ("POST", "/api/v1/namespaces/shop/pods/p/exec", 405),
        ("GET", "/api/v1/nodes/n/proxy/x", 405),
        ("DELETE", "/api/v1/namespaces/shop/../x", 404),
        ("POST", "/debug/flags/v", 405),
    ],
)
async def test_what_has_no_dry_run_is_not_sent_as_one(api: FakeApi, upstream: Upstream, method: str, path: str, code: int) -> None:
    response = await upstream.send(ApiRequest(method, path), None, dry_run=True)

    assert response.status == code
    assert api.requests == []


async def test_an_issued_token_is_seen_by_nobody(api: FakeApi, upstream: Upstream) -> None:
    api.body = b'{"kind":"TokenRequest","status":{"token":"eyJ-very-secret"}}'

    response = await upstream.send(ApiRequest("POST", "/api/v1/namespaces/shop/serviceaccounts/robot/token"), None, dry_run=False)

    assert b"eyJ-very-secret" not in response.body
    assert "eyJ-very-secret" not in repr(response.object)


async def test_the_bots_own_rejected_credential_is_not_an_answer(api: FakeApi, upstream: Upstream) -> None:
    api.status = 401

    with pytest.raises(UpstreamUnavailableError, match="credential"):
        await upstream.send(ApiRequest("GET", CM), None, dry_run=False)


async def test_an_api_of_unknown_origin_is_taken_for_an_aggregated_one(api: FakeApi, upstream: Upstream) -> None:
    api.status = 403

    response = await upstream.send(ApiRequest("DELETE", "/apis/example.com/v1/namespaces/shop/things/a"), None, dry_run=True)

    assert response.status == 400
    assert "does not support dry run" in response.message
    assert len(api.requests) == 1
    assert "apiservices/v1.example.com" in api.requests[0]


async def test_apis_are_looked_up_as_the_reader_whoever_the_request_is_for(api: FakeApi, upstream: Upstream) -> None:
    reading = Upstream(upstream._connection, Redactor(b"salt"), Identity("reader"))

    await reading.send(ApiRequest("DELETE", "/apis/example.com/v1/namespaces/shop/things/a"), Identity("writer"), dry_run=True)

    assert all("Impersonate-User: reader" in request for request in api.requests[:-1])
    assert "Impersonate-User: writer" in api.requests[-1]
    assert "dryRun=All" in api.requests[-1]


THING = "/apis/example.com/v1/namespaces/shop/things/a"
_SERVICE = "/apis/apiregistration.k8s.io/v1/apiservices/v1.example.com"


@pytest.mark.parametrize("way", ["ask", "send"])
async def test_a_group_that_was_handed_over_to_another_server_gets_no_dry_run_from_then_on(
    api: FakeApi, upstream: Upstream, way: str
) -> None:
    async def delete() -> int:
        request = ApiRequest("DELETE", THING)
        sent = upstream.ask(request, None) if way == "ask" else upstream.send(request, None, dry_run=True)
        return (await sent).status

    assert await delete() == 200
    api.paths[_SERVICE] = b'{"spec":{"service":{"name":"other"}}}'
    api.requests.clear()

    assert await delete() == 400
    assert not any(request.startswith("DELETE") for request in api.requests)


async def test_a_group_that_was_given_back_is_left_alone_for_a_while(api: FakeApi, upstream: Upstream) -> None:
    api.paths[_SERVICE] = b'{"spec":{"service":{"name":"other"}}}'
    await upstream.ask(ApiRequest("DELETE", THING), None)
    api.paths[_SERVICE] = b"{}"

    assert (await upstream.ask(ApiRequest("DELETE", THING), None)).status == 400


def openapi(*with_dry_run: str, path: str = "/api/v1/namespaces/{namespace}/configmaps/{name}") -> bytes:
    """A document in which these methods of this path take a dry run, and the other ones do not."""
    methods = {name: {"parameters": [{"name": "dryRun"}] if name in with_dry_run else []} for name in ("put", "patch", "delete")}
    return orjson.dumps({"paths": {path: methods}})


def index(hash_: str) -> bytes:
    return orjson.dumps({"paths": {"api/v1": {"serverRelativeURL": f"/openapi/v3/api/v1?hash={hash_}"}}})


async def test_an_operation_without_the_parameter_is_not_sent_as_a_dry_run(api: FakeApi, upstream: Upstream) -> None:
    api.paths = {"/openapi/v3": index("1"), "/openapi/v3/api/v1": openapi("patch")}

    patched = await upstream.ask(ApiRequest("PATCH", CM, content_type="application/merge-patch+json", body=b"{}"), None)
    deleted = await upstream.ask(ApiRequest("DELETE", CM), None)

    assert (patched.status, deleted.status) == (200, 400)
    assert deleted.message == "By its OpenAPI, DELETE of configmaps does not support dry run."
    assert not any(request.startswith("DELETE") for request in api.requests)


async def test_a_document_is_fetched_once_until_it_has_changed(api: FakeApi, upstream: Upstream) -> None:
    api.paths = {"/openapi/v3": index("1"), "/openapi/v3/api/v1": openapi("patch")}
    for _ in range(3):
        await upstream.ask(ApiRequest("PATCH", CM, content_type="application/merge-patch+json", body=b"{}"), None)
    assert sum(request.startswith("GET /openapi/v3/api/v1 ") for request in api.requests) == 1

    secret = "/api/v1/namespaces/shop/limits/a"  # unknown to that document: it is asked whether there is another one
    api.paths = {"/openapi/v3": index("2"), "/openapi/v3/api/v1": openapi(path="/api/v1/namespaces/{namespace}/limits/{name}")}

    assert (await upstream.ask(ApiRequest("DELETE", secret), None)).status == 400
    assert sum(request.startswith("GET /openapi/v3/api/v1 ") for request in api.requests) == 2


@pytest.mark.parametrize("said", [b"{}", b"no json", b'{"paths":{}}'])
async def test_where_openapi_says_nothing_the_servers_own_resources_are_sent(api: FakeApi, upstream: Upstream, said: bytes) -> None:
    api.paths = {"/openapi/v3": said, "/openapi/v3/api/v1": said}

    assert (await upstream.ask(ApiRequest("DELETE", CM), None)).status == 200


async def test_a_read_costs_no_look_at_openapi(api: FakeApi, upstream: Upstream) -> None:
    await upstream.ask(ApiRequest("GET", CM), None)

    assert len(api.requests) == 1
