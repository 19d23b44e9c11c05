"""Whether a dry run may have been rejected because of what the same rehearsal wrote before: the API server does not know of it. Pure.

The rejection's own words and a written object must say so together: a quota that the message names and that the rehearsal enlarged, a
port that the message calls taken and whose Service it deleted. A write that changes nothing of what was decided on is no cause.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from bot.changes import quantities
from bot.gateway.rehearsal.exempting import HOOK, POLICY
from bot.gateway.rehearsal.granting import LACKING, gives
from bot.gateway.rehearsal.overlay import Entry, Key
from bot.values.groups import BUILT_IN
from bot.values.requests import ApiResponse, Json, RequestInfo

_Kind = tuple[str, str]
"""Group and resource."""
_RBAC = "rbac.authorization.k8s.io"
_ADMISSION = "admissionregistration.k8s.io"
_NAMESPACES: _Kind = ("", "namespaces")
_MISSING = re.compile(r"not found|no .* found|does not exist|could not find|unable to find", re.IGNORECASE)
_QUOTES = ('"{}"', "/{}:", "/{} ", " name {} ")
_POD_SECURITY = "pod-security.kubernetes.io/enforce"
_LEVELS = ("privileged", "baseline", "restricted")
_CLAIMS = re.compile(r"persistentvolumeclaims|requests\.storage|.*\.storageclass\.storage\.k8s\.io/.*")
_COMPUTE = re.compile(r"cpu|memory|ephemeral-storage|hugepages-.*|(?:requests|limits)\..*")


@dataclass(frozen=True, slots=True)
class _Case:
    """Words of a rejection, and a written object that they may be about."""

    found: re.Match[str]
    entry: Entry
    info: RequestInfo
    """Names the object of the rejected write."""


@dataclass(frozen=True, slots=True)
class _Rule:
    """Rejections with one of these statuses (none: any) and these words may come from a write of one of these kinds (none: any) that
    `is_cause`."""

    words: re.Pattern[str]
    is_cause: Callable[[_Case], bool]
    statuses: tuple[int, ...] = ()
    kinds: tuple[_Kind, ...] = ()
    counts_own: bool = False
    """Whether an earlier write of the same object may be the cause."""


def find_cause(response: ApiResponse, info: RequestInfo, entries: Sequence[Entry]) -> Entry | None:
    """The written object that this rejection may come from, the latest of several; None if there is none, so that the rejection is
    real. `info` names the object of the rejected write, for a subresource its parent."""
    own = Key.of(info)
    for rule in _RULES:
        if rule.statuses and response.status not in rule.statuses:
            continue
        suspects = [e for e in entries if (not rule.kinds or _kind(e) in rule.kinds) and (rule.counts_own or e.key != own)]
        for found in rule.words.finditer(response.message):
            for entry in reversed(suspects):
                if rule.is_cause(_Case(found, entry, info)):
                    return entry
    return None


def _kind(entry: Entry) -> _Kind:
    return entry.key.group, entry.key.resource


def _part(item: Json, *path: str) -> Json:
    for name in path:
        item = item.get(name) if isinstance(item, dict) else None
    return item


def _changes(entry: Entry, *path: str) -> bool:
    """Whether the rehearsal changed this part of the object, by making or deleting it too."""
    return bool(_part(entry.live, *path) != _part(entry.current, *path))


def _is_here(case: _Case) -> bool:
    return case.entry.key.namespace == case.info.namespace


def _is_made(case: _Case) -> bool:
    """A service account, role, class… that is missing, and that the rehearsal has made."""
    return case.entry.is_new and any(quote.format(case.entry.key.name) in case.found.string for quote in _QUOTES)


def _frees_quota(case: _Case) -> bool:
    """The quota is gone or large enough by now, or something that it counts is gone."""
    asked, used = _amounts(case.found["asked"]), _amounts(case.found["used"])
    if not _is_here(case):
        return False
    if _kind(case.entry) != ("", "resourcequotas"):
        return case.entry.live is not None and case.entry.current is None and any(_counts(name, case.entry) for name in asked)
    if case.entry.key.name != case.found["name"] or not _changes(case.entry, "spec"):
        return False
    if any(_changes(case.entry, "spec", part) for part in ("scopes", "scopeSelector")):
        return True
    hard = _part(case.entry.current, "spec", "hard") or {}
    limits = {name: quantities.parse(hard.get(name)) for name in asked}
    return all(limit is None or limit >= (asked[name] or 0) + (used.get(name) or 0) for name, limit in limits.items())


def _amounts(text: str) -> dict[str, Fraction | None]:
    """`pods=1,requests.cpu=500m` → numbers by name."""
    pairs = (piece.partition("=") for piece in text.split(","))
    return {name.strip(): quantities.parse(value) for name, _, value in pairs}


def _counts(name: str, entry: Entry) -> bool:
    """Whether a quota of this name counts objects of this kind."""
    group, resource = _kind(entry)
    if name.startswith("count/"):
        return name.removeprefix("count/") == (f"{resource}.{group}" if group else resource)
    if group:
        return False
    if _CLAIMS.fullmatch(name):
        return resource == "persistentvolumeclaims"
    if _COMPUTE.fullmatch(name):
        return resource == "pods"
    return name.partition(".")[0] == resource


def _is_that_quota(case: _Case) -> bool:
    return _is_here(case) and case.entry.key.name == case.found["name"] and _changes(case.entry, "spec")


def _has_other_spec_here(case: _Case) -> bool:
    return _is_here(case) and _changes(case.entry, "spec")


def _frees_port(case: _Case) -> bool:
    held = int(case.found["held"])
    return held in _ports(case.entry.live) and (_is_own(case) or held not in _ports(case.entry.current))


def _ports(service: Json) -> set[Json]:
    ports = _part(service, "spec", "ports") or ()
    return {port.get("nodePort") for port in ports} | {_part(service, "spec", "healthCheckNodePort")}


def _is_own(case: _Case) -> bool:
    """Whether the object stands in its own way: it was deleted, and is made again with what it had."""
    return case.entry.key == Key.of(case.info) and (case.entry.current is None or case.entry.is_new)


def _is_that_policy(case: _Case) -> bool:
    name = case.found["policy"] if case.entry.key.resource == "validatingadmissionpolicies" else case.found["binding"]
    return case.entry.key.name == name and _changes(case.entry, "spec")


def _holds_that_webhook(case: _Case) -> bool:
    before, after = (
        [hook for hook in _part(item, "webhooks") or () if hook.get("name") == case.found["hook"]]
        for item in (case.entry.live, case.entry.current)
    )
    return bool(before) and before != after


def _is_rule_of_policy_engine(case: _Case) -> bool:
    """Policy engines keep their rules in custom resources, and name the one that was broken."""
    is_named = re.search(rf"(?<![\w.-]){re.escape(case.entry.key.name)}(?![\w-])", case.found["said"]) is not None
    return case.entry.key.group not in BUILT_IN and is_named and case.entry.live is not None and _changes(case.entry, "spec")


def _relaxes_pod_security(case: _Case) -> bool:
    """Whether the namespace has a lower level by now, or the same one of another version. Without a label the server's own default holds,
    which may be any."""
    before, after = ((_part(item, "metadata", "labels") or {}) for item in (case.entry.live, case.entry.current))
    was, now = before.get(_POD_SECURITY), after.get(_POD_SECURITY)
    if case.entry.key.name != case.info.namespace:
        return False
    if was == now:
        return before.get(f"{_POD_SECURITY}-version") != after.get(f"{_POD_SECURITY}-version")
    return was not in _LEVELS or now not in _LEVELS or _LEVELS.index(now) < _LEVELS.index(was)


def _grants(case: _Case) -> bool:
    return case.entry.key.namespace in ("", case.info.namespace) and gives(case.entry, case.found)


def _serves_otherwise(case: _Case) -> bool:
    return (
        case.entry.key.name == f"{case.info.resource}.{case.info.group}"
        and case.entry.live is not None
        and _changes(case.entry, "spec", "versions")
    )


def _lets_claims_grow(case: _Case) -> bool:
    return _part(case.entry.current, "allowVolumeExpansion") is True and _changes(case.entry, "allowVolumeExpansion")


def _is_default_no_more(case: _Case) -> bool:
    return (
        case.entry.key.name == case.found["name"]
        and _part(case.entry.current, "globalDefault") is not True
        and _changes(case.entry, "globalDefault")
    )


_GRANTED = tuple((_RBAC, name) for name in ("roles", "clusterroles", "rolebindings", "clusterrolebindings"))
_RULES = (
    _Rule(_MISSING, _is_made, (400, 403, 404, 422)),
    _Rule(
        re.compile(r"exceeded quota: (?P<name>[^,\s]+), requested: (?P<asked>\S+), used: (?P<used>\S+), limited: "),
        _frees_quota,
        (403,),
    ),
    _Rule(
        re.compile(r"(?:failed quota|status unknown for quota): (?P<name>[^,:\s]+)[,:]"),
        _is_that_quota,
        (403,),
        (("", "resourcequotas"),),
    ),
    _Rule(re.compile(r"failed quota: \S+: must specify "), _has_other_spec_here, (403,), (("", "limitranges"),)),
    _Rule(
        re.compile(r"(?:maximum|minimum) \S+ usage per \S+ is|max limit to request ratio per"),
        _has_other_spec_here,
        (403,),
        (("", "limitranges"),),
    ),
    _Rule(re.compile(r"(?P<held>\d+): provided port is already allocated"), _frees_port, (422, 500), (("", "services"),), counts_own=True),
    _Rule(
        POLICY,
        _is_that_policy,
        (),
        ((_ADMISSION, "validatingadmissionpolicies"), (_ADMISSION, "validatingadmissionpolicybindings")),
    ),
    _Rule(
        HOOK,
        _holds_that_webhook,
        (),
        ((_ADMISSION, "validatingwebhookconfigurations"), (_ADMISSION, "mutatingwebhookconfigurations")),
    ),
    _Rule(re.compile(r'admission webhook "[^"]+" denied the request: (?P<said>.*)', re.DOTALL), _is_rule_of_policy_engine),
    _Rule(re.compile(r'violates PodSecurity "'), _relaxes_pod_security, (403,), (_NAMESPACES,)),
    _Rule(LACKING, _grants, (403,), _GRANTED),
    _Rule(
        re.compile(r"is invalid:|unknown field|could not find the requested resource"),
        _serves_otherwise,
        (400, 404, 422),
        (("apiextensions.k8s.io", "customresourcedefinitions"),),
    ),
    _Rule(
        re.compile("only dynamically provisioned pvc can be resized"),
        _lets_claims_grow,
        (403,),
        (("storage.k8s.io", "storageclasses"),),
    ),
    _Rule(
        re.compile(r"PriorityClass (?P<name>\S+) is already marked as default"),
        _is_default_no_more,
        (403,),
        (("scheduling.k8s.io", "priorityclasses"),),
    ),
    _Rule(
        re.compile("more than one PodDisruptionBudget"),
        _has_other_spec_here,
        (500,),
        (("policy", "poddisruptionbudgets"),),
    ),
)
