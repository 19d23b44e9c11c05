"""A rehearsal that waits for its own write is ended by the gateway, with what it recorded so far."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from bot.gateway.limits import Limits
from tests.cluster.apiserver import ApiServer
from tests.integration.gateway.files import lay_out
from tests.integration.gateway.lab import Lab, open_lab

pytestmark = pytest.mark.apiserver

_IMPATIENT = Limits(named_wait_seconds=0.5, listed_wait_seconds=1.0, poll_reads=4, poll_seconds=0.5)
WAITS = [
    ("kubectl set image deploy/web web=nginx:2 && kubectl rollout status deploy/web", "Deployment shop/web"),
    ("kubectl scale deploy web --replicas=5 && kubectl wait --for=jsonpath='{.status.readyReplicas}'=5 deploy/web", "Deployment shop/web"),
    ("kubectl run made --image=x && kubectl wait --for=condition=Ready pod/made", "Pod shop/made"),
    ("kubectl create job made --image=x && kubectl wait --for=condition=complete job/made --timeout=60s", "Job shop/made"),
    ("kubectl label cm settings a=b; kubectl get cm settings -w", "ConfigMap shop/settings"),
    ("kubectl label cm settings a=b; kubectl get cm -w", "ConfigMap shop/settings"),
    ("kubectl rollout restart deploy/web; kubectl get pods -l app=web -w", "Deployment shop/web"),
    (
        "kubectl apply -f web.yaml; until kubectl get deploy web -o jsonpath='{.status.readyReplicas}' | grep 5; do sleep 0.1; done",
        "Deployment shop/web",
    ),
    ("kubectl scale deploy web --replicas=2; python3 watch.py", "Deployment shop/web"),
    (
        "kubectl set image deploy/web web=nginx:2; until kubectl get pods -l app=web | grep Running; do sleep 0.1; done",
        "Deployment shop/web",
    ),
    ("kubectl set image deploy/web web=nginx:2; until kubectl get pods | grep web.*Running; do sleep 0.1; done", "Deployment shop/web"),
    (
        "kubectl set image deploy/web web=nginx:2; until kubectl get rs -l app=web -o name | grep ^x; do sleep 0.1; done",
        "Deployment shop/web",
    ),
    (
        "kubectl rollout restart sts/db; until kubectl get pod db-0 -o jsonpath={.status.phase} | grep Run; do sleep 0.1; done",
        "StatefulSet shop/db",
    ),
    ("kubectl delete deploy web; while kubectl get pods -l app=web -o name | grep web; do sleep 0.1; done", "Deployment shop/web"),
    (
        "kubectl scale deploy web --replicas=5; until kubectl get endpointslices -o name | grep ^x; do sleep 0.1; done",
        "Deployment shop/web",
    ),
    (
        "kubectl scale deploy web --replicas=5; until kubectl events --for deploy/web | grep ^x; do sleep 0.1; done",
        "Deployment shop/web",
    ),
    ("kubectl create job made --image=x; until kubectl get pods -l job-name=made -o name | grep pod; do sleep 0.1; done", "Job shop/made"),
    (f"kubectl scale deploy web --replicas=5; {sys.executable} poll.py list", "Deployment shop/web"),
    (f"kubectl scale deploy web --replicas=5; {sys.executable} poll.py watch", "Deployment shop/web"),
    (
        "kubectl certificate approve asked; until kubectl get csr asked -o jsonpath={.status.certificate} | grep .; do sleep 0.1; done",
        "CertificateSigningRequest asked",
    ),
    ("kubectl certificate approve asked; kubectl wait --for=condition=Approved csr/asked", "CertificateSigningRequest asked"),
]


_POLL = """
import sys, time
from kubernetes import client, config, watch
config.load_kube_config()
pods = client.CoreV1Api()
while True:
    if sys.argv[1] == "watch":
        list(watch.Watch().stream(pods.list_namespaced_pod, "shop", label_selector="app=web", timeout_seconds=1))
    elif all(pod.status.phase == "Running" for pod in pods.list_namespaced_pod("shop", label_selector="app=web").items):
        break
    time.sleep(0.1)
"""


@pytest.fixture(scope="module")
def asked(seeded: ApiServer) -> None:
    """Somebody has asked for a certificate."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "asked")])
    pem = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)
    spec = {"request": base64.b64encode(pem).decode(), "signerName": "kubernetes.io/kube-apiserver-client", "usages": ["client auth"]}
    item = {"apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest", "metadata": {"name": "asked"}, "spec": spec}
    argv = [seeded.kubectl, "--kubeconfig", seeded.kubeconfig, "apply", "-f", "-"]
    subprocess.run(argv, input=json.dumps(item).encode(), check=True, capture_output=True, timeout=60)


@pytest.fixture
async def impatient(seeded: ApiServer, asked: None, tmp_path: Path) -> AsyncIterator[Lab]:
    """A gateway that loses patience soon, so that the tests are quick."""
    lay_out(tmp_path)
    (tmp_path / "poll.py").write_text(_POLL)
    async with open_lab(seeded, tmp_path, _IMPATIENT) as lab:
        yield lab


@pytest.mark.parametrize(("command", "what"), WAITS, ids=[command[:60] for command, _ in WAITS])
async def test_a_rehearsal_that_waits_for_its_own_write_is_stopped(impatient: Lab, command: str, what: str) -> None:
    async with impatient.nothing_persists():
        ran = await impatient.rehearse(command, seconds=30)

    assert ran.recording.stopped == f"stopped: waits for {what}, which changes only after approval"
    assert len(ran.writes) == 1


NO_WAITS = [
    "kubectl rollout status deploy/db --timeout=1s; kubectl scale deploy web --replicas=5; kubectl rollout status sts/db --timeout=2s",
    "kubectl annotate deploy web a=b && kubectl rollout status deploy/web --watch=false",
    "kubectl delete pod p1 && kubectl wait --for=delete pod/p1 --timeout=20s",
    "kubectl delete cm spare --wait=true",
    "kubectl scale deploy web --replicas=5; timeout 2 kubectl get svc -w",
    "kubectl scale deploy web --replicas=5; kubectl get deploy web; kubectl get deploy; kubectl describe deploy web",
    "timeout 2 kubectl get pods -w",
    "for i in 1 2 3 4 5 6 7 8; do kubectl get deploy web; sleep 0.1; done",
    "for i in 1 2 3 4 5 6; do kubectl annotate deploy web n=$i --overwrite; kubectl get deploy web; sleep 0.1; done",
    "kubectl delete deploy web; kubectl wait --for=delete deploy/web",
    "kubectl apply -f crd.yaml; kubectl wait --for=condition=Established crd/gears.example.net",
    "kubectl annotate deploy web a=b; for i in 1 2 3 4 5 6 7 8 9; do kubectl get pods -l app=web; sleep 0.6; done",
    "kubectl scale deploy web --replicas=5; for app in a b c d e f g h i; do kubectl get pods -l app=$app; sleep 0.6; done",
    "kubectl scale deploy web --replicas=5; for i in 1 2 3 4 5 6 7 8; do kubectl get cm,svc; kubectl get pods -n default; sleep 0.7; done",
    "kubectl scale deploy web --replicas=5; kubectl get pods; sleep 6; kubectl get pods; kubectl get pods -l app=web; kubectl get rs,ep",
]


@pytest.fixture
async def patient(seeded: ApiServer, tmp_path: Path) -> AsyncIterator[Lab]:
    """A gateway whose patience a slow machine does not wear out."""
    lay_out(tmp_path)
    async with open_lab(seeded, tmp_path, Limits(named_wait_seconds=3.0, listed_wait_seconds=6.0, poll_reads=6, poll_seconds=5.0)) as lab:
        yield lab


@pytest.mark.parametrize("command", NO_WAITS, ids=[command[:60] for command in NO_WAITS])
async def test_a_rehearsal_that_goes_on_by_itself_is_not_stopped(patient: Lab, command: str) -> None:
    ran = await patient.rehearse(command, seconds=40)

    assert ran.recording.stopped == ""
