"""Fields that the API server fills in by itself: they would only hide what somebody asked for, so they are folded into one. Pure.

Sources: `SetDefaults_*` of `k8s.io/kubernetes/pkg/apis/*/v1/defaults.go`, the strategies and admission plugins of the same tree.
"""

from __future__ import annotations

import re

from bot.changes import bodies
from bot.changes.change import FieldDiff
from bot.values.requests import ApiRequest, Json

FOLDED = "(defaults)"
"""The path of the one field that holds all folded ones: path → value. Nothing that would change is left out."""

_RBAC = ("rbac.authorization.k8s.io",)
_VALUES: dict[str, tuple[Json, ...]] = {
    "allocateLoadBalancerNodePorts": (True,),
    "backoffLimit": (6,),
    "clientIP.timeoutSeconds": (10800,),
    "completionMode": ("NonIndexed",),
    "completions": (1,),
    "concurrencyPolicy": ("Allow",),
    "defaultMode": (420,),
    "dnsPolicy": ("ClusterFirst",),
    "enableServiceLinks": (True,),
    "externalTrafficPolicy": ("Cluster",),
    "failedJobsHistoryLimit": (1,),
    "failureThreshold": (3,),
    "fieldRef.apiVersion": ("v1",),
    "imagePullPolicy": ("IfNotPresent", "Always"),
    "internalTrafficPolicy": ("Cluster",),
    "ipFamilies": (["IPv4"], ["IPv6"]),
    "ipFamilyPolicy": ("SingleStack",),
    "manualSelector": (False,),
    "parallelism": (1,),
    "periodSeconds": (10,),
    "persistentVolumeClaimRetentionPolicy.whenDeleted": ("Retain",),
    "persistentVolumeClaimRetentionPolicy.whenScaled": ("Retain",),
    "podManagementPolicy": ("OrderedReady",),
    "policies.periodSeconds": (15,),
    "policies.value": (100, 4),
    "podReplacementPolicy": ("TerminatingOrFailed",),
    "preemptionPolicy": ("PreemptLowerPriority",),
    "priority": (0,),
    "progressDeadlineSeconds": (600,),
    "protocol": ("TCP",),
    "replicas": (1,),
    "resources": ({},),
    "restartPolicy": ("Always",),
    "revisionHistoryLimit": (10,),
    "roleRef.apiGroup": _RBAC,
    "rollingUpdate.maxSurge": ("25%", 0),
    "rollingUpdate.maxUnavailable": ("25%", 1),
    "rollingUpdate.partition": (0,),
    "scaleUp.stabilizationWindowSeconds": (0,),
    "schedulerName": ("default-scheduler",),
    "scheme": ("HTTP",),
    "securityContext": ({},),
    "selectPolicy": ("Max",),
    "serviceAccountName": ("default",),
    "sessionAffinity": ("None",),
    "spec.type": ("ClusterIP",),
    "strategy": ({},),
    "strategy.type": ("RollingUpdate",),
    "subjects.apiGroup": _RBAC,
    "successThreshold": (1,),
    "successfulJobsHistoryLimit": (3,),
    "suspend": (False,),
    "terminationGracePeriodSeconds": (30,),
    "terminationMessagePath": ("/dev/termination-log",),
    "terminationMessagePolicy": ("File",),
    "timeoutSeconds": (1,),
    "updateStrategy.type": ("RollingUpdate",),
    "volumeMode": ("Filesystem",),
}
"""By the field's name, or by the name above it and its own."""
_MADE = re.compile(
    r'metadata\.labels\["kubernetes\.io/metadata\.name"\]'
    r"|spec\.finalizers|metadata\.finalizers"
    r'|(spec\.template\.)?metadata\.labels(\["batch\.kubernetes\.io/job-name"\]|\.job-name)'
    r"|spec\.tolerations\[node\.kubernetes\.io/(not-ready|unreachable)/NoExecute\]\.(operator|tolerationSeconds)"
)
_MADE_VALUES: tuple[Json, ...] = (["kubernetes"], ["kubernetes.io/pvc-protection"], ["kubernetes.io/pv-protection"], "Exists", 300)
_BRACKETS = re.compile(r"\[[^\]]*\]")


def is_default(field: FieldDiff, request: ApiRequest, name: str) -> bool:
    """Whether an added field holds what the server puts there when nobody asks for anything, and nobody did. `name` is the object's."""
    if field.op != "add":
        return False
    above, _, key = _BRACKETS.sub("", field.path).rpartition(".")
    if _MADE.fullmatch(field.path):
        return (field.new == name or field.new in _MADE_VALUES) and not _asks_for(request, above, key)
    parent = above.rpartition(".")[2]
    known = _VALUES.get(f"{parent}.{key}", _VALUES.get(key, ()))
    if not any(field.new == value and type(field.new) is type(value) for value in known):
        return False
    return field.new == {} or not _asks_for(request, parent, key)


def _asks_for(request: ApiRequest, parent: str, key: str) -> bool:
    """Whether the body sets such a field. One that cannot be read, or is a list of operations, is searched for its name."""
    asked = bodies.as_object(request)
    return bodies.mentions(request, key) if asked is None else _sets(asked, parent.rpartition(".")[2], key, "")


def _sets(item: Json, parent: str, key: str, above: str) -> bool:
    if isinstance(item, dict):
        if above == parent and item.get(key) is not None:
            return True
        return any(_sets(value, parent, key, name) for name, value in item.items())
    return isinstance(item, list) and any(_sets(entry, parent, key, above) for entry in item)
