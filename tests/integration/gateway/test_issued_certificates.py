"""A certificate that somebody signed is a credential: no answer of the gateway holds it, whatever form is asked for."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from bot.changes import diff
from bot.gateway import certificates
from bot.values.requests import ApiRequest
from tests.integration.gateway.lab import Lab, Ran

pytestmark = pytest.mark.apiserver

CSR = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
MARKER = "[redacted:not-compared]"
SIGNED_ALREADY = "This CertificateSigningRequest is signed already"


@dataclass
class Signed:
    """A request that was approved and signed, and pieces of its certificate as the API server shows it."""

    lab: Lab
    name: str
    pieces: tuple[str, ...]

    def is_in(self, ran: Ran) -> bool:
        writes = repr([(write.before, write.after, write.note, diff.of_write(write)) for write in ran.recording.writes])
        return any(piece in text for piece in self.pieces for text in (ran.out, ran.err, writes))


@pytest.fixture
async def signed(lab: Lab) -> AsyncIterator[Signed]:
    name = f"person-{secrets.token_hex(4)}"
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "person")])
    asked = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)
    certificate = certificates.make(["x"]).ca_pem.encode()
    encoded = base64.b64encode(certificate).decode()
    spec = {"request": base64.b64encode(asked).decode(), "signerName": "x.example.com/y", "usages": ["client auth"]}
    item = {"apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest", "metadata": {"name": name}, "spec": spec}
    (lab.folder / "csr.json").write_text(json.dumps(item))
    (lab.folder / "status.json").write_text(json.dumps({"status": {"certificate": encoded}}))
    ran = await lab.direct(
        f"kubectl create -f csr.json && kubectl certificate approve {name} && "
        f"kubectl patch csr {name} --subresource=status --type=merge --patch-file=status.json -o yaml"
    )
    assert encoded in ran.out, ran.err
    (lab.folder / "csr.json").unlink()
    (lab.folder / "status.json").unlink()
    body = certificate.decode().splitlines()
    yield Signed(lab, name, (encoded[40:80], body[2][:40]))
    await lab.direct(f"kubectl delete csr {name}")


@pytest.mark.parametrize(
    "form",
    [
        "",
        "-o wide",
        "-o yaml --show-managed-fields",
        "-o json",
        "-o jsonpath='{.status}{.items[*].status}'",
        "-o custom-columns=C:.status.certificate",
        "-o yaml -v=9",
    ],
)
async def test_it_is_in_no_read(signed: Signed, form: str) -> None:
    ran = await signed.lab.rehearse(
        f"(kubectl get csr {form}; kubectl get csr {signed.name} {form}; timeout 1 kubectl get csr -w {form};"
        f" kubectl get csr --chunk-size=1 {form}) 2>&1"
    )

    assert not signed.is_in(ran)
    assert signed.name in ran.out or "status" in form


async def test_it_is_in_no_representation(signed: Signed) -> None:
    token, server = (
        f"$(kubectl config view --raw -o jsonpath='{{{path}}}')" for path in (".users[0].user.token", ".clusters[0].cluster.server")
    )
    curl = f'curl -sk --max-time 5 --compressed -H "Authorization: Bearer {token}" {server}{CSR}'
    accepts = (
        "application/json",
        "application/yaml",
        "application/vnd.kubernetes.protobuf",
        "application/json;as=Table;v=v1;g=meta.k8s.io",
    )
    paths = (f"/{signed.name}", f"/{signed.name}/status", f"/{signed.name}/approval", "?x=1", "?watch=1&timeoutSeconds=1")
    commands = [
        f"{curl}'{path}{'&' if '?' in path else '?'}includeObject=Object' -H 'Accept: {accept}' | tee out; base64 -w0 out"
        for accept in accepts
        for path in paths
    ]

    ran = await signed.lab.rehearse("; ".join(commands))

    assert not signed.is_in(ran)
    assert base64.b64encode(MARKER.encode()).decode() in ran.out


async def test_it_is_in_no_answer_to_a_write(signed: Signed) -> None:
    name = signed.name
    patch = '{"metadata":{"labels":{"c":"d"}}}'
    ran = await signed.lab.rehearse(
        f"(kubectl label csr {name} a=b -o yaml; kubectl patch csr {name} --type=merge -p '{patch}' -o json;"
        f" kubectl annotate csr {name} e=f -o json --dry-run=server; KUBE_EDITOR=cat kubectl edit csr {name};"
        f" kubectl certificate deny {name} -o yaml; kubectl describe csr {name}; kubectl get csr {name} -o yaml;"
        f" timeout 1 kubectl get csr -w -o yaml; kubectl delete csr {name} --wait=false -o name) 2>&1"
    )

    assert not signed.is_in(ran)
    assert len(ran.recording.writes) >= 3


async def test_its_marker_is_readable_and_is_never_written_in_its_place(signed: Signed) -> None:
    ran = await signed.lab.rehearse(
        f"kubectl get csr {signed.name} -o jsonpath='{{.status.certificate}}' | base64 -d;"
        f" kubectl get csr {signed.name} -o json | kubectl replace --raw {CSR}/{signed.name}/status -f -"
    )

    assert ran.out == MARKER
    assert SIGNED_ALREADY in ran.err
    assert ran.recording.writes == ()


async def test_what_is_signed_is_not_approved_again(signed: Signed) -> None:
    """kubectl sends the whole object with its decision: what it was shown of the certificate would be recorded."""
    async with signed.lab.nothing_persists():
        ran = await signed.lab.rehearse(f"kubectl certificate approve {signed.name} --force")

    assert (ran.code, ran.recording.writes) == (1, ())
    assert SIGNED_ALREADY in ran.err
    assert [refused.reason.startswith(SIGNED_ALREADY) for refused in ran.recording.refused] == [True]


async def test_what_is_approved_and_not_signed_can_be_approved_again(signed: Signed) -> None:
    """Only a certificate is in the way."""
    copy = f"kubectl get csr {signed.name} -o json | jq 'del(.status) | .metadata = {{name: \"again\"}}' | kubectl create -f -"
    made = await signed.lab.direct(f"{copy}; kubectl certificate approve again")
    ran = await signed.lab.rehearse("kubectl certificate approve again --force")
    await signed.lab.direct("kubectl delete csr again")

    assert ran.writes == ["PUT certificatesigningrequests.certificates.k8s.io/approval again"], (made.err, ran.err)


async def test_the_answer_to_an_approved_request_does_not_hold_it_either(signed: Signed) -> None:
    api = signed.lab.cluster.api_for("T1:C1:1")
    body = b'{"metadata":{"labels":{"replayed":"yes"}}}'
    sent = [
        ApiRequest("PATCH", f"{CSR}/{signed.name}{part}", (), "application/merge-patch+json", body) for part in ("", "/status", "/approval")
    ]

    answers = [await api.send(request, None, dry_run=False) for request in sent]

    assert [answer.status for answer in answers] == [200, 200, 200]
    assert [piece in answer.body.decode() for answer in answers for piece in signed.pieces] == [False] * 6
    assert {base64.b64decode(answer.object["status"]["certificate"]).decode() for answer in answers} == {MARKER}
