"""Finds Secrets in whatever form the API server shows them, and replaces what they hold. Pure; unchanged parts are shared, not copied."""

from __future__ import annotations

import binascii
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson

from bot.values.groups import BUILT_IN
from bot.values.requests import Json, RequestInfo

Mark = Callable[[bytes], str]
"""The marker of a value."""


@dataclass(frozen=True, slots=True)
class Marks:
    """What stands for what is hidden."""

    value: Mark
    """For a value of a Secret object itself."""
    other: Mark
    """For everything else: Secrets inside other objects and annotations, releases of Helm, quotes in messages, tokens."""
    text: Callable[[str], str]
    """The text with what looks like a credential replaced."""
    certificate: Mark | None = None
    """For a certificate that was issued. None leaves it: whoever writes one has it, and a server takes nothing else in its place."""


LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"

_PLAIN_GROUPS = BUILT_IN | {"metrics.k8s.io"}
"""Groups of the API server itself. Their kinds hold nothing to hide, except those below; custom resources can embed Secrets
(ManifestWork, …)."""
_KINDS = {
    "secrets": "Secret",
    "certificatesigningrequests": "CertificateSigningRequest",
    "podcertificaterequests": "PodCertificateRequest",
    "events": "Event",
}
"""What is in answers that do not say so themselves: the items of typed lists do not."""
_HOLDERS = frozenset({"configmaps", *_KINDS})
"""ConfigMaps among them: Helm can keep releases in them, with Secrets inside."""
_CERTIFICATES = {"CertificateSigningRequest": ("certificate", True), "PodCertificateRequest": ("certificateChain", False)}
"""Where in the status of these kinds an issued certificate is, and whether it is in base64. It is a credential, as a token is."""
_LOOKED_AT = frozenset({"Secret", "Status", "Event", "TokenRequest", "ConfigMap", *_CERTIFICATES})
"""Kinds that hold something themselves. Of others, and of what has none, only what is inside is looked at."""
_CARRIERS = frozenset({"Secret", "SecretList", "List", "TokenRequest", "Template", "Status"})
_CREDENTIAL_SUBRESOURCES = frozenset({"token"})
_TOKEN_ANNOTATIONS = frozenset({"openshift.io/token-secret.value"})
_QUOTED_VALUE = re.compile(r"((?:Invalid|Unsupported|Duplicate) value: )(\"(?:[^\"\\]|\\.)*\"|[^\s:,\]]+)")
_DUMPED_OBJECT = re.compile(r"((?:Invalid|Unsupported|Duplicate) value: )(?:\"(?:\{|map\[)(?:[^\"\\]|\\.)*\"|(?:\{|map\[).*)", re.DOTALL)
"""A whole object in a failure: that a patch came to, say, which names no Secret and breaks another field."""
_DUMP = re.compile(r"(?:Secret\{|map\[(?!string\])|\{\").*", re.DOTALL)
_PACKED = "H4sI"
"""How gzip begins in base64."""
_PLAIN = re.compile(r"[A-Za-z0-9_./-]{0,15}")
"""Annotations too short and plain to hold a credential: most are."""
_BLOB = re.compile(r"(?=[^a-z]*[a-z])(?=[^A-Z]*[A-Z])(?=[^0-9]*[0-9])[A-Za-z0-9+/\n]{24,}={0,2}\n?")
"""Base64 and nothing else; digests in hexadecimal have letters of one case."""
_NESTED = (dict, list)
"""Not `dict | list`, which is made anew each time: this is asked for every field of every object of a list."""
_TYPES = re.compile(r"Opaque|[a-z0-9.-]+\.(?:io|com|org|sh)/[A-Za-z0-9._-]+")


def may_hold_secrets(info: RequestInfo) -> bool:
    """Whether an answer to this request can hold what must be redacted."""
    if not info.is_resource:
        return False
    if info.resource in _HOLDERS or info.subresource in _CREDENTIAL_SUBRESOURCES:
        return True
    return is_custom(info)


def is_custom(info: RequestInfo) -> bool:
    """Whether the request is about a kind of which it is not known what it holds."""
    return info.is_resource and info.group not in _PLAIN_GROUPS


def is_secret(info: RequestInfo | None) -> bool:
    """Whether the request is about Secrets themselves, not about what may embed one."""
    return info is not None and info.group == "" and info.resource == "secrets"


def redact(item: Json, info: RequestInfo | None, marks: Marks) -> Json:
    """The item with markers in place of everything that Secrets in it hold; the same item if there is nothing."""
    if not isinstance(item, dict | list):
        return item
    walk = _walk(info, marks)
    if info is not None and not may_hold_secrets(info) and isinstance(item, dict) and item.get("kind") not in _CARRIERS:
        return walk.annotations_of(item)
    return walk.visit(item, kind_asked_for(info))


def redact_part(key: str, part: Json, kind: str, info: RequestInfo, marks: Marks) -> Json:
    """The same for one member of an answer (or, for `items` and `rows`, one element of it), where `kind` is what elements are."""
    walk = _walk(info, marks)
    return walk.metadata(part, kind) if key == "metadata" else walk.visit(part, _kind_below(key, kind))


def redact_metadata(metadata: Json, marks: Marks) -> Json:
    """The metadata of a Secret without what its annotations hide."""
    return _Walk(marks.other, marks).metadata(metadata, "Secret")


def kind_asked_for(info: RequestInfo | None) -> str:
    """What the objects in an answer are if nothing in it says so."""
    return _KINDS.get(info.resource, "") if info is not None else ""


def kind_of_items(own: str, kind: str) -> str:
    """What the items of an object of kind `own` are, which itself would be a `kind` if it did not say so."""
    return own.removesuffix("List") if own.endswith("List") and own not in ("List", "PartialObjectMetadataList") else kind


def _walk(info: RequestInfo | None, marks: Marks) -> _Walk:
    is_token = info is not None and info.subresource in _CREDENTIAL_SUBRESOURCES
    return _Walk(marks.value if is_secret(info) else marks.other, marks, is_token=is_token)


class _Walk:
    """One pass over one object."""

    def __init__(self, value: Mark, marks: Marks, *, is_token: bool = False) -> None:
        self._value = value
        self._marks = marks
        self._is_token = is_token

    def visit(self, node: Json, kind: str) -> Json:
        """`kind` is what the node is if it does not say so itself: items of typed lists do not."""
        if isinstance(node, list):
            return _map_list(node, lambda item: self.visit(item, kind))
        if not isinstance(node, dict):
            return node
        own = node.get("kind")
        own = own if isinstance(own, str) else ""
        if (own or kind) not in _LOOKED_AT and not self._is_token:
            return self._inside(node, kind_of_items(own, kind) if own else kind)
        if own == "Secret" or (kind == "Secret" and not own and ("data" in node or "stringData" in node)):
            return self._secret(node)
        if own == "Status":
            return self._status(node, self._message if kind == "Secret" else self._message_of_other)
        if (own or kind) == "Event":
            node = self._event(node)
        if own == "TokenRequest" or (self._is_token and "status" in node):
            node = self._token(node)
        if self._marks.certificate is not None and (own or kind) in _CERTIFICATES:
            node = self._signed(node, self._marks.certificate, *_CERTIFICATES[own or kind])
        if (own or kind) == "ConfigMap" and isinstance(node.get("data"), dict):
            node = self._config_map(node)
        return self._inside(node, kind_of_items(own, kind))

    def annotations_of(self, node: dict[str, Any]) -> dict[str, Any]:
        """The quick look at an object that cannot hold a Secret in its fields."""
        metadata = node.get("metadata")
        shown = self.metadata(metadata, "")
        return node if shown is metadata else {**node, "metadata": shown}

    def _inside(self, node: dict[str, Any], kind: str) -> dict[str, Any]:
        changed: dict[str, Any] = {}
        for key, value in node.items():
            if isinstance(value, str):
                if key == LAST_APPLIED and (shown := self._last_applied(value, kind)) != value:
                    changed[key] = shown
            elif isinstance(value, _NESTED):
                if key == "managedFields":
                    continue  # names of fields, no values
                below = self.metadata(value, kind) if key == "metadata" else self.visit(value, _kind_below(key, kind))
                if below is not value:
                    changed[key] = below
        return {**node, **changed} if changed else node

    def _secret(self, node: dict[str, Any]) -> dict[str, Any]:
        changed: dict[str, Any] = {}
        if node.get("data") is not None:
            changed["data"] = self._values(node["data"], encoded=True)
        if node.get("stringData") is not None:
            changed["stringData"] = self._values(node["stringData"], encoded=False)
        metadata = node.get("metadata")
        if isinstance(metadata, dict):
            changed["metadata"] = self.metadata(metadata, "Secret")
        changed = {key: value for key, value in changed.items() if value is not node[key]}
        return {**node, **changed} if changed else node

    def _values(self, values: Json, *, encoded: bool) -> Json:
        if not isinstance(values, dict):
            return self._marker(values, encoded=encoded)
        return {key: None if value is None else self._marker(value, encoded=encoded) for key, value in values.items()} if values else values

    def _marker(self, value: Json, *, encoded: bool) -> str:
        if not encoded:
            return self._value(_bytes(value))
        try:
            raw = binascii.a2b_base64(value, strict_mode=True)
        except (binascii.Error, TypeError, ValueError):
            raw = _bytes(value)
        return _encoded(self._value(raw))

    def metadata(self, metadata: Json, kind: str) -> Json:
        """Only annotations can hold a value: of Secrets by what tools put there, of anything by what was last applied."""
        annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
        if not isinstance(annotations, dict):
            return metadata
        shown = {key: self._annotation(key, value, kind) if isinstance(value, str) else value for key, value in annotations.items()}
        return metadata if shown == annotations else {**metadata, "annotations": shown}

    def _annotation(self, key: str, value: str, kind: str) -> str:
        if key == LAST_APPLIED:
            return self._last_applied(value, kind)
        if kind != "Secret" or _PLAIN.fullmatch(value):
            return value
        if key in _TOKEN_ANNOTATIONS or _BLOB.fullmatch(value):
            return self._marks.other(_bytes(value))
        # Not only kubectl keeps a copy of the whole Secret there: kapp and kopf do in JSON, Rancher and others packed, which is a blob.
        return self._marks.text(self._last_applied(value, kind) if value.startswith(("{", "[")) else value)

    def _last_applied(self, value: str, kind: str) -> str:
        if kind not in _KINDS.values() and "Secret" not in value and '"helm"' not in value:
            return value
        try:
            applied = orjson.loads(value)
        except orjson.JSONDecodeError:
            return self._marks.other(_bytes(value))
        shown = _Walk(self._marks.other, self._marks).visit(applied, kind)
        return value if shown is applied else orjson.dumps(shown).decode() + ("\n" if value.endswith("\n") else "")

    def _event(self, node: dict[str, Any]) -> dict[str, Any]:
        """An Event, or a row of a Table that shows one: programs and webhooks put into its message what they like."""
        changed: dict[str, Any] = {key: self._text(node[key]) for key in ("message", "note") if isinstance(node.get(key), str)}
        if isinstance(node.get("cells"), list):
            changed["cells"] = _map_list(node["cells"], lambda cell: self._text(cell) if isinstance(cell, str) else cell)
        changed = {key: value for key, value in changed.items() if value is not node[key]}
        return {**node, **changed} if changed else node

    def _text(self, text: str) -> str:
        shown = text if _PLAIN.fullmatch(text) else self._marks.text(text)
        return text if shown == text else shown

    def _status(self, node: dict[str, Any], redact: Callable[[str], str]) -> dict[str, Any]:
        """A failure: the server, or a webhook that it asked, may quote a value in it."""
        changed: dict[str, Any] = {}
        if isinstance(node.get("message"), str):
            changed["message"] = redact(node["message"])
        details = node.get("details")
        if isinstance(details, dict) and isinstance(details.get("causes"), list):
            changed["details"] = {**details, "causes": _map_list(details["causes"], lambda cause: _cause(cause, redact))}
        changed = {key: value for key, value in changed.items() if value != node[key]}
        return {**node, **changed} if changed else node

    def _message(self, message: str) -> str:
        shown = _DUMP.sub(lambda found: self._marks.other(_bytes(found[0])), message)
        return self._marks.text(_QUOTED_VALUE.sub(self._quoted, shown))

    def _message_of_other(self, message: str) -> str:
        """Of objects that are no Secret, but may have one inside."""
        shown, rest = "", message
        while (found := _DUMPED_OBJECT.search(rest)) is not None:
            end = _end_of_dump(found)
            shown += f'{rest[: found.end(1)]}"{self._marks.other(_bytes(rest[found.start() : end]))}"'
            rest = rest[end:]
        return self._marks.text(shown + rest)

    def _quoted(self, found: re.Match[str]) -> str:
        value = found[2].strip('"')
        if _TYPES.fullmatch(value) or value.startswith("[redacted:"):
            return found[0]
        return f'{found[1]}"{self._marks.other(_bytes(value))}"'

    def _token(self, node: dict[str, Any]) -> dict[str, Any]:
        status = node.get("status")
        if not isinstance(status, dict) or not isinstance(status.get("token"), str) or not status["token"]:
            return node
        return {**node, "status": {**status, "token": self._marks.other(_bytes(status["token"]))}}

    def _signed(self, node: dict[str, Any], mark: Mark, key: str, is_encoded: bool) -> dict[str, Any]:
        status = node.get("status")
        if not isinstance(status, dict) or not status.get(key):
            return node
        shown = mark(_bytes(status[key]))
        return {**node, "status": {**status, key: _encoded(shown) if is_encoded else shown}}

    def _config_map(self, node: dict[str, Any]) -> dict[str, Any]:
        """Helm can keep its releases, Secrets included, in ConfigMaps (`HELM_DRIVER=configmap`). A rehearsed write can take away what
        marks one (its label, the key), so whatever is packed as Helm packs is taken for one."""
        labels = (node.get("metadata") or {}).get("labels") or {}
        is_release = labels.get("owner") == "helm"
        shown = {
            key: self._marks.other(_bytes(value))
            for key, value in node["data"].items()
            if isinstance(value, str) and (value.startswith(_PACKED) or (is_release and key == "release"))
        }
        return {**node, "data": {**node["data"], **shown}} if shown else node


def _end_of_dump(found: re.Match[str]) -> int:
    """Where the object ends and what is wrong with it begins (`: field is immutable`); of one that is not in JSON, nobody knows."""
    if not found.string.startswith("{", found.end(1)):
        return found.end()
    try:
        end: int = json.JSONDecoder().raw_decode(found.string, found.end(1))[1]
    except (ValueError, RecursionError):
        return found.end()
    return end if found.string.startswith(": ", end) else found.end()


def _cause(cause: Json, redact: Callable[[str], str]) -> Json:
    if isinstance(cause, dict) and isinstance(cause.get("message"), str):
        return {**cause, "message": redact(cause["message"])}
    return cause


def _encoded(marker: str) -> str:
    """As clients expect it where bytes are."""
    return binascii.b2a_base64(marker.encode(), newline=False).decode()


def _bytes(value: Json) -> bytes:
    return value.encode("utf-8", "surrogatepass") if isinstance(value, str) else orjson.dumps(value)


def _kind_below(key: str, kind: str) -> str:
    """What the children are: the object of a watch event or a row, and the items of a list, are of the kind that was asked for."""
    return kind if key in ("items", "object", "rows") else ""


def _map_list(items: list[Any], change: Callable[[Any], Any]) -> list[Any]:
    shown = [change(item) for item in items]
    return items if all(new is old for new, old in zip(shown, items, strict=True)) else shown
