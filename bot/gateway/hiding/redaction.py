"""Redaction: what Secrets hold leaves the gateway only as markers, issued certificates and text that looks like a credential too. Pure.

A marker has 12 characters between `[redacted:` and `]`, so that none tells how long its value is:

* 12 hexadecimal digits: a value of a Secret as the cluster has it. Equal markers of one thread are equal values.
* `new-` and 8 digits: a value that the rehearsal writes. Comparable with others of its kind only, for whoever writes a value knows it.
* `txt-` and 8 digits: what looks like a credential in text that a command printed.
* `not-compared`: anything else.

The digits are a truncated keyed BLAKE2b under keys that stay in this process: no marker leads back to its value, and none of one kind
can be compared with one of another. Under a Secret's `data` a marker is base64-encoded, so that every client decodes it (`base64 -d`,
`go-template base64decode`, `describe`) and shows the marker instead of failing. `docs/decisions/0006-secret-markers.md` says why.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterator

import structlog

from bot.errors import GatewayError
from bot.gateway.hiding import secrets
from bot.gateway.hiding.blinding import Blinds
from bot.gateway.hiding.hidden import Hidden
from bot.values import redact_text
from bot.values.requests import ApiRequest, Json, RequestInfo

log = structlog.get_logger()

WITHHELD = "(output withheld: it could not be checked for secrets)"
"""Stands for text that the redactor failed on."""

_NOT_COMPARED = "[redacted:not-compared]"
_NOT_COMPARED_ENCODED = base64.b64encode(_NOT_COMPARED.encode()).decode()
_INSIDE = rb"redacted:(?:[0-9a-f]{12}|(?:new|txt)-[0-9a-f]{8}|not-compared)\]"
_MARKER = re.compile(rb"\[" + _INSIDE)
_DECODED_MARKER = re.compile(rb"\[?r?" + _INSIDE.removeprefix(b"r"))
_ESCAPE = re.compile(rb"\\+(?:u00|x)([0-7][0-9a-fA-F])")
_PREFIX = b"[redacted:"
_LENGTH = len(_NOT_COMPARED)
_LENGTHS = frozenset([_LENGTH, 31, 32])
"""Of a marker, plain and in base64."""
_ENCODED_MARKER = re.compile(rb"[A-Za-z0-9+/]{31}=?")
_RUN = re.compile(rb"[A-Za-z0-9+/]{24,}")
_ENCODED_LENGTH = 36
"""More base64 digits than a marker has."""
_URL_SAFE = bytes.maketrans(b"-_", b"+/")


def _encodings(text: bytes) -> list[bytes]:
    """What is in every base64 encoding of something that holds `text`: one entry for each place it can have in a group of three."""
    aligned = [text[skipped:] for skipped in range(3)]
    return [base64.b64encode(part).rstrip(b"=")[: len(part) * 8 // 6] for part in aligned]


_ENCODED = _encodings(_PREFIX)
_ENCODED_TWICE = [twice for once in _ENCODED for twice in _encodings(once)]


class Redactor:
    """Redacts with one salt; markers are comparable where the salt is the same: in one thread."""

    def __init__(self, salt: bytes) -> None:
        uses = (b"value", b"text", b"new", b"hidden")
        self._value_key, self._text_key, new_key, hidden_key = (hmac.digest(salt, use, hashlib.sha256) for use in uses)
        self._hidden = Hidden(hidden_key)
        self._blinds = Blinds(new_key)
        self._marks = secrets.Marks(value=self._mark_value, other=self._mark_other, text=self._redact_inside, certificate=self._mark_other)

    def needs_body(self, info: RequestInfo) -> bool:
        """Whether answers to this request can hold a Secret, so that they must be looked at instead of passed through."""
        return secrets.may_hold_secrets(info)

    def blind(self, request: ApiRequest, info: RequestInfo) -> ApiRequest | None:
        """The write with stand-ins for the values of Secrets in its body, as it may be dry-run. None if it must not be: see `blinding`."""
        return self._blinds.blind(request, info)

    def redact_object(self, obj: Json, info: RequestInfo | None) -> Json:
        """The object with markers for what Secrets in it hold: single, in lists, Tables, watch events, annotations and messages.
        The same object if there is nothing to redact. Raises GatewayError if it cannot be looked through: then it must not be passed on."""
        try:
            return self._cover(secrets.redact(obj, info, self._marks), info)
        except RecursionError as exc:
            raise GatewayError("An answer of the Kubernetes API is nested too deeply to look for Secrets in it; it is withheld.") from exc

    def redact_part(self, key: str, part: Json, kind: str, info: RequestInfo) -> Json:
        """One member of an answer, or some elements of its `items` or `rows`, as `redact_object` would show it in the whole. Elements
        that do not say what they are, are of this kind. Raises GatewayError."""
        try:
            return self._cover(secrets.redact_part(key, part, kind, info, self._marks), info)
        except RecursionError as exc:
            raise GatewayError("An answer of the Kubernetes API is nested too deeply to look for Secrets in it; it is withheld.") from exc

    def redact_text(self, text: str) -> str:
        """The text with markers for what looks like a credential; a sentence instead of it if that fails."""
        try:
            return redact_text.redact(text, self._mark_text)
        except Exception as exc:  # this edge must fail closed, whatever the reason
            log.error("text_redaction_failed", error=type(exc).__name__)  # noqa: TRY400 – a traceback could quote the text
            return WITHHELD

    def contains_marker(self, data: bytes) -> bool:
        """Whether a marker is in a request body: plainly, JSON-escaped or base64-encoded, once or twice."""
        return _contains_marker(data)

    def _cover(self, shown: Json, info: RequestInfo | None) -> Json:
        """Without what was hidden before, where objects can embed Secrets under other names: custom resources and ConfigMaps."""
        can_embed = info is None or (self.needs_body(info) and not secrets.is_secret(info))
        return self._hidden.cover(shown, _NOT_COMPARED, _NOT_COMPARED_ENCODED) if can_embed else shown

    def _redact_inside(self, text: str) -> str:
        """Text inside an object, which only the gateway sees as it is: its marks tell nothing."""
        shown = self._blinds.reveal(text)
        return redact_text.redact(shown, lambda found: self._mark_other(found.encode("utf-8", "surrogatepass")))

    def _mark_text(self, found: str) -> str:
        """The marker of what looks like a credential; a Secret's marker in base64 (`password: W3JlZGFj…`) is none and stays."""
        value = found.encode("utf-8", "surrogatepass")
        if _is_marker(value):
            return found
        return f"[redacted:txt-{hashlib.blake2b(value, key=self._text_key, digest_size=4).hexdigest()}]"

    def _mark_value(self, value: bytes) -> str:
        known = self._known(value)
        return known or f"[redacted:{hashlib.blake2b(value, key=self._value_key, digest_size=6).hexdigest()}]"

    def _mark_other(self, value: bytes) -> str:
        known = self._known(value)
        if not known and not _is_marker(value):
            self._hidden.add(value)
        return known or _NOT_COMPARED

    def _known(self, value: bytes) -> str:
        """The marker that a value has already: redacted before, or a stand-in. Otherwise ''."""
        if len(value) == _LENGTH and _MARKER.fullmatch(value):
            return value.decode()
        return self._blinds.marker_of(value)


def _is_marker(value: bytes) -> bool:
    """Whether it is a marker and nothing else, plain or in base64."""
    if len(value) not in _LENGTHS:
        return False
    return bool(_MARKER.fullmatch(value) or (_ENCODED_MARKER.fullmatch(value) and _MARKER.fullmatch(_decode(value.rstrip(b"=")))))


def _contains_marker(data: bytes) -> bool:
    if _MARKER.search(data):
        return True
    if b"\\u00" in data or b"\\x" in data:
        data = _ESCAPE.sub(lambda found: bytes([int(found[1], 16)]), data)
        if _MARKER.search(data):
            return True
    # Base64 may be wrapped, and Go's decoder skips the line breaks; a JSON writer may escape its slashes.
    joined = data.replace(b"\\n", b"").replace(b"\\r", b"").translate(_URL_SAFE, b" \t\r\n\\")
    if any(_DECODED_MARKER.match(decoded) for decoded in _decoded_hits(joined)):
        return True
    if not any(part in joined for part in _ENCODED_TWICE):
        return False
    runs = {run[0] for text in (data.translate(_URL_SAFE), joined) for run in _RUN.finditer(text)}
    return any(_DECODED_MARKER.match(decoded) for run in runs for decoded in _decoded_hits(_decode(run)))


def _decoded_hits(data: bytes) -> Iterator[bytes]:
    for part in _ENCODED:
        start = data.find(part)
        while start >= 0:
            run = _RUN.match(data, start)
            yield _decode(run[0][:_ENCODED_LENGTH]) if run else b""
            start = data.find(part, start + 1)


def _decode(run: bytes) -> bytes:
    """Base64 without its padding, and without a last digit that stands for nothing."""
    if len(run) % 4 == 1:
        run = run[:-1]
    return base64.b64decode(run + b"=" * (-len(run) % 4))
