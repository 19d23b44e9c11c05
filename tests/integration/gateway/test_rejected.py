"""Writes whose dry run the API server rejects for a real reason: the client gets its error, and nothing of it is proposed."""

from __future__ import annotations

import asyncio
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import orjson
import pytest
from aiohttp import web

from bot.gateway.clusters import GatewayCluster
from bot.kube.connection import connect
from bot.settings import ClusterSettings
from bot.values.requests import RefusedRequest
from tests.cluster.apiserver import ApiServer
from tests.integration.gateway.lab import NOBODY, Lab, Ran
from tests.integration.gateway.test_door import Client
from tests.integration.gateway.test_misbehaving import gateway_before

pytestmark = pytest.mark.apiserver

NAMESPACE = "strict"
CM = f"/api/v1/namespaces/{NAMESPACE}/configmaps"
_RULES = """
apiVersion: v1
kind: Namespace
metadata: {name: strict}
---
apiVersion: v1
kind: ResourceQuota
metadata: {name: no-services, namespace: strict}
spec: {hard: {services: "0"}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: here, namespace: strict}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: strict-no-forbidden-key}
spec:
  matchConstraints:
    namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: strict}}
    resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [configmaps]}]
  validations: [{expression: "!has(object.data) || !('forbidden' in object.data)", message: "the house rules forbid this key"}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: strict-no-forbidden-key}
spec: {policyName: strict-no-forbidden-key, validationActions: [Deny]}
"""
_FORBIDDEN_KEY = "kubectl create cm made --from-literal=forbidden=1"


@pytest.fixture(scope="module")
def strict(seeded: ApiServer) -> ApiServer:
    """An API server with a namespace in which much is rejected."""

    def kubectl(line: str, text: str = "") -> subprocess.CompletedProcess[str]:
        argv = [str(seeded.kubectl), "--kubeconfig", str(seeded.kubeconfig), *line.split()]
        return subprocess.run(argv, input=text, capture_output=True, text=True, timeout=60, check=False)

    assert kubectl("apply -f -", _RULES).returncode == 0
    probe = f"-n {NAMESPACE} create --dry-run=server -o name"
    for line, words in (
        (f"{probe} cm made --from-literal=forbidden=1", "house rules"),
        (f"{probe} service clusterip made --tcp=80", "exceeded quota"),
    ):
        while words not in kubectl(line).stderr:  # policy and quota take effect a moment after they are made
            pass
    return seeded


@dataclass(frozen=True, slots=True)
class Case:
    command: str
    method: str
    path: str
    status: int
    says: str


CASES = {
    "validation": Case(
        "kubectl create deploy BAD_NAME --image=x", "POST", f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments", 422, "Invalid value"
    ),
    "quota": Case(
        "kubectl create service clusterip made --tcp=80", "POST", f"/api/v1/namespaces/{NAMESPACE}/services", 403, "exceeded quota"
    ),
    "admission": Case(_FORBIDDEN_KEY, "POST", CM, 422, "the house rules forbid this key"),
    "taken name": Case("kubectl create cm here", "POST", CM, 409, "already exists"),
    "unknown field": Case(
        """kubectl create -f - <<< '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"made"},"dta":{}}' --validate=strict""",
        "POST",
        CM,
        400,
        "unknown field",
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
async def test_the_servers_reason_reaches_the_client_and_the_recording_but_nothing_is_proposed(
    strict: ApiServer, lab: Lab, case: Case
) -> None:
    directly = await lab.direct(case.command, namespace=NAMESPACE)

    async with lab.nothing_persists():
        ran = await lab.rehearse(case.command, namespace=NAMESPACE)

    assert (ran.code, ran.out, ran.err) == (directly.code, directly.out, directly.err)
    assert ran.writes == []
    [rejected] = ran.recording.refused
    assert (rejected.method, rejected.path, rejected.status) == (case.method, case.path, case.status)
    assert case.says in rejected.reason
    assert rejected.sentence.startswith(f"The API server rejected {case.method} {case.path}: ")


async def test_a_write_without_the_right_to_it_is_rejected_as_the_writer(strict: ApiServer, lab: Lab) -> None:
    settings = ClusterSettings(name="narrow", reader="", writer="system:serviceaccount:shop:robot")
    narrow = GatewayCluster(settings, await connect(str(strict.kubeconfig)), lab.gateway, b"salt")
    try:
        async with lab.nothing_persists(), narrow.rehearse("t", NOBODY, NAMESPACE, "") as rehearsal, aiohttp.ClientSession() as session:
            client = Client(rehearsal.kubeconfig, session)
            code, text = await client.ask("PATCH", f"{CM}/here", b'{"data":{"a":"b"}}', Content_Type="application/merge-patch+json")
            recording = rehearsal.end()
    finally:
        await narrow.close()

    said = 'configmaps "here" is forbidden: User "system:serviceaccount:shop:robot" cannot patch resource "configmaps"'
    assert (code, recording.writes) == (403, ())
    assert said in orjson.loads(text)["message"]
    [rejected] = recording.refused
    assert (rejected.method, rejected.path, rejected.status) == ("PATCH", f"{CM}/here", 403)
    assert said in rejected.reason


async def test_what_others_of_its_command_come_to_is_proposed_beside_it(strict: ApiServer, lab: Lab) -> None:
    async with lab.nothing_persists():
        ran = await lab.rehearse(f"{_FORBIDDEN_KEY}; kubectl label cm here x=y", namespace=NAMESPACE)

    assert ran.writes == [f"PATCH configmaps {NAMESPACE}/here"]
    assert [rejected.status for rejected in ran.recording.refused] == [422]


async def test_every_rejected_object_is_named(strict: ApiServer, lab: Lab) -> None:
    taken = f"for name in a b; do kubectl create cm $name --from-literal=forbidden=1; done; kubectl create ns {NAMESPACE}"

    ran = await lab.rehearse(f"{taken}; kubectl delete --raw {CM}/gone", namespace=NAMESPACE)

    assert [(one.method, one.title, one.status) for one in ran.recording.refused] == [
        ("POST", "ConfigMap strict/a", 422),
        ("POST", "ConfigMap strict/b", 422),
        ("POST", "Namespace strict", 409),
        ("DELETE", "configmaps strict/gone", 404),
    ]


async def test_a_dry_run_of_the_clients_own_that_fails_leaves_no_trace(strict: ApiServer, lab: Lab) -> None:
    ran = await lab.rehearse(f"{_FORBIDDEN_KEY} --dry-run=server", namespace=NAMESPACE)

    assert ran.code == 1
    assert "house rules" in ran.err
    assert (ran.writes, ran.recording.refused) == ([], ())


async def test_a_reason_that_quotes_a_secret_is_recorded_without_it(strict: ApiServer, lab: Lab) -> None:
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "made"},
        "type": "kubernetes.io/tls",
        "stringData": {"a": "canary-1"},
    }
    (lab.folder / "secret.json").write_text(json.dumps(secret))

    ran = await lab.rehearse("kubectl create -f secret.json", namespace=NAMESPACE)

    [rejected] = ran.recording.refused
    assert rejected.status == 422
    assert "tls.crt" in rejected.reason
    assert "canary-1" not in f"{ran.out}{ran.err}{rejected.reason}"


class Flaky:
    """Stands before the real API server and is too busy for requests of one method: for those with these numbers, from 0."""

    def __init__(self, server: ApiServer, method: str, busy: range, status: int) -> None:
        self._server = server
        self._method = method
        self._busy = busy
        self._status = status
        self.count = 0

    async def answer(self, request: web.BaseRequest) -> web.Response:
        is_counted = request.path.startswith(CM) and request.method == self._method
        self.count += is_counted
        if is_counted and self.count - 1 in self._busy:
            body = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": "busy now", "code": self._status}
            return web.json_response(body, status=self._status, headers={"Retry-After": "1"})
        async with await connect(str(self._server.kubeconfig)) as connection:
            headers = {name: request.headers[name] for name in ("Accept", "Content-Type") if name in request.headers}
            headers |= await connection.headers()
            url = connection.server + request.raw_path
            async with connection.session.request(request.method, url, data=await request.read() or None, headers=headers) as response:
                kind = response.headers["Content-Type"]
                return web.Response(status=response.status, body=await response.read(), headers={"Content-Type": kind})


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(("method", "busy"), [("GET", range(1, 3)), ("PATCH", range(2))], ids=["before-image", "dry run"])
async def test_kubectl_tries_again_when_the_server_was_busy_and_the_write_is_recorded_once(
    strict: ApiServer, tmp_path: Path, method: str, busy: range, status: int
) -> None:
    """kubectl reads the object first (GET 0); the gateway's own reads of it follow."""
    flaky = Flaky(strict, method, busy, status)
    async with gateway_before(flaky.answer, tmp_path) as (_, rehearsal):
        patch = f"""kubectl -n {NAMESPACE} patch cm here --type=merge -p '{{"data":{{"a":"b"}}}}'"""
        ran = await _run(strict, tmp_path, rehearsal.kubeconfig, patch)
        recording = rehearsal.end()

    assert (ran.code, ran.out) == (0, "configmap/here patched\n"), ran.err
    assert flaky.count >= busy.stop
    assert [(write.request.method, write.info.name) for write in recording.writes] == [("PATCH", "here")]
    assert "data" not in recording.writes[0].before
    assert recording.writes[0].after["data"] == {"a": "b"}
    assert recording.refused == ()


async def _run(server: ApiServer, folder: Path, kubeconfig: str, command: str) -> Ran:
    path = folder / "rehearsal.kubeconfig"
    path.write_text(kubeconfig)
    process = await asyncio.create_subprocess_exec(
        "bash",
        "-c",
        command,
        env={"PATH": f"{server.kubectl.parent}:/usr/bin:/bin", "HOME": str(folder), "KUBECONFIG": str(path)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return Ran(int(process.returncode or 0), out.decode(), err.decode())


async def test_a_write_that_the_server_never_had_an_answer_to_is_told(strict: ApiServer, tmp_path: Path) -> None:
    flaky = Flaky(strict, "PATCH", range(1), 503)
    async with gateway_before(flaky.answer, tmp_path) as (client, rehearsal):
        code, text = await client.ask("PATCH", f"{CM}/here", b'{"data":{"a":"b"}}', Content_Type="application/merge-patch+json")
        recording = rehearsal.end()

    assert (code, orjson.loads(text)["message"]) == (503, "busy now")
    assert recording.writes == ()
    assert recording.refused == (RefusedRequest("PATCH", f"{CM}/here", "busy now", 503, f"configmaps {NAMESPACE}/here"),)
