"""What a request means, parsed as the API server parses it (`k8s.io/apiserver/pkg/endpoints/request.RequestInfoFactory`). Pure.

A path is decoded once and split; what is forwarded is built from the parts that were decided on, so that the two cannot differ.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, unquote_to_bytes

from bot.gateway.protocol.selectors import exact_field, parse_labels
from bot.values.requests import RequestInfo

Query = tuple[tuple[str, str], ...]

_API_PREFIXES = frozenset({"api", "apis"})
_SPECIAL_VERBS = frozenset({"proxy", "watch"})
_NAMESPACE_SUBRESOURCES = frozenset({"status", "finalize"})
_VERBS = {"POST": "create", "GET": "get", "HEAD": "get", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_AUTHORITY = re.compile(r"\Ahttps?://[^/?#]*(?=/)", re.IGNORECASE)
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
_SAFE = "-._~!$&'()*+,=:@"  # RFC 3986 pchar without `;`, which Go's URL parser and proxies disagree about


@dataclass(frozen=True, slots=True)
class Parsed:
    """A request target that was understood."""

    info: RequestInfo
    query: Query


@dataclass(frozen=True, slots=True)
class Malformed:
    """A request target that was not understood: never forwarded. `status` is what the API server would answer."""

    status: int
    reason: str


def parse(method: str, target: str) -> Parsed | Malformed:
    """Parses the raw request target (`/path?query`, or the absolute form that RFC 9112 asks servers to take) of one HTTP request."""
    target = _AUTHORITY.sub("", target, count=1)
    if not target.startswith("/") or "#" in target or not target.isascii() or any(ord(c) < 0x21 or ord(c) == 0x7F for c in target):
        return Malformed(400, "The request target must be an absolute path of printable ASCII characters.")
    raw_path, _, raw_query = target.partition("?")
    parts = _split(raw_path)
    if isinstance(parts, Malformed):
        return parts
    query = _parse_query(raw_query)
    if query is None:
        return Malformed(400, "The query must be percent-encoded UTF-8 without `;`.")
    info = _understand(method, parts, query)
    return info if isinstance(info, Malformed) else Parsed(info, query)


def build_path(info: RequestInfo, *, subresource: str | None = None, name: str | None = None) -> str:
    """The path of the same resource with another subresource or name (`""` leaves them out)."""
    subresource = info.subresource if subresource is None else subresource
    name = info.name if name is None else name
    parts = ["apis", info.group] if info.group else ["api"]
    parts.append(info.version)
    if info.namespace and info.resource != "namespaces":
        parts += ["namespaces", info.namespace]
    parts.append(info.resource)
    if name:
        parts.append(name)
        if subresource:
            parts.append(subresource)
    return "/" + "/".join(quote(part, safe=_SAFE) for part in parts)


def _split(raw_path: str) -> list[str] | Malformed:
    path = raw_path[1:-1] if raw_path.endswith("/") and len(raw_path) > 1 else raw_path[1:]
    if not path:
        return []
    parts = []
    for raw in path.split("/"):
        part = _decode(raw)
        if part is None:
            return Malformed(400, "The path must be percent-encoded UTF-8.")
        if part in ("", ".", ".."):
            return Malformed(404, "The path must be in its normal form, without `//`, `.` and `..`.")
        if "/" in part or "\\" in part or "%" in part or any(ord(c) < 0x20 or ord(c) == 0x7F for c in part):
            return Malformed(400, "The path must not hold encoded slashes, percent signs or control characters.")
        parts.append(part)
    return parts


def _decode(raw: str) -> str | None:
    """One segment, decoded once; None where it is not well-formed (`%` without two hex digits, not UTF-8)."""
    if "%" not in raw:
        return raw
    for tail in raw.split("%")[1:]:
        if len(tail) < 2 or any(c not in "0123456789abcdefABCDEF" for c in tail[:2]):
            return None
    try:
        return unquote_to_bytes(raw).decode()
    except UnicodeDecodeError:
        return None


def _parse_query(raw: str) -> Query | None:
    if not raw:
        return ()
    if ";" in raw or any(_decode(piece) is None for piece in raw.split("&")):
        return None
    return tuple(parse_qsl(raw, keep_blank_values=True, errors="strict"))


def _understand(method: str, parts: list[str], query: Query) -> RequestInfo | Malformed:
    path = "/" + "/".join(quote(part, safe=_SAFE) for part in parts)
    plain = RequestInfo(verb=method.lower(), is_resource=False, path=path)
    if len(parts) < 3 or parts[0] not in _API_PREFIXES:
        return plain
    group, rest = "", parts[1:]
    if parts[0] == "apis":
        if len(rest) < 3:
            return plain
        group, rest = rest[0], rest[1:]
    version, rest = rest[0], rest[1:]
    verb = _VERBS.get(method, "")
    if rest[0] in _SPECIAL_VERBS:
        if len(rest) < 2:
            return Malformed(400, "The path must name a resource after `watch` or `proxy`.")
        verb, rest = rest[0], rest[1:]
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 1:
        namespace = rest[1]
        if len(rest) > 2 and rest[2] not in _NAMESPACE_SUBRESOURCES:
            rest = rest[2:]
    resource = rest[0]
    name = rest[1] if len(rest) > 1 else ""
    subresource = rest[2] if len(rest) > 2 and verb != "proxy" else ""
    if not name and verb == "get":
        verb = "watch" if _is_watch(query) else "list"
        name = _selected_name(query)
    if not name and verb == "delete":
        verb = "deletecollection"
    return RequestInfo(verb, True, path, group, version, resource, subresource, namespace, name)


def _selected_name(query: Query) -> str:
    """The name that a list or watch is for by its field selector. As for the API server, '' where an option cannot be read."""
    first = dict(reversed(query))
    numbers = [first[name] for name in ("limit", "timeoutSeconds") if name in first]
    if any(_INTEGER.fullmatch(number) is None for number in numbers) or parse_labels(first.get("labelSelector", "")) is None:
        return ""
    name = exact_field(first.get("fieldSelector", ""), "metadata.name")
    return "" if name in (".", "..") or "/" in name or "%" in name else name


def _is_watch(query: Query) -> bool:
    """As the API server converts the parameter: any value but `false` and `0` asks for a watch, the first value counts."""
    values = [value for name, value in query if name == "watch"]
    return bool(values) and values[0].lower() not in ("false", "0")
