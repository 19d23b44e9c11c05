"""Secrets of every common type that hold values found nowhere else, and the search for those values in any encoding."""

from __future__ import annotations

import base64
import gzip
import json
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.e2e.conftest import Cluster
from tests.e2e.parts import until


@dataclass(frozen=True)
class Canary:
    """A value that must stay where it is; `value` is a piece of it that every form of it holds."""

    name: str
    value: str


def make_canary(name: str) -> Canary:
    return Canary(name, secrets.token_hex(16))


def find(canaries: Iterable[Canary], where: bytes) -> list[str]:
    """Which canaries are in there, and how: plain, reversed, hexadecimal, base64 at any offset (once or twice), percent-encoded."""
    found = []
    for canary in canaries:
        plain = canary.value.encode()
        once = _base64(plain)
        forms = {"plain": [plain], "reversed": [plain[::-1]], "hexadecimal": [plain.hex().encode()]}
        forms |= {"base64": once, "base64 twice": [twice for form in once for twice in _base64(form)]}
        forms["percent-encoded"] = [quoted for form in (plain, *once) if (quoted := quote(form, safe="").encode()) != form]
        found += [f"{canary.name}, {how}" for how, needles in forms.items() if any(needle in where for needle in needles)]
    return found


def _base64(text: bytes) -> list[bytes]:
    """What is in the base64 of anything that holds `text`: one entry for each place that it can have in a group of three bytes."""
    aligned = [text[skipped:] for skipped in range(3)]
    return [base64.b64encode(part).rstrip(b"=")[: len(part) * 8 // 6] for part in aligned]


def plant(cluster: Cluster, namespace: str) -> list[Canary]:
    """Makes the Secrets (and a ConfigMap as Helm keeps releases in), by apply, so that a copy is in an annotation too."""
    names = ("password", "registry", "basic", "release", "immutable", "release in a ConfigMap", "annotation")
    canaries = {name: make_canary(name) for name in names}
    value = {name: canary.value for name, canary in canaries.items()}
    tls, ssh = (
        _private_key(ec.generate_private_key(ec.SECP256R1())),
        _private_key(ed25519.Ed25519PrivateKey.generate(), PrivateFormat.OpenSSH),
    )
    login = base64.b64encode(f"robot:{value['registry']}".encode()).decode()
    registry = {"auths": {"registry.example.com": {"username": "robot", "password": value["registry"], "auth": login}}}
    releases = {name: _helm_release(value[name]) for name in ("release", "release in a ConfigMap")}
    objects = [
        _secret("opaque", "Opaque", {"password": value["password"], "url": f"postgres://shop:{value['password']}@db/shop"}),
        _secret("tls", "kubernetes.io/tls", {"tls.crt": "-----BEGIN CERTIFICATE-----\n", "tls.key": tls}),
        _secret("registry", "kubernetes.io/dockerconfigjson", {".dockerconfigjson": json.dumps(registry)}),
        _secret("basic", "kubernetes.io/basic-auth", {"username": "shop", "password": value["basic"]}),
        _secret("ssh", "kubernetes.io/ssh-auth", {"ssh-privatekey": ssh}),
        _secret("account", "kubernetes.io/service-account-token", {}, {"kubernetes.io/service-account.name": "default"}),
        _secret("release", "helm.sh/release.v1", {"release": releases["release"]}),
        {**_secret("fixed", "Opaque", {"password": value["immutable"]}), "immutable": True},
        _secret("noted", "Opaque", {"key": "x"}, {"example.com/connection": f"password={value['annotation']}"}),
    ]
    kept = {"metadata": {"name": "release", "labels": {"owner": "helm"}}, "data": {"release": releases["release in a ConfigMap"]}}
    objects.append({"apiVersion": "v1", "kind": "ConfigMap", **kept})
    cluster.kubectl("-n", namespace, "apply", "-f", "-", stdin="\n---\n".join(json.dumps(item) for item in objects))
    pieces = [Canary("TLS key", _middle(tls)), Canary("SSH key", _middle(ssh))]
    pieces += [Canary(f"{name}, as Helm packs it", packed[16:80]) for name, packed in releases.items()]
    return [*canaries.values(), *pieces]


async def read_account_token(cluster: Cluster, namespace: str) -> list[Canary]:
    """The token that the controller puts into the Secret `account`, in two pieces."""
    path = "jsonpath={.data.token}"
    encoded = await until("the token is there", lambda: cluster.kubectl("-n", namespace, "get", "secret", "account", "-o", path))
    token = base64.b64decode(encoded).decode()
    return [Canary("account token's claims", token.split(".")[1][40:100]), Canary("account token's signature", token[-60:])]


def _secret(name: str, kind: str, values: dict[str, str], annotations: dict[str, str] | None = None) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": name, "annotations": annotations or {}}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": kind, "stringData": values}


def _helm_release(value: str) -> str:
    """A release as Helm stores it: base64 of gzip of JSON (of which a Secret's `data` is the base64 once more)."""
    return base64.b64encode(gzip.compress(json.dumps({"name": "shop", "config": {"password": value}}).encode())).decode()


def _private_key(key: Any, form: PrivateFormat = PrivateFormat.PKCS8) -> str:
    return str(key.private_bytes(Encoding.PEM, form, NoEncryption()).decode())


def _middle(pem: str) -> str:
    """A piece of one line of a key, as every key begins the same."""
    return re.sub(r"-----[^-]+-----", "", pem).strip().splitlines()[1][:48]


def read_all(cluster: Cluster, namespace: str) -> bytes:
    """What the Secrets and ConfigMaps of a namespace really hold, unpacked where Helm packed it: every canary is in there."""
    items = json.loads(cluster.kubectl("-n", namespace, "get", "secrets,configmaps", "-o", "json"))["items"]
    values = [(item["kind"], value.encode()) for item in items for value in (item.get("data") or {}).values()]
    held = [base64.b64decode(value) if kind == "Secret" else value for kind, value in values]
    held += [gzip.decompress(base64.b64decode(value)) for value in held if value.startswith(base64.b64encode(b"\x1f\x8b\x08"))]
    return b"\n".join([*held, *(json.dumps(item["metadata"]).encode() for item in items)])
