"""What becomes of a request: read, review, write, credential, connect, or refused. Pure; nothing undecided is forwarded."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bot.values.requests import RequestInfo


class Kind(StrEnum):
    """The ways a request can go."""

    READ = "read"
    """Passed to the API server as it is."""
    REVIEW = "review"
    """A POST that asks a question and stores nothing (`kubectl auth can-i`)."""
    WRITE = "write"
    """Sent as a dry run, and recorded."""
    CREDENTIAL = "credential"
    """Would issue a credential, or let one be issued: recorded, never sent, not even as a dry run."""
    CONNECT = "connect"
    """A stream into a container, pod, node or service, which cannot be dry-run."""
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a request; for REFUSED, the HTTP status and one sentence that says why."""

    kind: Kind
    status: int = 0
    reason: str = ""


_REVIEWS = frozenset(
    {
        ("authorization.k8s.io", "selfsubjectaccessreviews"),
        ("authorization.k8s.io", "selfsubjectrulesreviews"),
        ("authorization.k8s.io", "subjectaccessreviews"),
        ("authorization.k8s.io", "localsubjectaccessreviews"),
        ("authentication.k8s.io", "selfsubjectreviews"),
        ("authentication.k8s.io", "tokenreviews"),
    }
)
_STREAMS = frozenset({"exec", "attach", "portforward", "proxy"})
"""Subresources that open a stream, whatever they belong to: other API groups (of virtual machines) have them too."""
_KUBELET_READS = frozenset({"healthz", "metrics", "metrics/cadvisor", "metrics/probes", "metrics/resource", "stats/summary"})
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
_WRITE_VERBS = frozenset({"create", "update", "patch", "delete", "deletecollection"})


def decide(method: str, info: RequestInfo, *, upgrade: bool) -> Decision:
    """Decides on one request. `upgrade` says whether the client wants another protocol than HTTP."""
    if method not in _METHODS:
        return Decision(Kind.REFUSED, 405, f"The method {method[:20]} is not one that the Kubernetes API has.")
    if is_connect(info) and (upgrade or not _asks_kubelet(method, info)):
        return Decision(Kind.CONNECT)
    if upgrade:
        return Decision(Kind.REFUSED, 400, "The gateway does not upgrade this request: use a plain HTTP watch.")
    if not info.is_resource:
        if method in ("GET", "HEAD"):
            return Decision(Kind.READ)
        return Decision(Kind.REFUSED, 405, f"{method} on {info.path} is not a request for a resource, so it cannot be rehearsed.")
    if info.verb in ("get", "list", "watch") and method in ("GET", "HEAD"):  # of connects, only what asks a kubelet comes here
        return Decision(Kind.READ)
    if info.verb not in _WRITE_VERBS:
        return Decision(Kind.REFUSED, 405, f"{method} on {info.path} has no meaning that the gateway knows.")
    return _decide_write(method, info)


def is_connect(info: RequestInfo) -> bool:
    """Whether the request opens a stream or a proxy, by whatever method."""
    if not info.is_resource:
        return False
    return info.verb == "proxy" or info.subresource in _STREAMS


def _asks_kubelet(method: str, info: RequestInfo) -> bool:
    """Whether it is a look at a kubelet's own figures (`kubectl get --raw /api/v1/nodes/n1/proxy/stats/summary`): other paths run commands
    there. A name with a colon may choose another port, where anything may listen."""
    if method not in ("GET", "HEAD") or (info.group, info.resource, info.subresource) != ("", "nodes", "proxy") or ":" in info.name:
        return False
    return info.path.removeprefix(f"/api/v1/nodes/{info.name}/proxy/") in _KUBELET_READS


def _decide_write(method: str, info: RequestInfo) -> Decision:
    if method == "POST" and not info.subresource and not info.name and (info.group, info.resource) in _REVIEWS:
        return Decision(Kind.REVIEW)
    if info.group == "" and (info.resource, info.subresource) == ("serviceaccounts", "token"):
        return Decision(Kind.CREDENTIAL)
    if info.resource == "certificatesigningrequests" and info.subresource in ("approval", "status"):
        return Decision(Kind.CREDENTIAL)
    if (method == "POST" and info.name and not info.subresource) or (method in ("PUT", "PATCH") and not info.name):
        return Decision(Kind.REFUSED, 405, f"{method} on {info.path} is not a request that the Kubernetes API has.")
    return Decision(Kind.WRITE)
