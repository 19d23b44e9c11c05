"""Webhooks with side effects: the server refuses every dry run that would reach them, so writes are recorded without preview.

Only clusters that are older than `admissionregistration.k8s.io/v1` still have them: that version does not take them any more, but goes by
those that are stored. So they are put where the API server stores them.
"""

from __future__ import annotations

import base64
import json
import ssl
import urllib.request
from collections.abc import AsyncIterator

import pytest

from tests.cluster import processes
from tests.cluster.apiserver import ApiServer
from tests.integration.gateway.lab import Lab

pytestmark = pytest.mark.apiserver

NAMESPACE = "watched"
NAME = "notes-everything"


def store(server: ApiServer, key: str, item: object) -> None:
    """Puts an object into etcd, past all validation."""
    argv = next(record.argv for record in processes.list_running(server.paths.processes) if record.name == "kube-apiserver")
    etcd = next(argument.partition("=")[2] for argument in argv if argument.startswith("--etcd-servers="))
    pki = server.paths.pki
    tls = ssl.create_default_context(cafile=str(pki / "ca.crt"))
    tls.load_cert_chain(pki / "apiserver-etcd-client.crt", pki / "apiserver-etcd-client.key")
    body = {"key": base64.b64encode(key.encode()).decode(), "value": base64.b64encode(json.dumps(item).encode()).decode()}
    request = urllib.request.Request(f"{etcd}/v3/kv/put", data=json.dumps(body).encode(), method="POST")
    with urllib.request.urlopen(request, context=tls, timeout=30) as answer:
        assert answer.status == 200


@pytest.fixture(params=["Some", "Unknown"])
async def webhook(request: pytest.FixtureRequest, seeded: ApiServer, lab: Lab) -> AsyncIterator[str]:
    """A webhook with these side effects, in force for one namespace with a ConfigMap in it."""
    hook = {
        "name": "notes.example.com",
        "admissionReviewVersions": ["v1"],
        "sideEffects": request.param,
        "clientConfig": {"url": "https://127.0.0.1:1/"},
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": NAMESPACE}},
        "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["*"], "resources": ["configmaps"]}],
    }
    made = await lab.direct(
        f"kubectl create ns {NAMESPACE} --dry-run=client -o yaml | kubectl apply -f - && kubectl -n {NAMESPACE} create cm kept"
        f" --from-literal=a=1 --dry-run=client -o yaml | kubectl apply -f -"
    )
    assert made.code == 0, made.err
    metadata = {"name": NAME, "uid": "0b5a7d0e-6a53-4c39-9d7f-6ad5a9b1c7aa", "creationTimestamp": "2019-01-01T00:00:00Z"}
    kind = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration"}
    store(seeded, f"/registry/validatingwebhookconfigurations/{NAME}", {**kind, "metadata": metadata, "webhooks": [hook]})
    while "dry run" not in (await lab.direct(f"kubectl -n {NAMESPACE} create cm probe --dry-run=server")).err:
        pass  # it is in force a moment after it is stored
    yield request.param
    await lab.direct(f"kubectl delete validatingwebhookconfiguration {NAME}")
    while (await lab.direct(f"kubectl -n {NAMESPACE} create cm probe --dry-run=server")).code:
        pass


async def test_every_write_that_would_reach_it_is_recorded_without_preview(lab: Lab, webhook: str) -> None:
    async with lab.nothing_persists():
        ran = await lab.rehearse(
            "kubectl create cm made --from-literal=b=2 && kubectl label cm kept x=y && kubectl get cm kept -o jsonpath='{.metadata.labels}'"
            " && kubectl delete cm kept && kubectl get cm made -o jsonpath='{.data.b}' && ! kubectl get cm kept",
            namespace=NAMESPACE,
        )

    assert ran.code == 0, ran.err
    assert ran.writes == [f"POST configmaps {NAMESPACE}/made", f"PATCH configmaps {NAMESPACE}/kept", f"DELETE configmaps {NAMESPACE}/kept"]
    assert ran.err.count("(the server cannot preview this)") == 3
    assert [write.has_preview for write in ran.recording.writes] == [False] * 3
    assert all("does not support dry run" in write.note for write in ran.recording.writes)
    assert ran.recording.writes[1].after["metadata"]["labels"] == {"x": "y"}
    assert '{"x":"y"}' in ran.out
    assert ran.out.endswith("2")
    assert ran.recording.refused == ()


async def test_a_collection_that_would_reach_it_is_named_and_gone(lab: Lab, webhook: str) -> None:
    async with lab.nothing_persists():
        ran = await lab.rehearse(
            f"kubectl delete --raw '/api/v1/namespaces/{NAMESPACE}/configmaps?labelSelector=!x' && kubectl get cm -o name",
            namespace=NAMESPACE,
        )

    [write] = ran.recording.writes
    assert not write.has_preview
    assert "kept" in [item["metadata"]["name"] for item in write.before["items"]]
    assert "configmap/kept" not in ran.out
