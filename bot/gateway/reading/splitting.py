"""Looks into a list while it arrives: its elements are cut out of the byte stream, redacted and merged with those of the rehearsal in
batches, and sent on. Memory stays flat.

Only what a list is made of may be in the answer; anything else ends it. Pure: bytes in, bytes out.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Protocol

import orjson

from bot.errors import GatewayError
from bot.gateway.hiding import secrets
from bot.gateway.hiding.columns import View
from bot.gateway.hiding.redaction import Redactor
from bot.gateway.protocol.encoding import encode, end_of_document
from bot.gateway.protocol.scanning import SPACE, STRING, end_of_value
from bot.values.requests import Json, RequestInfo

_MEMBERS = frozenset({"kind", "apiVersion", "metadata", "columnDefinitions", "items", "rows"})
_ELEMENTS = frozenset({"items", "rows"})
_BATCH = 64 * 1024
"""Bytes that are waited for before elements are looked for: fewer cost more calls, more cost memory and time at one go."""
_AT_ONCE = 64 * 1024
"""Bytes of elements that are parsed at one go, if several elements fit into them: what stays in the processor's cache is done sooner."""
_LARGEST = 64 * 1024 * 1024
"""Bytes of one element. An object of a Kubernetes API is a few megabytes at most."""
_TRIES = 4
_FIRST_KEY = re.compile(rb'\{"[A-Za-z]{1,40}":')


class _At(Enum):
    START = 1
    MEMBER = 2
    ELEMENT = 3
    END = 4


class Merge(Protocol):
    """What the rehearsal shows in a list: see `listing`."""

    @property
    def has_more(self) -> bool | None:
        """Whether further pages follow; None while nothing has told."""
        ...

    def learn(self, key: str, value: Json) -> Json:
        """Takes a member of the list that is not its elements; gives it back as it is shown."""
        ...

    def show(self, elements: list[Json]) -> list[Json]:
        """The next elements as they are shown."""
        ...

    def rest(self) -> list[Json]:
        """What comes after the last element."""
        ...


class ListReader:
    """Redacts one list, and shows the rehearsal's writes in it (`merge`). `feed` it what arrives and send on what it gives back; what is
    wrong with the list is a GatewayError."""

    def __init__(
        self,
        redactor: Redactor,
        info: RequestInfo,
        merge: Merge | None = None,
        *,
        is_pretty: bool = False,
        view: View | None = None,
        batch: int = _BATCH,
        largest: int = _LARGEST,
    ) -> None:
        self._redactor = redactor
        self._is_redacted = redactor.needs_body(info)
        self._merge = merge
        self._info = info
        self._is_pretty = is_pretty
        self._view = view
        """Of the rows of a Table, with whose objects redaction had to see more than the client may."""
        self._definitions: Json = None
        """Of the columns of a Table."""
        self._batch_bytes = batch
        self._largest_bytes = largest
        self._kind = secrets.kind_asked_for(info)
        self._buffer = bytearray()
        self._wanted = batch
        self._at = _At.START
        self._key = ""
        self._boundary = b""
        """What stands between two elements, most likely."""
        self._out: list[bytes] = []
        self._open: int | None = None
        """Where in `_out` the elements end, while only what follows them can tell whether there are more."""
        self._is_first = True
        self._is_empty = True
        """Whether no element has been sent on."""

    def feed(self, data: bytes) -> bytes:
        """More of the answer; what can be sent on by now."""
        self._buffer += data
        if len(self._buffer) >= self._wanted:
            self._advance(is_last=False)
            if len(self._buffer) > self._largest_bytes:
                raise _surprise("an element that is too large")
            self._wanted = max(self._batch_bytes, 2 * len(self._buffer))
        return self._take_out()

    def finish(self) -> bytes:
        """The rest, when all has arrived."""
        self._advance(is_last=True)
        if self._at is not _At.END or SPACE.fullmatch(self._buffer) is None:
            raise _surprise("an end before its end")
        return self._take_out() + end_of_document(is_pretty=self._is_pretty)

    def _take_out(self) -> bytes:
        out = b"".join(self._out[: self._open])
        del self._out[: self._open]
        self._open = None if self._open is None else 0
        return out

    def _advance(self, *, is_last: bool) -> None:
        while self._at is not _At.END:
            step = self._element if self._at is _At.ELEMENT else self._member
            if not step():
                if is_last:
                    raise _surprise("an end before its end")
                return
            if not is_last and self._at is _At.ELEMENT and len(self._buffer) < self._batch_bytes:
                return

    def _member(self) -> bool:
        """Takes one member of the list (of elements, only their beginning); False if it is not there completely."""
        buffer = self._buffer
        start = self._skip(0)
        if start == len(buffer):
            return False
        opening = b"{" if self._at is _At.START else b","
        if self._at is _At.MEMBER and buffer[start : start + 1] == b"}":
            self._end_elements(is_last=True)
            self._out.append(b"\n}" if self._is_pretty else b"}")
            self._at = _At.END
            del buffer[: start + 1]
            return True
        if buffer[start : start + 1] != opening:
            raise _surprise("a member out of place")
        name = STRING.match(buffer, self._skip(start + 1))
        if name is None:
            return self._is_incomplete(start + 1, b'"')
        colon = self._skip(name.end())
        begin = self._skip(colon + 1)
        if begin >= len(buffer):
            return False
        key = _loads(bytes(name[0]))
        if buffer[colon : colon + 1] != b":" or key not in _MEMBERS:
            raise _surprise("a member that lists do not have")
        return self._value(opening, key, begin)

    def _is_incomplete(self, start: int, expected: bytes) -> bool:
        """False, for what begins as expected but has not arrived whole."""
        found = self._buffer[self._skip(start) :][:1]
        if found not in (b"", expected):
            raise _surprise("a member out of place")
        return False

    def _value(self, opening: bytes, key: str, begin: int) -> bool:
        buffer = self._buffer
        if self._merge is not None and key in _ELEMENTS and buffer[begin : begin + 4] == b"null":
            buffer[begin : begin + 4] = b"[]"
        if key in _ELEMENTS and buffer[begin : begin + 1] == b"[":
            self._out += (self._name(opening, key), b"[")
            self._at, self._key, self._is_first, self._is_empty = _At.ELEMENT, key, True, True
            del buffer[: begin + 1]
            return True
        end = end_of_value(buffer, begin)
        if end is None:
            return False
        value = _loads(bytes(buffer[begin:end]))
        if key == "kind":
            self._kind = self._kind_of(value)
        if self._merge is not None:
            value = self._merge.learn(key, value)
            self._end_elements()
        if key == "columnDefinitions":
            self._definitions = value
        shown = self._redactor.redact_part(key, value, self._kind, self._info)
        self._out += (self._name(opening, key), self._encode(shown))
        self._at = _At.MEMBER
        del buffer[:end]
        return True

    def _name(self, opening: bytes, key: str) -> bytes:
        name = orjson.dumps(key)
        return opening + b"\n  " + name + b": " if self._is_pretty else opening + name + b":"

    def _encode(self, shown: Json) -> bytes:
        """A value one level within the list."""
        text = encode(shown, is_pretty=self._is_pretty)
        return text.replace(b"\n", b"\n  ") if self._is_pretty else text

    def _kind_of(self, own: Json) -> str:
        if not isinstance(own, str) or not (own.endswith("List") or own == "Table"):
            raise _surprise("a kind that is no list")
        return secrets.kind_of_items(own, secrets.kind_asked_for(self._info))

    def _element(self) -> bool:
        """Takes as many elements as there are; False if not even one is there completely."""
        buffer = self._buffer
        start = self._skip(0)
        if start == len(buffer):
            return False
        if buffer[start : start + 1] == b"]":
            self._open = len(self._out)
            self._end_elements()
            self._at = _At.MEMBER
            del buffer[: start + 1]
            return True
        if not self._is_first:
            if buffer[start : start + 1] != b",":
                raise _surprise("an element out of place")
            start = self._skip(start + 1)
        found = self._batch(start) or self._one(start)
        if found is None:
            return False
        elements, end = found
        self._out += self._shown(elements if self._merge is None else self._merge.show(elements))
        self._is_first = False
        del buffer[:end]
        return True

    def _shown(self, elements: list[Json]) -> list[bytes]:
        if not elements:
            return []
        shown = elements
        if self._is_redacted:
            shown = self._redactor.redact_part(self._key, elements, self._kind, self._info)
        if self._view is not None and self._key == "rows":
            shown = self._view.rows(elements, shown, self._definitions)
        comma, self._is_empty = b"" if self._is_empty else b",", False
        return [comma, self._encode(shown).removesuffix(b"]").rstrip()[1:]]

    def _end_elements(self, *, is_last: bool = False) -> None:
        """Ends the elements of the list with those that the rehearsal adds, as soon as it is known whether they belong there."""
        if self._open is None or (self._merge is not None and self._merge.has_more is None and not is_last):
            return
        rest = [] if self._merge is None else self._shown(self._merge.rest())
        closing = b"\n  ]" if self._is_pretty and not self._is_empty else b"]"
        self._out[self._open : self._open] = [*rest, closing]
        self._open = None

    def _batch(self, start: int) -> tuple[list[Json], int] | None:
        """All the elements but the last, and where they end. What is between two elements is guessed by how the first one begins;
        a wrong guess does not parse: text up to the end of no element is no list of elements."""
        if not self._boundary:
            first = _FIRST_KEY.match(self._buffer, start)
            if first is None:
                return None
            self._boundary = b"}," + first[0]
        return self._parse_up_to(start, start + _AT_ONCE) or self._parse_up_to(start, len(self._buffer))

    def _parse_up_to(self, start: int, end: int) -> tuple[list[Json], int] | None:
        for _ in range(_TRIES):
            end = self._buffer.rfind(self._boundary, start, end)
            if end < 0:
                return None
            try:
                return orjson.loads(b"[" + self._buffer[start : end + 1] + b"]"), end + 1
            except orjson.JSONDecodeError:
                continue
        return None

    def _one(self, start: int) -> tuple[list[Json], int] | None:
        if start == len(self._buffer):
            return None
        end = end_of_value(self._buffer, start)
        return None if end is None else ([_loads(bytes(self._buffer[start:end]))], end)

    def _skip(self, position: int) -> int:
        found = SPACE.match(self._buffer, position)
        return found.end() if found is not None else position


def _loads(text: bytes) -> Json:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        raise _surprise("what is not JSON") from None


def _surprise(what: str) -> GatewayError:
    return GatewayError(f"A list of the Kubernetes API holds {what}, so that the gateway cannot look for Secrets in it; it is withheld.")
