"""What a client can try at the gateway's door: tokens, identities, paths, bodies, streams. All of it fails closed."""

from __future__ import annotations

import base64
import ssl
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import aiohttp
import orjson
import pytest
from yarl import URL

from bot.errors import GatewayError
from bot.gateway.clusters import GatewayCluster
from bot.gateway.limits import Limits
from bot.settings import ClusterSettings, PersonSettings
from bot.threads.ports import Rehearsal
from bot.values.people import Person
from tests.cluster.apiserver import ApiServer
from tests.integration.gateway.files import lay_out
from tests.integration.gateway.lab import NOBODY, Lab, open_lab

pytestmark = pytest.mark.apiserver

CM = "/api/v1/namespaces/shop/configmaps"


class Client:
    """A raw HTTP client with a rehearsal's token."""

    def __init__(self, kubeconfig: str, session: aiohttp.ClientSession) -> None:
        config = orjson.loads(kubeconfig)
        cluster = config["clusters"][0]["cluster"]
        self.server = cluster["server"]
        self.token = config["users"][0]["user"]["token"]
        self.tls = ssl.create_default_context(cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
        self._session = session

    async def ask(self, method: str, target: str, body: bytes | AsyncIterator[bytes] = b"", **headers: str) -> tuple[int, str]:
        async with self._send(method, target, body, headers) as response:
            return response.status, (await response.read()).decode(errors="replace")

    async def warnings(self, method: str, target: str, **headers: str) -> list[str]:
        """The Warning headers of the answer."""
        async with self._send(method, target, b"", headers) as response:
            return response.headers.getall("Warning", [])

    def _send(
        self, method: str, target: str, body: bytes | AsyncIterator[bytes], headers: dict[str, str]
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        sent = {"Authorization": f"Bearer {self.token}", **{name.replace("_", "-"): value for name, value in headers.items()}}
        url = URL(self.server + target, encoded=True)
        return self._session.request(
            method, url, data=body or None, headers=sent, ssl=self.tls, allow_redirects=False, skip_auto_headers=("Content-Type",)
        )


@asynccontextmanager
async def client_of(lab: Lab) -> AsyncIterator[tuple[Client, Rehearsal]]:
    async with lab.cluster.rehearse("t", NOBODY, "shop", "") as rehearsal, aiohttp.ClientSession() as session:
        yield Client(rehearsal.kubeconfig, session), rehearsal


async def test_a_token_is_dead_when_its_rehearsal_has_ended(lab: Lab) -> None:
    async with client_of(lab) as (client, rehearsal):
        assert (await client.ask("GET", CM))[0] == 200

        rehearsal.end()

        assert (await client.ask("GET", CM))[0] == 403
    async with aiohttp.ClientSession() as session:
        later = Client(rehearsal.kubeconfig, session)
        assert (await later.ask("GET", CM))[0] == 401


async def test_a_token_is_good_from_its_own_address_only(lab: Lab) -> None:
    async with lab.cluster.rehearse("t", NOBODY, "shop", "10.1.2.3") as rehearsal, aiohttp.ClientSession() as session:
        assert (await Client(rehearsal.kubeconfig, session).ask("GET", CM))[0] == 401


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer x", "Basic YTpi", "Bearer \xff"])
async def test_without_the_right_token_nothing_is_answered(lab: Lab, authorization: str) -> None:
    async with client_of(lab) as (client, _):
        assert (await client.ask("GET", CM, Authorization=authorization))[0] == 401


async def test_nobody_can_be_impersonated(lab: Lab) -> None:
    async with client_of(lab) as (client, rehearsal):
        code, text = await client.ask("GET", CM, Impersonate_User="system:admin")

        assert code == 403
        assert "Nobody can be impersonated" in text
        assert (await client.ask("DELETE", f"{CM}/spare", Impersonate_User="system:admin"))[0] == 403
        recording = rehearsal.end()
        assert recording.reads == 0
        assert [(refused.method, refused.path) for refused in recording.refused] == [("DELETE", f"{CM}/spare")]


async def test_front_proxy_headers_mean_nothing(lab: Lab) -> None:
    async with client_of(lab) as (client, _):
        path = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
        code, text = await client.ask(
            "POST", path, b"{}", X_Remote_User="eve", X_Remote_Group="system:masters", Content_Type="application/json"
        )

    assert code == 201
    assert orjson.loads(text)["status"]["userInfo"]["username"] != "eve"


@pytest.mark.parametrize(
    "target",
    [
        "/api//v1/namespaces/shop/configmaps/spare",
        "/api/v1/../v1/namespaces/shop/configmaps/spare",
        "/api/v1/%2e%2e/v1/namespaces/shop/configmaps/spare",
        "/api/v1/namespaces/shop%2fconfigmaps/spare",
        "/api/v1/namespaces/shop/configmaps/spare%00",
        "/api/v1/namespaces/shop/configmaps/sp%zzare",
        "/api/v1/namespaces/shop/configmaps/.",
        "/api/v1/proxy/namespaces/shop/pods/p1",
        "//api/v1/namespaces/shop/configmaps/spare",
        "/api/v1/watch",
    ],
)
@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_odd_paths_reach_nothing(lab: Lab, method: str, target: str) -> None:
    async with lab.nothing_persists(), client_of(lab) as (client, rehearsal):
        code, _ = await client.ask(method, target)

        assert code in (400, 403, 404, 405)
        assert rehearsal.end().writes == ()


DELETES = [
    ("", b"", ""),
    ("", b"{}", "application/json"),
    ("?dryRun=All", b"{}", "application/json"),
    ("?dryRun=All", b'{"kind":"DeleteOptions","apiVersion":"v1"}', "application/json"),
    ("?dryRun=All&dryRun=None", b'{"dryRun":["None"]}', "application/json"),
    ("?dryRun=", b'{"dryRun":[]}', "application/json"),
    ("?dryRun=all", b'{"dryrun":["All"]}', "application/json"),
    ("?%64ryRun=All", b'{"dryRun":["All"],"dryRun":[]}', "application/json"),
    ("", b'{"gracePeriodSeconds":0,"propagationPolicy":"Foreground"}', ""),
    ("", b'k8s\x00\n\x13\n\x02v1\x12\rDeleteOptions\x12\x04\x08\x00\x18\x00\x1a\x00"\x00', "application/vnd.kubernetes.protobuf"),
]


@pytest.mark.parametrize(("query", "body", "kind"), DELETES)
@pytest.mark.parametrize("target", [f"{CM}/spare", f"{CM}/spare/", f"{CM}/%73pare", CM])
async def test_no_delete_is_done_whatever_its_body_says(lab: Lab, target: str, query: str, body: bytes, kind: str) -> None:
    async with lab.nothing_persists(), client_of(lab) as (client, rehearsal):
        code, _ = await client.ask("DELETE", target + query, body, **({"Content_Type": kind} if kind else {}))
        recording = rehearsal.end()

    assert code == 200
    assert len(recording.writes) == 1
    assert recording.writes[0].info.name in ("spare", "")
    assert not any(name.lower() == "dryrun" for name, _ in recording.writes[0].request.query)
    assert b"dryRun" not in recording.writes[0].request.body
    assert (await lab.direct("kubectl get cm spare settings -o name")).code == 0


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"\xa0", "application/cbor"),
        (b"propagationPolicy: Orphan", "application/yaml"),
        (b"[]", "application/json"),
        (b"{", "application/json"),
        (b"k8s\x00junk", "application/vnd.kubernetes.protobuf"),
        (b"k8s\x00\n\x13\n\x02v1\x12\rDeleteOptions\x12\x02\x78\x01", "application/vnd.kubernetes.protobuf"),
        (b" ", "text/plain"),
    ],
)
async def test_delete_options_that_cannot_be_read_are_refused(lab: Lab, body: bytes, kind: str) -> None:
    async with lab.nothing_persists(), client_of(lab) as (client, rehearsal):
        code, _ = await client.ask("DELETE", f"{CM}/spare?dryRun=All", body, Content_Type=kind)

        assert code == 415
        assert rehearsal.end().refused[0].method == "DELETE"


@pytest.mark.parametrize("value", ["", "all", "None", "All&dryRun=None", "All&dryRun=All", "%41ll"])
async def test_odd_dry_run_values_of_the_client_do_not_matter(lab: Lab, value: str) -> None:
    async with lab.nothing_persists(), client_of(lab) as (client, _):
        body = b'{"data":{"colour":"red"}}'
        code, _ = await client.ask("PATCH", f"{CM}/settings?dryRun={value}", body, Content_Type="application/merge-patch+json")

    assert code == 200


@pytest.mark.parametrize("method", ["OPTIONS", "TRACE", "CONNECT", "PROPFIND", "LINK"])
async def test_methods_that_the_api_does_not_have_are_refused(lab: Lab, method: str) -> None:
    async with lab.nothing_persists(), client_of(lab) as (client, _):
        try:
            code, _ = await client.ask(method, f"{CM}/spare")
        except aiohttp.ClientError:
            code = 400

    assert code in (400, 405)


@pytest.mark.parametrize("method", ["OPTIONS", "HEAD"])
async def test_a_safe_method_that_the_api_does_not_have_is_no_change(lab: Lab, method: str) -> None:
    async with client_of(lab) as (client, rehearsal):
        code, _ = await client.ask(method, f"{CM}/spare")

        assert code == 405
        assert rehearsal.end().refused == ()


@pytest.mark.parametrize("target", [f"{CM}/spare?a=b;c=d", f"{CM}/spare?a=%zz", f"{CM}//spare", f"{CM}/%2e/spare"])
async def test_a_write_to_what_cannot_be_understood_is_refused_and_noted(lab: Lab, target: str) -> None:
    async with lab.nothing_persists(), client_of(lab) as (client, rehearsal):
        code, _ = await client.ask("DELETE", target)

        assert code in (400, 404)
        assert [refused.method for refused in rehearsal.end().refused] == ["DELETE"]


async def test_a_method_override_header_is_not_forwarded(lab: Lab) -> None:
    async with lab.nothing_persists(), client_of(lab) as (client, rehearsal):
        code, _ = await client.ask("GET", f"{CM}/spare", X_HTTP_Method_Override="DELETE")

        assert code == 200
        assert rehearsal.end().writes == ()


@pytest.mark.parametrize(
    "command",
    [
        "timeout 20 kubectl attach p1",
        "timeout 20 kubectl port-forward pod/guarded 18999:80",
        "kubectl get --raw /api/v1/namespaces/shop/services/web/proxy/",
        "kubectl get --raw /api/v1/nodes/n1/proxy/run/shop/p1/c?cmd=id",
        "kubectl create --raw /api/v1/nodes/n1/proxy/run/shop/p1/c -f /dev/null",
    ],
)
async def test_streams_are_refused_with_a_sentence(lab: Lab, command: str) -> None:
    lay_out(lab.folder)

    ran = await lab.rehearse(command, seconds=30)

    assert ran.code != 0
    assert "(Forbidden)" in ran.err or "not possible from here" in ran.err
    assert ran.recording.refused
    assert ran.recording.connects == ()


async def test_a_token_for_an_account_that_is_not_there_comes_to_nothing(lab: Lab) -> None:
    ran = await lab.rehearse("kubectl create token nobody; kubectl create sa new && kubectl create token new")

    assert 'serviceaccounts "nobody" not found' in ran.err
    assert ran.writes == ["POST serviceaccounts shop/new", "POST serviceaccounts/token shop/new"]


async def test_a_token_request_is_recorded_and_never_sent(lab: Lab) -> None:
    before = len(lab.audit())
    async with lab.nothing_persists():
        ran = await lab.rehearse("kubectl create token robot")

    assert ran.code == 1
    assert ran.out == ""
    assert "issues a credential" in ran.err
    assert ran.writes == ["POST serviceaccounts/token shop/robot"]
    assert not [
        e for e in lab.audit()[before:] if "/token" in str(e["requestURI"]) and not str(e["user"]).startswith("{'username': 'system:")
    ]


async def test_too_many_writes_end_the_rehearsal(seeded: ApiServer, lab: Lab) -> None:
    async with open_lab(seeded, lab.folder, Limits(writes=2)) as small:
        ran = await small.rehearse("for i in 1 2 3; do kubectl label cm settings n=$i --overwrite; done; sleep 30")

    assert len(ran.writes) == 2
    assert ran.recording.stopped == "stopped: recorded more than 2 writes"


async def test_too_many_requests_end_the_rehearsal(seeded: ApiServer, lab: Lab) -> None:
    async with open_lab(seeded, lab.folder, Limits(requests=3)) as small:
        ran = await small.rehearse("for i in 1 2 3 4 5 6; do kubectl get --raw /readyz; done; sleep 30")

    assert ran.recording.stopped == "stopped: made more than 3 requests"


async def test_too_long_a_life_ends_the_rehearsal(seeded: ApiServer, lab: Lab) -> None:
    async with open_lab(seeded, lab.folder, Limits(seconds=2.0)) as small:
        ran = await small.rehearse("kubectl get pods --watch --request-timeout=0; sleep 30; kubectl label cm settings late=yes")

    assert ran.recording.stopped == "stopped: took longer than 2 seconds"
    assert ran.writes == []


async def test_a_body_that_is_too_large_is_refused(seeded: ApiServer, lab: Lab) -> None:
    async with open_lab(seeded, lab.folder, Limits(body_bytes=2000)) as small, client_of(small) as (client, rehearsal):
        code, _ = await client.ask("POST", CM, b'{"data":"' + b"x" * 3000 + b'"}', Content_Type="application/json")

        assert code == 413
        assert rehearsal.end().writes == ()


async def test_the_server_that_does_not_answer_is_not_taken_for_a_success(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("dead")
    config = lab.server.kubeconfig.read_text().replace(lab.server.server, "https://127.0.0.1:9")
    (folder / "kubeconfig").write_text(config)
    from bot.kube.connection import connect

    cluster = GatewayCluster(
        ClusterSettings(name="dead", reader="", writer=""), await connect(str(folder / "kubeconfig")), lab.gateway, b"s"
    )
    async with cluster.rehearse("t", NOBODY, "shop", "") as rehearsal, aiohttp.ClientSession() as session:
        client = Client(rehearsal.kubeconfig, session)
        read, _ = await client.ask("GET", CM)
        written, _ = await client.ask("DELETE", f"{CM}/spare")

        assert (read, written) == (503, 503)
        assert rehearsal.end().writes == ()
    await cluster.close()


async def test_people_who_are_not_mapped_are_refused_where_people_are(lab: Lab) -> None:
    from bot.kube.connection import connect

    settings = ClusterSettings(name="mapped", people={"U1": PersonSettings(user="alice", groups=("dev",))})
    cluster = GatewayCluster(settings, await connect(str(lab.server.kubeconfig)), lab.gateway, b"s")
    async with cluster.rehearse("t", NOBODY, "shop", "") as rehearsal, aiohttp.ClientSession() as session:
        code, text = await Client(rehearsal.kubeconfig, session).ask("GET", CM)

    assert code == 403
    assert 'User \\"alice\\" cannot list' in text
    with pytest.raises(GatewayError, match="not mapped"):
        cluster.identity(Person("U2", "T1", "bob"))
    await cluster.close()


async def test_reads_go_as_the_reader_and_dry_runs_as_the_writer(lab: Lab) -> None:
    from bot.kube.connection import connect

    await lab.direct(
        "kubectl create clusterrolebinding rw --clusterrole=edit --user=writer; kubectl create clusterrolebinding ro"
        " --clusterrole=view --user=reader"
    )
    settings = ClusterSettings(name="split", reader="reader", writer="writer")
    cluster = GatewayCluster(settings, await connect(str(lab.server.kubeconfig)), lab.gateway, b"s")
    split = Lab(lab.server, lab.gateway, cluster, lab.folder)

    ran = await split.rehearse(
        "kubectl get deploy web -o name; kubectl get secret creds; kubectl scale deploy web --replicas=4; kubectl auth can-i delete pods;"
        " kubectl auth can-i get secrets; kubectl get deploy web --no-headers; kubectl delete ns shop"
    )

    assert "deployment.apps/web\n" in ran.out
    assert 'User "reader" cannot get resource "secrets"' in ran.err
    assert 'User "writer" cannot delete resource "namespaces"' in ran.err
    assert "yes\nno\nweb 0/4" in " ".join(ran.out.split(" ")).replace("   ", " ").replace("  ", " ")
    assert ran.writes == ["PATCH deployments.apps/scale shop/web"]
    await cluster.close()
