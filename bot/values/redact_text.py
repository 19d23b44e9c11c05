"""Finds what looks like a credential in text: output of commands, logs, messages. Pure.

Rules are exact about what they take: digests, uids, resource versions, commit ids, certificates and the names of Secrets stay readable.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass

from bot.values.assignments import is_credential, redact_assignments

__all__ = ["is_credential", "redact"]

Mark = Callable[[str], str]
"""The marker of a value."""


@dataclass(frozen=True, slots=True)
class _Rule:
    """Text that holds any of `hints` is searched for `pattern`; its group `value` (or all of it) is replaced if `accepts` says so."""

    hints: tuple[str, ...]
    pattern: re.Pattern[str]
    accepts: Callable[[str], bool] = lambda _: True
    is_any_case: bool = False
    """Whether the hints, in lower case, stand for themselves in any letters."""

    def is_hinted(self, text: str, lowered: str) -> bool:
        searched = lowered if self.is_any_case else text
        return any(hint in searched for hint in self.hints)


_KEY_END = re.compile(r"-----END [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----")
_LINE_BREAK = re.compile(r"\\+[nr]|[\r\n]")
_BASE64 = re.compile(r"[A-Za-z0-9+/=]{4,}")
_SHORTEST_TAIL = 4
_LONGEST_KEY = 16_384
"""Characters of a private key in PEM form, at most."""


def redact(text: str, mark: Mark) -> str:
    """The text with a marker in place of every credential that is found in it."""
    for hint in _HINTS:  # a plain loop: most texts have none of them, and a list of events has thousands of texts
        if hint in text:
            return redact_assignments(_apply_rules(text, mark), mark)
    lowered = text.lower()
    for hint in _HINTS_OF_ANY_CASE:
        if hint in lowered:
            return redact_assignments(_apply_rules(text, mark), mark)
    return redact_assignments(text, mark)


def _apply_rules(text: str, mark: Mark) -> str:
    """The text with a marker in place of what is known by its own form, whatever name it is given. The same text if none of the rules'
    hints is in it."""
    lowered = text.lower()
    for rule in _RULES:
        if rule.is_hinted(text, lowered):
            text = rule.pattern.sub(lambda found, rule=rule: _replace(found, rule, mark), text)  # type: ignore[misc]
    return _redact_tails(text, mark)


def _redact_tails(text: str, mark: Mark) -> str:
    """Without the last lines of private keys whose first lines were cut off."""
    shown: list[str] = []
    done = floor = 0
    for end in _KEY_END.finditer(text) if "PRIVATE KEY" in text else ():
        if end.start() - floor < _SHORTEST_TAIL:
            floor = end.end()
            continue
        start = _start_of_tail(text, max(floor, end.start() - _LONGEST_KEY), end.start())
        floor = end.end()
        if start < end.start():
            shown += (text[done:start], mark(text[start : end.start()]))
            done = end.start()
    return "".join((*shown, text[done:])) if shown else text


def _start_of_tail(text: str, floor: int, end: int) -> int:
    """Where the lines of base64 begin that go right up to `end`; `end` if there are none."""
    start = end
    for line_break in reversed([floor, *(floor + found.end() for found in _LINE_BREAK.finditer(text[floor:end]))]):
        line = _LINE_BREAK.sub("", text[line_break:start]).strip(" \t\"',>|")
        if line and _BASE64.fullmatch(line) is None:
            break
        start = line_break
    return start


def _replace(found: re.Match[str], rule: _Rule, mark: Mark) -> str:
    whole, groups = found[0], found.groupdict()
    value = groups.get("value", whole)
    if value.startswith("[redacted:") or not rule.accepts(value):
        return whole
    if "value" not in groups:
        return mark(whole)
    start, end = found.start("value") - found.start(), found.end("value") - found.start()
    return whole[:start] + mark(value) + whole[end:]


def _is_mixed(value: str) -> bool:
    """Whether it has small and capital letters and digits, as generated keys have and names of objects have not."""
    return any(c.islower() for c in value) and any(c.isupper() for c in value) and any(c.isdigit() for c in value)


def _decodes_to(*parts: bytes) -> Callable[[str], bool]:
    def accepts(value: str) -> bool:
        text = value.rstrip("=")
        decoded = base64.b64decode(text[: len(text) // 4 * 4])
        return any(part in decoded for part in parts)

    return accepts


def _is_basic(value: str) -> bool:
    """Whether it is `user:password` in base64."""
    try:
        decoded = base64.b64decode(value + "=" * (-len(value) % 4), validate=True).decode()
    except (binascii.Error, ValueError):
        return False
    return ":" in decoded and decoded.isprintable()


def _is_password_part(value: str) -> bool:
    return re.match(r"\d{1,5}/|\$|<|\*+$|xxxxx$", value) is None  # `host:8080/path@x`, `user:$PASSWORD@`, a mask


_GAP = r"(?:\\+[nr]|[\s\"',>|])+"
"""What stands between two lines of a PEM block: line breaks (also escaped ones), indentation, quotes."""


def _starting(beginning: str, rest: str) -> re.Pattern[str]:
    """Not in the middle of a word. The pattern begins with the letters: `re` searches for those much faster than for what precedes them."""
    return re.compile(f"{re.escape(beginning)}(?<![A-Za-z0-9_-]{re.escape(beginning)}){rest}")


def _any_case(word: str) -> str:
    return "".join(f"[{letter}{letter.upper()}]" for letter in word)


_PEM = _Rule(
    ("PRIVATE KEY-----", "PRIVATE KEY BLOCK-----"),
    re.compile(
        r"-----BEGIN ([A-Z0-9 ]{0,30})PRIVATE KEY( BLOCK|)-----"
        r"(?:[^-]*(?:-{1,4}[^-]+)*-----END \1PRIVATE KEY\2-----"
        rf"|(?:{_GAP}[A-Za-z0-9+/=]{{8,}})*)"
    ),
)
_ENCODED = (
    _Rule(("LS0tLS1CRUdJTi",), re.compile(r"LS0tLS1CRUdJTi[A-Za-z0-9+/]{20,}={0,2}"), _decodes_to(b"PRIVATE KEY")),
    *(_Rule((begin,), re.compile(begin + r"[A-Za-z0-9+/]{8,}={0,2}")) for begin in ("eyJhdXRocyI6", "ewogICJhdXRo", "ewoJImF1dGhzI")),
    _Rule(("eyJ",), _starting("eyJ", r"[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}(?:\.[A-Za-z0-9_-]*){0,3}")),
    _Rule(("ZXlK",), re.compile(r"ZXlK(?<![A-Za-z0-9+/]ZXlK)[A-Za-z0-9+/]{40,}={0,2}"), _decodes_to(b".eyJ", b".ey")),
)
_IN_HEADERS = (
    _Rule(
        ("bearer",),
        re.compile(_any_case("bearer") + r"(?<!\w.{6})[ \t]+[\"']?(?P<value>[A-Za-z0-9._~+/-]{16,}=*)"),
        lambda value: any(c.isdigit() for c in value) or not value.islower(),
        is_any_case=True,
    ),
    _Rule(
        ("basic",),
        re.compile(_any_case("basic") + r"(?<!\w.{5})[ \t]+[\"']?(?P<value>[A-Za-z0-9+/_-]{6,}={0,2})"),
        _is_basic,
        is_any_case=True,
    ),
    _Rule(
        ("authorization",),
        re.compile(
            _any_case("authorization") + r"[\"']?\s*[:=]\s*[\"']?(?i:token|apikey|aws4-hmac-sha256|digest|negotiate)\s+"
            r"(?P<value>[^\r\n\"']{8,})"
        ),
        is_any_case=True,
    ),
    _Rule(
        ("://",),
        re.compile(r"://[^\s:/@\"'<>]{0,100}+:(?P<value>[^\s@\"'<>]{0,200}+(?:@[^\s@\"'<>]{0,200}+){0,8})@(?=[\w.\[%-])"),
        _is_password_part,
    ),
    _Rule(
        ("hooks.slack.com",),
        re.compile(r"(?i:hooks\.slack\.com)/(?:services|workflows|triggers)/(?P<value>[A-Za-z0-9/_-]{20,})"),
        is_any_case=True,
    ),
)
_OF_PROVIDERS = (
    *(_Rule((begin,), _starting(begin, r"[A-Z2-7]{16}(?![A-Za-z0-9])")) for begin in ("AKIA", "ASIA", "ABIA", "ACCA")),
    _Rule(("AIza",), _starting("AIza", r"[A-Za-z0-9_-]{35}(?![A-Za-z0-9_-])")),
    _Rule(("AQ.",), _starting("AQ.", r"[A-Za-z0-9_-]{30,}"), _is_mixed),
    *(_Rule((begin,), _starting(begin, r"[A-Za-z0-9_-]{20,}")) for begin in ("ya29.", "GOCSPX-", "hvs.", "hvb.", "hvr.")),
    *(_Rule((begin,), _starting(begin, r"[A-Za-z0-9]{30,}")) for begin in ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "hf_")),
    _Rule(("github_pat_",), _starting("github_pat_", r"[A-Za-z0-9_]{22,}")),
    _Rule(("gl",), _starting("gl", r"(?:pat|ptt|ft|dt|rt|soat|cbt|imt|agent|oas|sa|c)[-_][A-Za-z0-9_=-]{20,}"), _is_mixed),
    _Rule(("xox",), _starting("xox", r"[a-z](?:\.xox[a-z])?-[A-Za-z0-9-]{10,}")),
    _Rule(("xapp-",), _starting("xapp-", r"\d-[A-Za-z0-9-]{10,}")),
    _Rule(("sk-",), _starting("sk-", r"[A-Za-z0-9_-]{20,}"), _is_mixed),
    *(_Rule((begin,), _starting(begin, r"(?:live|test)_[A-Za-z0-9]{16,}")) for begin in ("sk_", "rk_", "pk_")),
    _Rule(("npm_",), _starting("npm_", r"[A-Za-z0-9]{36}")),
    _Rule(("dckr_pat_",), _starting("dckr_pat_", r"[\w-]{20,}")),
    _Rule(("dop_v1_",), _starting("dop_v1_", r"[a-f0-9]{64}")),
    _Rule(("pypi-AgE",), _starting("pypi-AgE", r"[A-Za-z0-9_-]{50,}")),
    _Rule(("SG.",), _starting("SG.", r"[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}")),
    _Rule(("AGE-SECRET-KEY-1",), re.compile(r"AGE-SECRET-KEY-1[A-Z0-9]{40,}")),
)
_RULES = (_PEM, *_ENCODED, *_IN_HEADERS, *_OF_PROVIDERS)
"""Credentials that are known by their own form. Order matters: what holds others comes first."""
_HINTS = tuple(dict.fromkeys(hint for rule in _RULES if not rule.is_any_case for hint in rule.hints))
"""The end of a private key, which no rule of its own stands for, has a hint of the first rule in it."""
_HINTS_OF_ANY_CASE = tuple(dict.fromkeys(hint for rule in _RULES if rule.is_any_case for hint in rule.hints))
