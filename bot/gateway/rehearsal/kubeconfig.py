"""The kubeconfig of one rehearsal: the gateway's address and CA, a token, nothing else. Pure."""

from __future__ import annotations

import base64

import orjson


def render(server: str, ca_pem: str, token: str, namespace: str, cluster: str) -> str:
    """A kubeconfig (JSON, which is YAML too) for a client of the gateway."""
    authority = base64.b64encode(ca_pem.encode()).decode()
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": cluster, "cluster": {"server": server, "certificate-authority-data": authority}}],
        "users": [{"name": "rehearsal", "user": {"token": token}}],
        "contexts": [{"name": cluster, "context": {"cluster": cluster, "user": "rehearsal", "namespace": namespace}}],
        "current-context": cluster,
    }
    return orjson.dumps(config, option=orjson.OPT_INDENT_2).decode() + "\n"
