"""Finds credentials in text by the name they are given: `password=…`, `"token": "…"`, `--api-key …`, `name: DB_PASSWORD, value: …`.

Names are found first, in lower case and by patterns that begin with a letter, which `re` searches for ten times as fast as for others;
what stands around a name is looked at only there. Every step ends within a line or a fixed length: the time is linear.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass

Mark = Callable[[str], str]

_CERTAIN = r"passwo?r?d|passphrase|pwd(?<=[_-]pwd)|pass(?<=[_-]pass)|client-key-data|accountkey|sharedaccesskey|secret[_.-]?access[_.-]?key"
"""Whatever is given under these names is a credential."""
_LIKELY = (
    r"secret[_.-]?key|api[_.-]?key|access[_.-]?key|private[_.-]?key|signing[_.-]?key|encryption[_.-]?key|auth[_.-]?key|"
    r"token|secret(?<!checksum/secret)|credentials?|auth(?<![a-z0-9_-]auth)"
)
"""What is given under these may also be the name of a Secret, a duration, a word."""
_KEY = re.compile(f"{_CERTAIN}|{_LIKELY}")
_IS_CERTAIN = re.compile(r"pass|pwd|client|account|shared|secret.?access")
_QUOTES = r"\\{0,64}[\"']"
_AFTER = re.compile(
    rf"(?:{_QUOTES})?(?:[ \t]*(?:=>|:=|[=:])[ \t]*(?P<assigned>)"
    rf"|(?:\\+n|[\s,])+(?:{_QUOTES})?[vV][aA][lL][uU][eE](?:{_QUOTES})?[ \t]*:[ \t]*(?P<named>))"
    r"|[ \t]+(?P<given>)"
)
"""What stands between a name and its value."""
_FLAG = re.compile(r"(?<![\w-])--?[a-z-]{0,60}\Z", re.IGNORECASE)
_NAMED = re.compile(rf"(?i)\bname(?:{_QUOTES})?[ \t]*:[ \t]*(?:{_QUOTES})?[\w.-]{{0,100}}\Z")
_LONGEST_NAMED, _LONGEST_FLAG = 150, 62
_QUOTE = re.compile(_QUOTES)
_PLAIN = re.compile(r"[^\s,;&\"'\\<>{}()\[\]`|]+")
_NOTHING = frozenset(["", "true", "false", "null", "none", "nil", "yes", "no", "unset", "empty", "redacted", "masked"])
_MASK = re.compile(r"\*+|[xX]{3,}|\.+|-+|(?i:changeme_?\w*)")
_NOT_IN_FLAGS = frozenset(["", *" \t\r\n\"'=:,;"])
_REFERENCE = re.compile(r"[$%/<\[{(]|\.\.?/|~/")
_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
_WORD = re.compile(r"[A-Za-z]+(?:[ /._-][A-Za-z]+)*[.:,]?|\d+[a-z]{0,2}|[\d.]+")
_TO_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def is_credential(name: str, value: str) -> bool:
    """Whether a value that is given under this name is a credential."""
    for key in _KEY.finditer(name.lower()):
        if key.end() == len(name):
            return _is_credential(value, is_certain=_IS_CERTAIN.match(key[0]) is not None, is_flag=False)
    return False


@dataclass(frozen=True, slots=True)
class _Value:
    start: int
    end: int
    is_quoted: bool


def redact_assignments(text: str, mark: Mark) -> str:
    """The text with markers in place of values that are given under the name of a credential."""
    lowered = _lower(text)
    first = _KEY.search(lowered)
    if first is None:
        return text
    shown: list[str] = []
    done = 0
    for value in _Search(text, lowered).credentials(first.start()):
        shown += (text[done : value.start], mark(text[value.start : value.end]))
        done = value.end
    return "".join((*shown, text[done:])) if shown else text


def _lower(text: str) -> str:
    """The text in lower case, every letter in its place."""
    lowered = text.lower()
    return lowered if len(lowered) == len(text) else text.translate(_TO_LOWER)  # a few letters become two


class _Search:
    """One pass over one text."""

    def __init__(self, text: str, lowered: str) -> None:
        self._text = text
        self._lowered = lowered
        self._line_end = -1
        self._unclosed: set[str] = set()
        """Quotes that the rest of the line does not close."""

    def credentials(self, position: int) -> Iterator[_Value]:
        """The values to be marked whose names begin there or later, in order."""
        lowered = self._lowered
        while (key := _KEY.search(lowered, position)) is not None:
            position = key.end()
            after = _AFTER.match(self._text, position)
            if after is None or (after.lastgroup == "given" and lowered[key.start() - 1 : key.start()] in _NOT_IN_FLAGS):
                continue
            value = self._value(after.end())
            if value is None:
                continue
            if self._is_credential(value, key, after.lastgroup or ""):
                yield value
                position = value.end
            elif after.lastgroup == "assigned" and not value.is_quoted and self._text[value.start] != "-":
                position = value.end  # or what is given to a name many times would be read as often

    def _is_credential(self, value: _Value, key: re.Match[str], how: str) -> bool:
        if how == "named" and _NAMED.search(self._text, max(0, key.start() - _LONGEST_NAMED), key.start()) is None:
            return False
        is_certain = _IS_CERTAIN.match(key[0]) is not None
        if not _is_credential(self._text[value.start : value.end], is_certain=is_certain, is_flag=how == "given"):
            return False
        return how != "given" or _FLAG.search(self._text, max(0, key.start() - _LONGEST_FLAG), key.start()) is not None

    def _value(self, start: int) -> _Value | None:
        quote = _QUOTE.match(self._text, start)
        if quote is None:
            plain = _PLAIN.match(self._text, start)
            return _Value(start, plain.end(), is_quoted=False) if plain is not None else None
        if start > self._line_end:
            self._line_end = self._text.find("\n", start) % (len(self._text) + 1)
            self._unclosed.clear()
        if quote[0] in self._unclosed:
            return None
        end = self._text.find(quote[0], quote.end(), self._line_end)
        if end < 0:
            self._unclosed.add(quote[0])
            return None
        return _Value(quote.end(), end, is_quoted=True)


def _is_credential(value: str, *, is_certain: bool, is_flag: bool) -> bool:
    if value.lower() in _NOTHING or _MASK.fullmatch(value) or _REFERENCE.match(value) or value.startswith("[redacted:"):
        return False
    if is_flag and (value.startswith("-") or _WORD.fullmatch(value)):
        return False  # `--password --user x`, `use --token only once`
    if is_certain:
        return True
    return len(value) >= 8 and not _WORD.fullmatch(value) and not _is_name(value)


def _is_name(value: str) -> bool:
    """Whether it reads like the name of an object (`default-token-x7k2p`), unlike a generated token of one long piece."""
    pieces = re.split(r"[.-]", value)
    return _NAME.fullmatch(value) is not None and len(pieces) > 1 and all(len(piece) < 16 for piece in pieces)
