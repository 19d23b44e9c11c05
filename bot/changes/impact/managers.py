"""Who else writes an object, and will set it back: a controller, an operator, GitOps, a chart. Pure.

Sources: Argo CD's resource tracking (label, or annotation `tracking-id`), Flux's labels, Helm's `meta.helm.sh` annotations,
`metadata.managedFields` and `ownerReferences` of the Kubernetes API.
"""

from __future__ import annotations

import re
from typing import Any

from bot.changes import trees
from bot.values.groups import BUILT_IN

_ARGO_TRACKING = "argocd.argoproj.io/tracking-id"
_ARGO_INSTANCE = "argocd.argoproj.io/instance"
_INSTANCE = "app.kubernetes.io/instance"
_ARGO_MANAGERS = frozenset({"argocd-controller", "argocd-application-controller"})
_FLUX = {"kustomize.toolkit.fluxcd.io": "Kustomization", "helm.toolkit.fluxcd.io": "HelmRelease"}
_FLUX_MANAGERS = {"kustomize-controller": "Kustomization", "helm-controller": "HelmRelease"}
_BY_HAND = re.compile(
    r"kubectl|k9s|lens|helm$|node-fetch$|python|before-first-apply|kube-|unknown|Mozilla|curl|okhttp|terraform", re.IGNORECASE
)
"""Field managers of people's tools and of Kubernetes itself: they apply once, nothing of them sets a field back by itself."""


def controller(item: dict[str, Any]) -> dict[str, Any] | None:
    """The owner that controls the object, if one does."""
    return next((owner for owner in trees.entries(item, "metadata", "ownerReferences") if owner.get("controller")), None)


def is_built_in(owner: dict[str, Any] | None) -> bool:
    """Whether it is one of Kubernetes itself, whose controller does what its documentation says."""
    return owner is not None and bool(owner.get("apiVersion")) and trees.text(owner, "apiVersion").rpartition("/")[0] in BUILT_IN


def name_of(owner: dict[str, Any]) -> str:
    """`ReplicaSet web-7c9f`, `Widget a (example.com)`"""
    group = trees.text(owner, "apiVersion").rpartition("/")[0]
    return f"{owner.get('kind')} {owner.get('name')}" + (f" ({group})" if group not in BUILT_IN else "")


def describe(item: dict[str, Any], *, is_gone: bool = False, is_certain: bool = True) -> str:
    """`managed by Argo CD (application shop): will be reverted at its next sync`; '' if nobody is known to.

    `is_gone`: the object is deleted. `is_certain`: more than added fields, which are left alone by who does not know them.
    """
    may = "will" if is_certain or is_gone else "may"
    reverts = f"{may} be {'brought back' if is_gone else 'reverted'}"
    owner = controller(item)
    if owner is not None:
        return f"owned by {name_of(owner)}: {reverts} by its {'controller' if is_built_in(owner) else 'operator'}"
    found = _argo(item) or _flux(item)
    if found:
        return f"{found[0]}: {reverts} {found[1]}"
    found = _helm(item) or _operator(item)
    return f"{found[0]}: {'may be brought back' if is_gone else 'may be reverted'} {found[1]}" if found else ""


_Manager = tuple[str, str]
"""Who it is, and when it sets things back."""


def _argo(item: dict[str, Any]) -> _Manager | None:
    labels, annotations = trees.texts(item, "metadata", "labels"), trees.texts(item, "metadata", "annotations")
    application = annotations.get(_ARGO_TRACKING, "").partition(":")[0] or labels.get(_ARGO_INSTANCE, "")
    is_synced = any(entry.get("manager") in _ARGO_MANAGERS for entry in _appliers(item))
    if not application and (is_synced or any(key.startswith("argocd.argoproj.io/") for key in annotations)):
        application = labels.get(_INSTANCE, "")
    if not application and not is_synced:
        return None
    return f"managed by Argo CD{f' (application {application})' if application else ''}", "at its next sync"


def _flux(item: dict[str, Any]) -> _Manager | None:
    labels = trees.texts(item, "metadata", "labels")
    for prefix, kind in _FLUX.items():
        if name := labels.get(f"{prefix}/name"):
            namespace = labels.get(f"{prefix}/namespace")
            return f"managed by Flux ({kind} {f'{namespace}/{name}' if namespace else name})", "when it reconciles"
    for entry in _appliers(item):
        if by := _FLUX_MANAGERS.get(str(entry.get("manager"))):
            return f"managed by Flux (a {by})", "when it reconciles"
    return None


def _helm(item: dict[str, Any]) -> _Manager | None:
    release = trees.texts(item, "metadata", "annotations").get("meta.helm.sh/release-name", "")
    if not release and trees.texts(item, "metadata", "labels").get("app.kubernetes.io/managed-by") != "Helm":
        return None
    return f"managed by Helm{f' (release {release})' if release else ''}", "by its next upgrade"


def _operator(item: dict[str, Any]) -> _Manager | None:
    """What applies the object server-side and is no person's tool does it again and again."""
    for entry in _appliers(item):
        name = str(entry.get("manager") or "")
        if entry.get("operation") == "Apply" and name and not entry.get("subresource") and not _BY_HAND.search(name):
            return f"applied by {name}", "by it"
    manager = trees.texts(item, "metadata", "labels").get("app.kubernetes.io/managed-by", "")
    return (f"managed by {manager}", "by it") if manager.endswith(("-operator", "-controller")) else None


def _appliers(item: dict[str, Any]) -> list[dict[str, Any]]:
    return trees.entries(item, "metadata", "managedFields")
