"""A Secret in every form the API server shows it, and whether a value of it is left in what is shown."""

from __future__ import annotations

import base64
import json
from typing import Any

import orjson

from bot.gateway.hiding.redaction import Redactor
from bot.values.requests import RequestInfo

CANARY = "c4n4ry-S3cr3t-value"


REDACTOR = Redactor(b"salt of this test")


SECRETS = RequestInfo("list", True, "/api/v1/namespaces/shop/secrets", "", "v1", "secrets", "", "shop")


CONFIG_MAPS = RequestInfo("list", True, "/api/v1/namespaces/shop/configmaps", "", "v1", "configmaps", "", "shop")


PODS = RequestInfo("list", True, "/api/v1/namespaces/shop/pods", "", "v1", "pods", "", "shop")


WORKS = RequestInfo(
    "get", True, "/apis/work.open-cluster-management.io/v1/namespaces/a/manifestworks/x", "work.open-cluster-management.io", "v1"
)


LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


DATA = {
    "Opaque": {"password": CANARY},
    "kubernetes.io/tls": {"tls.crt": "-----BEGIN CERTIFICATE-----", "tls.key": f"-----BEGIN PRIVATE KEY-----\n{CANARY}"},
    "kubernetes.io/dockerconfigjson": {".dockerconfigjson": json.dumps({"auths": {"r": {"auth": CANARY}}})},
    "kubernetes.io/basic-auth": {"username": "app", "password": CANARY},
    "kubernetes.io/ssh-auth": {"ssh-privatekey": CANARY},
    "kubernetes.io/service-account-token": {"token": f"eyJ.{CANARY}", "namespace": "shop"},
    "bootstrap.kubernetes.io/token": {"token-id": "abcdef", "token-secret": CANARY},
    "helm.sh/release.v1": {"release": b64(CANARY)},
}


def secret(kind: str, *, annotated: bool = True) -> dict[str, Any]:
    data = {key: b64(value) for key, value in DATA[kind].items()}
    applied = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db", "annotations": {}}, "type": kind, "data": data}
    applied["stringData"] = {"more": CANARY}
    annotations = {LAST_APPLIED: json.dumps(applied) + "\n"} if annotated else {"team": "shop"}
    managed = [{"manager": "kubectl", "fieldsV1": {"f:data": {"f:password": {}}}}]
    metadata = {"name": "db", "namespace": "shop", "resourceVersion": "7", "annotations": annotations, "managedFields": managed}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": kind, "data": data}


def partial(item: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": item["metadata"]}


def without_kind(item: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in item.items() if key not in ("kind", "apiVersion")}


def table(item: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "Table", "apiVersion": "meta.k8s.io/v1", "rows": [{"cells": ["db", "Opaque", 1, "5d"], "object": item}]}


FORMS = {
    "single": lambda item: item,
    "typed list": lambda item: {"kind": "SecretList", "apiVersion": "v1", "items": [without_kind(item), item]},
    "mixed list": lambda item: {"kind": "List", "apiVersion": "v1", "items": [{"kind": "Pod", "metadata": {"name": "x"}}, item]},
    "bare list": lambda item: [item],
    "table of objects": table,
    "table of metadata": lambda item: table(partial(item)),
    "metadata": partial,
    "metadata list": lambda item: {"kind": "PartialObjectMetadataList", "items": [without_kind(partial(item))]},
    "watch event": lambda item: {"type": "MODIFIED", "object": item},
    "watch of tables": lambda item: {"type": "ADDED", "object": table(item)},
    "watch of metadata": lambda item: {"type": "ADDED", "object": partial(item)},
    "write body": lambda item: {"data": item["data"], "stringData": {"x": CANARY}},
}


def leaks(shown: Any) -> bool:
    """Whether the canary is in it, plainly or in base64 (once or twice, wherever it begins)."""
    text = orjson.dumps(shown)
    for _ in range(3):
        if CANARY.encode() in text or any(part in text for part in encodings(CANARY.encode())):
            return True
        text = b" ".join(_decoded(word) for word in text.replace(b'\\"', b'"').split(b'"'))
    return False


def encodings(data: bytes) -> list[bytes]:
    return [base64.b64encode(data[skip:])[:16] for skip in range(3)]


def _decoded(word: bytes) -> bytes:
    try:
        return base64.b64decode(word, validate=True)
    except ValueError:
        return b""
