"""What Secrets of every type hold leaves the gateway in no form: every verb, every output format, every way to ask."""

from __future__ import annotations

import base64
import gzip
import io
import json
import re
import secrets
import zipfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from bot.changes import diff
from bot.values.requests import ApiRequest, RecordedWrite
from tests.integration.gateway.lab import Lab, Ran

TYPES = ("opaque", "tls", "registry", "basic", "ssh", "account", "release", "bootstrap", "fixed")


@dataclass
class Vault:
    """A namespace of Secrets, and pieces of what they hold that are found nowhere else."""

    lab: Lab
    space: str
    pieces: dict[str, str] = field(default_factory=dict)

    async def run(self, command: str) -> Ran:
        return await self.lab.rehearse(command, namespace=self.space, seconds=600)

    def leaks(self, ran: Ran, logged: str = "") -> list[str]:
        """The canaries of which a half is in what was printed, recorded or logged, plain, reversed, in hexadecimal, or in base64 (once,
        twice) at any offset. What the requests themselves say is the client's own."""
        recording = ran.recording
        seen = [
            ran.out,
            ran.err,
            logged,
            repr([shown_of(write) for write in recording.writes]),
            repr((recording.refused, recording.stopped)),
        ]
        return [
            name
            for name, piece in self.pieces.items()
            for part in halves(piece)
            if any(form in text for form in forms(part) for text in seen)
        ]


def shown_of(write: RecordedWrite) -> Any:
    return write.before, write.after, write.note, diff.of_write(write)


def halves(piece: str) -> list[str]:
    """What a cut-off canary would show; all of it where a half is so short that it may be there by chance."""
    middle = len(piece) // 2
    return [piece] if middle < 12 else [piece[:middle], piece[middle:]]


@lru_cache
def forms(piece: str) -> list[str]:
    def encoded(text: bytes) -> list[bytes]:
        aligned = [text[skipped:] for skipped in range(3)]
        return [base64.b64encode(part).rstrip(b"=")[: len(part) * 8 // 6] for part in aligned]

    once = encoded(piece.encode())
    return [
        piece,
        piece[::-1],
        piece.encode().hex(),
        *(form.decode() for form in [*once, *(twice for one in once for twice in encoded(one))]),
    ]


def objects(pieces: dict[str, str]) -> list[dict[str, Any]]:
    """The Secrets, and fills in `pieces`: for each type a value, or the middle of a generated key."""

    def canary(name: str) -> str:
        return pieces.setdefault(name, secrets.token_hex(16))

    def key(name: str, generated: Any, form: PrivateFormat) -> str:
        pem = generated.private_bytes(Encoding.PEM, form, NoEncryption()).decode()
        pieces[name] = pem.splitlines()[2][:40]
        return str(pem)

    login = base64.b64encode(f"robot:{canary('registry')}".encode()).decode()
    registry = {"auths": {"r.example.com": {"username": "robot", "password": canary("registry"), "auth": login}}}
    packed = base64.b64encode(gzip.compress(json.dumps({"config": {"password": canary("release")}}).encode())).decode()
    pieces["packed release"] = packed[24:80]
    token = f"eyJhbGciOiJSUzI1NiJ9.{canary('account')}.{secrets.token_hex(20)}"
    values = {
        "opaque": ("Opaque", {"password": canary("opaque"), "url": f"postgres://shop:{canary('opaque')}@db/shop"}),
        "tls": ("kubernetes.io/tls", {"tls.crt": "x", "tls.key": key("tls", ec.generate_private_key(ec.SECP256R1()), PrivateFormat.PKCS8)}),
        "registry": ("kubernetes.io/dockerconfigjson", {".dockerconfigjson": json.dumps(registry)}),
        "basic": ("kubernetes.io/basic-auth", {"username": "shop", "password": canary("basic")}),
        "ssh": ("kubernetes.io/ssh-auth", {"ssh-privatekey": key("ssh", ed25519.Ed25519PrivateKey.generate(), PrivateFormat.OpenSSH)}),
        "account": ("kubernetes.io/service-account-token", {"token": token}),
        "release": ("helm.sh/release.v1", {"release": packed}),
        "bootstrap": ("bootstrap.kubernetes.io/token", {"token-id": "abcdef", "token-secret": canary("bootstrap")[:16]}),
        "fixed": ("Opaque", {"password": canary("fixed")}),
    }
    pieces["bootstrap"] = pieces["bootstrap"][:16]
    made: list[dict[str, Any]] = []
    for name, (kind, data) in values.items():
        annotations = {"kubernetes.io/service-account.name": "default"} if name == "account" else {}
        annotations |= copies(data, pieces) if name == "opaque" else {}
        annotations |= {"example.com/connection": f"password={canary('annotation')}"} if name == "opaque" else {}
        item = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name, "annotations": annotations},
            "type": kind,
            "stringData": data,
        }
        made.append({**item, "immutable": True} if name == "fixed" else item)
    kept = {"metadata": {"name": "kept", "labels": {"owner": "helm"}}, "data": {"release": packed}}
    made.append({"apiVersion": "v1", "kind": "ConfigMap", **kept})
    kubeconfig = {"users": [{"name": "x", "user": {"token": canary("kubeconfig")}}]}
    made.append(
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "kubeconfig"}, "stringData": {"config": json.dumps(kubeconfig)}}
    )
    return made


def copies(data: dict[str, str], pieces: dict[str, str]) -> dict[str, str]:
    """What tools other than kubectl keep of a Secret in its annotations: in JSON, with and without its kind, or packed."""
    encoded = {f"value{index}": base64.b64encode(value.encode()).decode() for index, value in enumerate(data.values())}
    whole = json.dumps({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "opaque"}, "data": encoded})
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("original", whole)
    zipped, gzipped = (base64.b64encode(raw).decode() for raw in (archive.getvalue(), gzip.compress(whole.encode())))
    pieces["zipped copy"], pieces["gzipped copy"] = zipped[60:120], gzipped[60:120]
    return {
        "kapp.k14s.io/original": whole,
        "kopf.zalando.org/last-handled-configuration": json.dumps({"data": encoded, "type": "Opaque"}) + "\n",
        "objectset.rio.cattle.io/applied": gzipped,
        "banzaicloud.com/last-applied": zipped,
    }


@pytest.fixture
async def vault(lab: Lab) -> AsyncIterator[Vault]:
    space = f"vault-{secrets.token_hex(4)}"
    found = Vault(lab, space)
    made = objects(found.pieces)
    (lab.folder / "vault.json").write_text("\n---\n".join(json.dumps(item) for item in made))
    ran = await lab.direct(
        f"kubectl create namespace {space}; kubectl -n {space} create serviceaccount default; kubectl -n {space} apply -f vault.json"
    )
    assert "secret/kubeconfig created" in ran.out, ran.err
    (lab.folder / "vault.json").unlink()
    held = await lab.direct(f"kubectl -n {space} get secrets,configmaps -o json")
    items = orjson.loads(held.out)["items"]
    plain = [base64.b64decode(value) for item in items if item["kind"] == "Secret" for value in item["data"].values()]
    everything = b"\n".join(
        [*plain, *(orjson.dumps(item) for item in items), *map(gzip.decompress, map(base64.b64decode, [*packed(plain)]))]
    )
    assert [name for name, piece in found.pieces.items() if piece.encode() not in everything] == []
    yield found
    await lab.direct(f"kubectl delete namespace {space} --wait=false; kubectl -n {space} delete secrets,configmaps --all")


def packed(values: list[bytes]) -> list[bytes]:
    return [value for value in values if value.startswith(base64.b64encode(b"\x1f\x8b\x08"))]


FORMATS = (
    "",
    "-o wide",
    "-o name",
    "-o yaml --show-managed-fields",
    "-o json",
    "-o jsonpath='{.data}{.items[*].data}{.metadata.annotations}'",
    "-o jsonpath-as-json='{.data}'",
    "-o go-template='{{range $k, $v := .data}}{{$k}}={{$v | base64decode}} {{end}}'",
    "-o custom-columns=N:.metadata.name,D:.data,A:.metadata.annotations",
    "-o yaml -v=9",
    "-o kyaml",
)
WATCH_FORMATS = ("", "-o yaml", "-o json --output-watch-events")
READS = (
    "kubectl get secrets,configmaps {format}",
    "kubectl get secret opaque {format}",
    "kubectl get secrets -A {format}",
    "kubectl get secrets --chunk-size=2 {format}",
    "kubectl get secrets --sort-by=.metadata.name {format}",
    "timeout 1 kubectl get secrets --watch {format}",
)
PATHS = (
    "secrets",
    "secrets/opaque",
    "secrets/release",
    "configmaps/kept",
    "secrets?limit=2",
    "secrets?watch=1&timeoutSeconds=1",
    "secrets?pretty=true",
)
ACCEPTS = (
    "application/json",
    "application/yaml",
    "application/vnd.kubernetes.protobuf",
    "application/cbor",
    "application/json;as=Table;v=v1;g=meta.k8s.io",
    "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io",
    "application/json;stream=watch",
)


async def test_nothing_is_in_any_read(vault: Vault) -> None:
    for template in READS:
        formats = WATCH_FORMATS if "--watch" in template else FORMATS
        ran = await vault.run("; ".join(f"({template.format(format=form)}) 2>&1" for form in formats))

        assert vault.leaks(ran) == [], template
        assert "opaque" in ran.out


async def test_nothing_is_in_any_representation(vault: Vault) -> None:
    token, server = (
        f"$(kubectl config view --raw -o jsonpath='{{{path}}}')" for path in (".users[0].user.token", ".clusters[0].cluster.server")
    )
    curl = f'curl -sk --max-time 5 --compressed -H "Authorization: Bearer {token}" {server}/api/v1/namespaces/{vault.space}'
    for accept in ACCEPTS:
        commands = [f"{curl}/'{path}{'&' if '?' in path else '?'}includeObject=Object' -H 'Accept: {accept}'" for path in PATHS]
        ran = await vault.run("; ".join(f"{command} | tee out; base64 -w0 out" for command in commands))

        assert vault.leaks(ran) == [], accept
        assert ran.out


async def test_nothing_is_in_what_describes_and_dumps(vault: Vault) -> None:
    watch = f"/api/v1/watch/namespaces/{vault.space}/secrets?timeoutSeconds=1"

    ran = await vault.run(
        "kubectl describe secrets,configmaps; kubectl describe secret opaque --show-events;"
        f" kubectl cluster-info dump --namespaces {vault.space} -o yaml; kubectl get events,serviceaccounts -o yaml;"
        " kubectl auth can-i get secrets; kubectl auth whoami -o yaml;"
        f" kubectl get secret opaque -o jsonpath='{{.data.password}}' | base64 -d; kubectl get --raw '{watch}'"
    )

    assert vault.leaks(ran) == []
    assert set(re.findall(r"\d+ bytes", ran.out)) == {"23 bytes"}


@pytest.mark.parametrize("name", TYPES)
async def test_nothing_is_in_any_write_or_what_comes_of_it(vault: Vault, name: str) -> None:
    change = f'kubectl patch secret {name} -p \'{{"stringData":{{"note":"typed"}}}}\''
    thorough = [
        f"kubectl annotate secret {name} a=b -o json",
        *(f"{change} {form}" for form in FORMATS),
        f"{change} --dry-run=server -o yaml",
        f'kubectl patch secret {name} -p \'{{"type":"other"}}\'; kubectl patch secret {name} -p \'{{"data":{{"more":"not base64"}}}}\'',
        f"kubectl get secret {name} -o yaml | sed 's/^  name: .*/  name: copy/' | kubectl apply --server-side -f - -o yaml",
        "kubectl apply view-last-applied -f file.json -o yaml; kubectl apply set-last-applied -f file.json -o yaml",
        f"kubectl get secrets {name} -o json; kubectl delete secrets --all -o name --wait=false; kubectl get secrets",
    ]
    commands = [
        f"kubectl label secret {name} a=b -o yaml --show-managed-fields",
        f"{change} -o yaml --show-managed-fields",
        f'kubectl patch secret {name} --type=merge -p \'{{"metadata":{{"labels":{{"c":"d"}}}}}}\' -o yaml',
        f'kubectl patch secret {name} --type=json -p \'[{{"op":"add","path":"/data/more","value":"dHlwZWQ="}}]\' -o json',
        f'kubectl patch secret {name} --type=json -p \'[{{"op":"copy","from":"/data","path":"/stringData"}}]\' -o json',
        f"KUBE_EDITOR=cat kubectl edit secret {name}",
        f"kubectl get secret {name} -o yaml | kubectl replace -f -; kubectl get secret {name} -o json | kubectl create -f - -o yaml",
        f'echo \'{{"apiVersion":"v1","kind":"Secret","metadata":{{"name":"{name}"}},"stringData":{{"more":"typed"}}}}\' >file.json',
        "kubectl diff -f file.json; kubectl apply -f file.json -o yaml; kubectl apply --server-side --force-conflicts -f file.json -o yaml",
        f"kubectl get secrets {name} -o yaml; kubectl describe secret {name}; timeout 1 kubectl get secret {name} -w -o json",
        *(thorough if name == "opaque" else ()),
        f"kubectl delete secret {name} -o name --wait=false; kubectl get secret {name} -o yaml; kubectl create -f file.json -o yaml",
    ]

    ran = await vault.run("; ".join(f"({command}) 2>&1" for command in commands))

    assert vault.leaks(ran) == []
    assert any(write.info.name == name for write in ran.recording.writes)


async def test_credentials_are_proposed_and_never_answered(vault: Vault) -> None:
    request = {
        "request": base64.b64encode(b"-----BEGIN CERTIFICATE REQUEST-----").decode(),
        "signerName": "x.example.com/y",
        "usages": ["client auth"],
    }
    signing = {"apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest", "metadata": {"name": "x"}, "spec": request}
    path = f"/api/v1/namespaces/{vault.space}/serviceaccounts/default/token"

    ran = await vault.run(
        f"kubectl create token default --duration=10m 2>&1; echo '{{}}' | kubectl create --raw {path} -f - 2>&1;"
        f" echo '{json.dumps(signing)}' | kubectl create -f - 2>&1; kubectl certificate approve x 2>&1;"
        " kubectl create secret generic kube --from-literal=config='users: [{user: {token: typed-by-a-person}}]' -o yaml 2>&1"
    )

    assert "never shown" in ran.out
    assert "eyJ" not in ran.out + ran.err
    assert f"POST serviceaccounts/token {vault.space}/default" in ran.writes
    assert f"POST secrets {vault.space}/kube" in ran.writes
    assert "typed-by-a-person" not in ran.out + repr([shown_of(write) for write in ran.recording.writes])


async def test_an_issued_credential_reaches_nobody(vault: Vault) -> None:
    """The replay's own answers: a token, and a certificate that somebody signed."""
    api = vault.lab.cluster.api_for("T1:C1:1")
    path = f"/api/v1/namespaces/{vault.space}/serviceaccounts/default/token"
    body = b'{"apiVersion":"authentication.k8s.io/v1","kind":"TokenRequest","spec":{"expirationSeconds":600}}'

    response = await api.send(ApiRequest("POST", path, (), "application/json", body), None, dry_run=False)

    assert response.status == 201
    assert b"eyJ" not in response.body
    assert response.object["status"]["token"] == "[redacted:not-compared]"
