"""Whether an admission rule that rejected a dry run would let it pass, were there what the same rehearsal wrote before. Pure.

The words of a rejection name the rule; whom it spares, what its expressions read and which Service stands behind it is in the rule
itself (`admission` reads it).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bot.changes import selectors, trees
from bot.gateway.rehearsal.overlay import Entry, Key
from bot.values.requests import Json, RequestInfo

_NAME = r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?"
POLICY = re.compile(rf"ValidatingAdmissionPolicy '(?P<policy>{_NAME})' with binding '(?P<binding>{_NAME})' denied request: ")
HOOK = re.compile(r'(?:admission webhook|failed calling webhook) "(?P<hook>[^"]+)"')
_LABEL = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
BACKEND = re.compile(
    r"(?:failed to call webhook|conversion webhook for .{1,300}? failed): "
    rf'Post "https://(?P<service>{_LABEL})\.(?P<namespace>{_LABEL})\.svc[:/][^"]*": (?P<said>.*)'
)
"""A webhook that is called through a Service, and does not answer."""
_ABSENT = re.compile(r"not found|no endpoints available|no service port|refused|deadline exceeded|timeout|no route to host|unreachable")
"""What is said where nobody listens; a wrong certificate is another matter."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What the cluster has of the rule that rejected a write."""

    policy: Json = None
    binding: Json = None
    hooks: tuple[Json, ...] = ()
    """Webhooks of this name, of whatever configuration."""
    service: Json = None
    """What stands behind a webhook that does not answer."""


def find_relief(words: str, info: RequestInfo, entries: Sequence[Entry], rule: Rule, *, is_delete: bool) -> Entry | None:
    """The written object with which the rule would have judged otherwise, the latest of several; None if there is none. `info` names
    the object of the rejected write, for a subresource its parent."""
    for entry in reversed(entries):
        if _is_spared(entry, info, rule) or _is_read(entry, info, rule) or _sets_parameter(entry, info, rule):
            return entry
        if _serves(entry, words, entries, rule) or (is_delete and _is_asked_for(entry, info, words, rule)):
            return entry
    return None


def _is_spared(entry: Entry, info: RequestInfo, rule: Rule) -> bool:
    """Whether the rule selects by labels that the namespace, or the object itself, no longer has."""
    if entry.live is None or entry.current is None:
        return False
    before, after = _labels(entry.live), _labels(entry.current)
    for field in _roles(entry, info, "namespaceSelector", "objectSelector"):
        of_policy = (trees.part(rule.policy, "spec", "matchConstraints"), trees.part(rule.binding, "spec", "matchResources"))
        if any(selectors.matches(one.get(field), before) and not selectors.matches(one.get(field), after) for one in of_policy):
            return True
        applied = [one for one in (hook.get(field) or {} for hook in rule.hooks) if selectors.matches(one, before)]
        if applied and not any(selectors.matches(one, after) for one in applied):
            return True
    return False


def _is_read(entry: Entry, info: RequestInfo, rule: Rule) -> bool:
    """Whether an expression of the policy reads what the rehearsal changed of the namespace, or of the object as it was before."""
    if entry.live is None or entry.current is None:
        return False
    said = "\n".join(_expressions(rule.policy))
    return any(name in said for name in _roles(entry, info, "namespaceObject", "oldObject")) and any(
        _mentions(said, name) for name in _changed_names(entry.live, entry.current)
    )


def _roles(entry: Entry, info: RequestInfo, as_namespace: str, as_object: str) -> Iterator[str]:
    """What the written object is to the rejected write: its namespace, the object itself, both (a namespace) or neither."""
    if entry.key == Key("", "namespaces", "", info.namespace):
        yield as_namespace
    if entry.key == Key.of(info):
        yield as_object


def _expressions(policy: Json) -> Iterator[str]:
    for field in ("validations", "matchConditions", "variables"):
        for one in trees.entries(policy, "spec", field):
            yield trees.text(one, "expression")


def _sets_parameter(entry: Entry, info: RequestInfo, rule: Rule) -> bool:
    """Whether this is a parameter of the policy, and another one than before."""
    kind, reference = trees.part(rule.policy, "spec", "paramKind"), trees.part(rule.binding, "spec", "paramRef")
    group, is_grouped, _ = trees.text(kind, "apiVersion").partition("/")
    if not kind or (entry.kind, entry.key.group) != (kind.get("kind"), group if is_grouped else ""):
        return False
    if entry.key.namespace not in ("", trees.text(reference, "namespace") or info.namespace):
        return False
    if name := trees.text(reference, "name"):
        return entry.key.name == name and bool(_content(entry.live) != _content(entry.current))
    chosen = [item if selectors.matches(reference.get("selector"), _labels(item)) else None for item in (entry.live, entry.current)]
    return bool(_content(chosen[0]) != _content(chosen[1]))


def _serves(entry: Entry, words: str, entries: Sequence[Entry], rule: Rule) -> bool:
    """Whether a webhook that nobody answers for gets its Service, or pods that stand behind it."""
    found = BACKEND.search(words)
    if found is None or entry.current is None or entry.key.namespace != found["namespace"] or not _ABSENT.search(found["said"]):
        return False
    kind = (entry.key.group, entry.key.resource)
    if kind == ("", "services"):
        return entry.key.name == found["service"] and _spec(entry.live) != _spec(entry.current)
    if kind == ("discovery.k8s.io", "endpointslices"):
        is_its = _labels(entry.current).get("kubernetes.io/service-name") == found["service"]
        return is_its and trees.entries(entry.live, "endpoints") != trees.entries(entry.current, "endpoints")
    key = Key("", "services", found["namespace"], found["service"])
    service = next((one.current for one in entries if one.key == key), rule.service)
    chosen = trees.texts(service, "spec", "selector")
    return bool(chosen) and chosen.items() <= _pod_labels(entry).items() and _brings_up_pods(entry)


def _pod_labels(entry: Entry) -> dict[str, str]:
    if (entry.key.group, entry.key.resource) == ("", "pods"):
        return _labels(entry.current)
    return trees.texts(entry.current, "spec", "template", "metadata", "labels")


def _brings_up_pods(entry: Entry) -> bool:
    """Whether there are pods where there were none, more of them, or other ones."""
    before, after = (trees.number(item, "spec", "replicas", default=0 if item is None else 1) for item in (entry.live, entry.current))
    is_other = trees.part(entry.live, "spec").get("template") != trees.part(entry.current, "spec").get("template")
    return after > before or (after > 0 and is_other)


def _is_asked_for(entry: Entry, info: RequestInfo, words: str, rule: Rule) -> bool:
    """Whether a webhook forbids to delete the object and speaks of something that the rehearsal changed of it: an annotation that allows
    it. A dry run shows the webhook the object as the cluster has it."""
    if not rule.hooks or entry.key != Key.of(info) or entry.live is None or entry.current is None:
        return False
    return any(_mentions(words, name) for name in _changed_names(entry.live, entry.current))


_UNSET = object()
_SERVER_SET = frozenset({"managedFields", "resourceVersion", "generation", "status"})


def _changed_names(before: Json, after: Json) -> Iterator[str]:
    """The keys of the fields that differ, without those around them."""
    if not isinstance(before, dict) or not isinstance(after, dict):
        for item in (before, after):
            if isinstance(item, dict):
                yield from (str(key) for key in item)
        return
    for key in before.keys() | after.keys():
        old, new = before.get(key, _UNSET), after.get(key, _UNSET)
        if old == new or key in _SERVER_SET:
            continue
        if not (isinstance(old, dict) and isinstance(new, dict)):
            yield str(key)
        yield from _changed_names(old, new)


def _mentions(text: str, name: str) -> bool:
    """Whether the text has the name as a word of its own: `labels.tier`, `labels['example.com/tier']`."""
    return re.search(rf"(?<![\w/-]){re.escape(name)}(?![\w/-])", text) is not None


def _labels(item: Json) -> dict[str, str]:
    return trees.texts(item, "metadata", "labels")


def _spec(item: Json) -> Mapping[str, Json]:
    return trees.part(item, "spec")


def _content(item: Json) -> Json:
    """What a parameter says; None of one that is not there."""
    return None if item is None else {key: value for key, value in item.items() if key not in ("metadata", "status")}
