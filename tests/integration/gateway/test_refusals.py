"""What the gateway turns away is told in words that its client prints, is never taken for a success, and is noted."""

from __future__ import annotations

import asyncio
import ssl

import orjson
import pytest

from bot.gateway.limits import Limits
from bot.gateway.writing import instead
from bot.values.requests import RequestInfo
from tests.cluster.apiserver import ApiServer
from tests.integration.gateway.lab import Lab, open_lab
from tests.integration.gateway.test_door import CM, Client, client_of

pytestmark = pytest.mark.apiserver

_JSON = "application/json"


async def send_raw(client: Client, text: str) -> str:
    """Sends bytes that no HTTP library would, and reads until the gateway closes the connection."""
    host, _, port = client.server.removeprefix("https://").rpartition(":")
    tls = ssl.create_default_context(cadata=None)
    tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    reader, writer = await asyncio.open_connection(host, int(port), ssl=tls)
    writer.write(text.replace("\n", "\r\n").replace("TOKEN", client.token).encode())
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    return answer.decode()


NOT_HTTP = [
    "Content-Type: application/json\nContent-Type: text/plain\nContent-Length: 2\n\n{}",
    "Content-Length: 2\nContent-Length: 3\n\n{}",
    "Content-Length: 2\nTransfer-Encoding: chunked\n\n0\n\n",
    "Content-Length: -1\n\n{}",
    "Bad Header: x\n\n",
    " folded: x\n\n",
]


@pytest.mark.parametrize("rest", NOT_HTTP)
async def test_what_is_not_well_formed_http_is_refused_and_noted(lab: Lab, rest: str) -> None:
    async with lab.nothing_persists(), client_of(lab) as (client, rehearsal):
        answer = await send_raw(client, f"DELETE {CM}/spare HTTP/1.1\nHost: x\nAuthorization: Bearer TOKEN\nConnection: close\n{rest}")
        recording = rehearsal.end()

    assert answer.startswith(("HTTP/1.1 400", "HTTP/1.0 400"))
    assert [refused.reason for refused in recording.refused] == [
        "This is not a well-formed HTTP request; it was not applied: send each header once."
    ]
    assert recording.writes == ()


async def test_a_client_that_waits_before_it_sends_its_body_is_told_to_go_on(lab: Lab) -> None:
    async with lab.nothing_persists(), client_of(lab) as (client, rehearsal):
        body = b'{"data":{"colour":"red"}}'
        code, _ = await client.ask("PATCH", f"{CM}/settings", body, Content_Type="application/merge-patch+json", Expect="100-continue")
        recording = rehearsal.end()

    assert code == 200
    assert [write.request.body for write in recording.writes] == [body]


@pytest.mark.parametrize("accept", ["application/yaml", "application/vnd.kubernetes.protobuf", "application/cbor", "text/html"])
@pytest.mark.parametrize(
    ("method", "target", "body"),
    [
        ("GET", "/api/v1/namespaces/shop/secrets/creds", b""),
        ("GET", "/api/v1/namespaces/shop/secrets", b""),
        ("GET", f"{CM}?watch=true&timeoutSeconds=1", b""),
        ("PUT", f"{CM}/settings", b'{"metadata":{"name":"settings"}}'),
        ("DELETE", f"{CM}/settings", b""),
    ],
)
async def test_a_client_that_takes_no_json_gets_nothing_that_has_to_be_looked_at(
    lab: Lab, method: str, target: str, body: bytes, accept: str
) -> None:
    async with lab.nothing_persists(), client_of(lab) as (client, rehearsal):
        code, text = await client.ask(method, target, body, Accept=accept, Content_Type=_JSON)
        recording = rehearsal.end()

    assert code == 406
    assert "accept application/json as well" in orjson.loads(text)["message"]
    assert recording.writes == ()
    assert [refused.method for refused in recording.refused] == ([method] if method != "GET" else [])


async def test_what_nobody_has_to_look_at_comes_in_the_form_that_was_asked_for(lab: Lab) -> None:
    async with client_of(lab) as (client, _):
        code, text = await client.ask("GET", "/apis/apps/v1/namespaces/shop/deployments/web/scale", Accept="application/yaml")

    assert code == 200
    assert text.startswith("apiVersion: autoscaling/v1\n")


@pytest.mark.parametrize(
    "target",
    [
        "/api/v1/namespaces/shop/serviceaccounts/robot/token",
        "/api/v1/namespaces/shop/serviceaccounts/robot/token?dryRun=All",
        "/api/v1/namespaces/shop/serviceaccounts/robot/token/?dryRun=all",
    ],
)
async def test_no_form_of_a_token_request_goes_unnoticed(lab: Lab, target: str) -> None:
    async with lab.nothing_persists(), client_of(lab) as (client, rehearsal):
        code, text = await client.ask("POST", target, b'{"spec":{}}', Content_Type=_JSON)
        recording = rehearsal.end()

    assert code == 403
    assert "never shown" in text
    assert len(recording.writes) + len(recording.refused) == 1


async def test_kubectl_prints_why_it_is_refused_during_discovery(seeded: ApiServer, lab: Lab) -> None:
    async with open_lab(seeded, lab.folder, Limits(requests=1)) as small:
        ran = await small.rehearse("kubectl get --raw /version >/dev/null; kubectl api-versions 2> said; cat said; sleep 30")

    assert ran.recording.stopped == "stopped: made more than 1 requests"
    assert "unknown" not in ran.out


def _of_stream(resource: str, subresource: str) -> str:
    return instead.of_stream(RequestInfo("create", True, "", "", "v1", resource, subresource))


_ATTACH, _FORWARD, _PROXY = _of_stream("pods", "attach"), _of_stream("pods", "portforward"), _of_stream("services", "proxy")
_RUN = (
    "`kubectl run -i` and `--rm` attach to the pod, which is not possible from here. In steps: `kubectl run probe --image=busybox "
    "--restart=Never -- COMMAND` without -i and --rm; once that is approved, `kubectl logs probe`; then `kubectl delete pod probe`."
)
_SPDY = "KUBECTL_REMOTE_COMMAND_WEBSOCKETS=false KUBECTL_PORT_FORWARD_WEBSOCKETS=false"


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        ("kubectl attach guarded", _ATTACH),
        (f"{_SPDY} kubectl attach guarded", _ATTACH),
        ("kubectl port-forward pod/guarded :80", _FORWARD),
        (f"{_SPDY} kubectl port-forward pod/guarded :80", _FORWARD),
        ("kubectl get --raw /api/v1/namespaces/shop/services/web/proxy/", _PROXY),
        ("kubectl get --raw /api/v1/namespaces/shop/pods/p1/proxy/metrics", _PROXY),
        ("kubectl get --raw /api/v1/nodes/n1/proxy/run/shop/p1/c?cmd=id", _PROXY),
        ("kubectl create --raw /api/v1/nodes/n1/proxy/run/shop/p1/c -f /dev/null", _PROXY),
        ("true | kubectl exec -i p1 -- bash", instead.SHELL.format("bash")),
        ("kubectl run probe -i --rm --image=busybox --restart=Never -- nslookup db", _RUN),
        ("echo hello | kubectl run probe -i --image=busybox --restart=Never -- cat", _RUN),
    ],
)
async def test_whoever_tries_what_cannot_be_done_reads_what_to_do_instead(lab: Lab, command: str, sentence: str) -> None:
    async with lab.nothing_persists():
        ran = await lab.rehearse(f"timeout 30 env {command}" if "|" not in command else command)

    assert ran.code not in (0, 124)
    assert sentence in ran.err
    assert sentence in [refused.reason for refused in ran.recording.refused]
    assert ran.recording.writes == ()


async def test_a_debug_container_is_recorded_and_its_attaching_refused_in_words(lab: Lab) -> None:
    """With `--attach` kubectl waits for the container, which nobody starts before approval: the sentence is the reason of the end."""
    ran = await lab.rehearse("kubectl debug p1 -it --image=busybox -c look -- sh")

    assert ran.writes == ["PATCH pods/ephemeralcontainers shop/p1"]
    assert "`kubectl exec p1 -c look -- COMMAND`" in ran.recording.stopped
