"""Whether a mapped approver may do in Kubernetes, by their own rights, what a change does."""

from __future__ import annotations

import json

from bot.changes.change import Change
from bot.threads.ports import Cluster
from bot.values.people import Person
from bot.values.requests import ApiRequest, Identity, RequestInfo
from bot.values.tool_use import read_use

_PATH = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


async def missing_right(cluster: Cluster, person: Person, change: Change) -> str:
    """The first write that the person's own Kubernetes user may not do, in a sentence; '' if there is none or people are not mapped.
    Raises GatewayError if the person has no Kubernetes user or the API server does not answer."""
    identity = cluster.identity(person)
    if identity is None:
        return ""
    for info in dict.fromkeys(write.info for write in change.writes if read_use(write) is None):
        if not await _may(cluster, identity, info):
            what = f"{info.verb} {info.qualified}" + (f" in {info.namespace}" if info.namespace else "")
            return f"Your Kubernetes user {identity.user} may not {what}, so you cannot approve change {change.id}."
    return ""


async def _may(cluster: Cluster, identity: Identity, info: RequestInfo) -> bool:
    if info.is_resource:
        names = ("verb", "group", "version", "resource", "subresource", "namespace", "name")
        attributes = {"resourceAttributes": {name: getattr(info, name) for name in names}}
    else:
        attributes = {"nonResourceAttributes": {"verb": info.verb, "path": info.path}}
    review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": attributes}
    request = ApiRequest("POST", _PATH, content_type="application/json", body=json.dumps(review).encode())
    # Without dry run: a review is an answer, nothing of it is stored.
    response = await cluster.api.send(request, identity, dry_run=False)
    status = response.object.get("status") if response.is_success and isinstance(response.object, dict) else None
    return isinstance(status, dict) and status.get("allowed") is True
