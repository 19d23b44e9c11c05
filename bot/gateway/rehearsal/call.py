"""One request on its way through the gateway, and the answers it can get."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from aiohttp import web
from multidict import CIMultiDict

from bot.gateway.hiding import columns, secrets
from bot.gateway.protocol import media, status
from bot.gateway.protocol.encoding import encode_document
from bot.gateway.protocol.request_info import Parsed
from bot.gateway.rehearsal import resource_versions
from bot.gateway.rehearsal.session import Session
from bot.values.requests import ApiRequest, Json, RequestInfo

_PASSED_UP = ("User-Agent", "Accept-Encoding", "If-None-Match", "If-Modified-Since", "Kubectl-Command", "Kubectl-Session")
_PASSED_DOWN = ("Content-Type", "Content-Encoding", "ETag", "Last-Modified", "Cache-Control", "Vary", "Retry-After", "Audit-Id")


@dataclass(frozen=True, slots=True)
class Call:
    """A request of an admitted client, understood."""

    request: web.BaseRequest
    session: Session
    parsed: Parsed
    body: bytes = b""
    printed: columns.Printed | None = None
    """What the columns of a custom resource print, where `prints_custom`: see `tables.printed_of`."""

    @property
    def info(self) -> RequestInfo:
        return self.parsed.info

    @property
    def accept(self) -> str:
        return ", ".join(self.request.headers.getall("Accept", [])) or "*/*"

    @property
    def content_type(self) -> str:
        return self.request.headers.get("Content-Type", "")

    def parameter(self, name: str) -> str:
        """The first value of a query parameter, or ''."""
        return next((value for key, value in self.parsed.query if key == name), "")

    @property
    def wants_pretty(self) -> bool:
        """Whether the API server would indent its answer: for `pretty=true`, and for curl and browsers by themselves."""
        asked = self.parameter("pretty")
        if asked:
            return asked in ("1", "t", "T", "true", "True", "TRUE")
        return self.request.headers.get("User-Agent", "").startswith(("curl", "Wget", "Mozilla/5.0"))

    def upstream_headers(self) -> dict[str, str]:
        """The few headers of the client that mean something to the API server. No credential, no identity, nothing about the connection."""
        headers = {name: self.request.headers[name] for name in _PASSED_UP if name in self.request.headers}
        encoding = headers.get("Accept-Encoding", "")
        headers["Accept-Encoding"] = "gzip" if "gzip" in encoding else "identity"
        return headers

    @property
    def prints_custom(self) -> bool:
        """Whether it may be answered with a Table whose columns a CRD defines."""
        return secrets.is_custom(self.info) and "as=table" in self.accept.lower().replace(" ", "")

    @property
    def view(self) -> columns.View | None:
        """What the client gets to see of the Tables of custom resources, if it may be answered with one."""
        return columns.View(self.parameter(columns.INCLUDE), self.printed) if self.prints_custom else None

    def redact(self, item: Json, definitions: Json = None) -> Json:
        """An object as the client may see it, or a Table with as much of its objects as it asked for. See `View.table`."""
        shown = self.session.redactor.redact_object(item, self.info)
        return shown if self.view is None else self.view.table(item, shown, definitions)

    def as_read(self, accept: str) -> ApiRequest:
        """The request as it goes upstream if it is a read."""
        query = resource_versions.in_cluster(self.parsed.query)
        query = columns.with_objects(query) if self.prints_custom else query
        return ApiRequest(self.request.method, self.info.path, query, accept=accept)


def answer(
    call: Call, code: int, item: Json, *, headers: Mapping[str, str] | None = None, warnings: Iterable[str] = ()
) -> web.StreamResponse:
    """A JSON answer, with what Secrets hold replaced by markers, in the server's warnings too. 406 to a client that does not take JSON."""
    if code < 300 and call.info.is_resource and not media.takes_json(call.accept):
        return answer(call, 406, status.failure(406, media.ONLY_JSON, call.info))
    body = encode_document(call.redact(item), is_pretty=call.wants_pretty)
    call.session.count_bytes(len(body))
    merged = json_headers(headers or {}, warnings)
    said = merged.popall("Warning", [])
    merged.extend(("Warning", call.session.redactor.redact_text(text)) for text in said)  # webhooks warn in words of their own
    return web.Response(status=code, body=body if call.request.method != "HEAD" else b"", headers=merged)


def json_headers(headers: Mapping[str, str], warnings: Iterable[str] = ()) -> CIMultiDict[str]:
    """The headers of a JSON body that is not the one which came with these."""
    merged = CIMultiDict(headers)
    for name in ("Content-Encoding", "ETag", "Last-Modified"):
        merged.popall(name, None)
    if media.essence(merged.get("Content-Type", "")) != media.JSON:
        merged["Content-Type"] = media.JSON
    merged.setdefault("Content-Type", media.JSON)
    merged.setdefault("Cache-Control", "no-cache, private")
    add_warnings(merged, warnings)
    return merged


def add_warnings(headers: CIMultiDict[str], warnings: Iterable[str]) -> None:
    """Adds `Warning` headers (RFC 7234, code 299), which Kubernetes clients print by themselves."""
    for text in warnings:
        printable = "".join(c if " " <= c <= "~" else "?" for c in text)
        quoted = printable.replace("\\", "\\\\").replace('"', '\\"')
        headers.add("Warning", f'299 - "{quoted}"')


def passed_down(headers: Mapping[str, str]) -> CIMultiDict[str]:
    """The headers of an upstream answer that its client gets, the server's own warnings among them."""
    kept: CIMultiDict[str] = CIMultiDict((name, headers[name]) for name in _PASSED_DOWN if name in headers)
    location = headers.get("Location", "")
    if location.startswith("/") and not location.startswith("//"):
        kept["Location"] = location
    for name, value in headers.items():
        if name.lower() == "warning":
            kept.add("Warning", value)
    return kept
