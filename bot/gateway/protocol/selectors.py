"""Label and field selectors, parsed and matched as `k8s.io/apimachinery` does. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bot.values.requests import Json

_SET_TERM = re.compile(r"^\s*(?P<key>[^\s!=,()<>]+)\s+(?P<op>in|notin)\s*\((?P<values>[^()]*)\)\s*$")
_COMPARE_TERM = re.compile(r"^\s*(?P<key>[^\s!=,()<>]+)\s*(?P<op>==|!=|=|>|<)\s*(?P<value>[^\s!=,()<>]*)\s*$")
_EXISTS_TERM = re.compile(r"^\s*(?P<absent>!?)\s*(?P<key>[^\s!=,()<>]+)\s*$")


@dataclass(frozen=True, slots=True)
class Term:
    """One requirement: `op` is `in`, `notin`, `exists`, `absent`, `>` or `<`."""

    key: str
    op: str
    values: tuple[str, ...] = ()

    def holds(self, value: str | None) -> bool:
        """Whether a field or label with this value (None: not there) fulfils the requirement."""
        if self.op == "in":
            return value is not None and value in self.values
        if self.op == "notin":
            return value is None or value not in self.values
        if self.op in (">", "<"):
            return value is not None and _compare(value, self.op, self.values[0])
        return (value is not None) == (self.op == "exists")


def parse_labels(selector: str) -> tuple[Term, ...] | None:
    """`app=web,tier in (a,b),!canary` → terms; None where it cannot be read."""
    terms = []
    for piece in _split_outside_brackets(selector):
        if found := _SET_TERM.match(piece):
            terms.append(Term(found["key"], found["op"], tuple(v.strip() for v in found["values"].split(","))))
        elif found := _COMPARE_TERM.match(piece):
            op = {"=": "in", "==": "in", "!=": "notin"}.get(found["op"], found["op"])
            terms.append(Term(found["key"], op, (found["value"],)))
        elif found := _EXISTS_TERM.match(piece):
            terms.append(Term(found["key"], "absent" if found["absent"] else "exists"))
        else:
            return None
    return tuple(terms)


def parse_fields(selector: str) -> tuple[Term, ...] | None:
    """`metadata.name=a,status.phase!=Running` → terms; None where it cannot be read. A backslash escapes `,`, `=` and itself."""
    terms = []
    for piece in _split_escaped(selector):
        for sign, op in (("!=", "notin"), ("==", "in"), ("=", "in")):
            key, found, value = piece.partition(sign)
            if found:
                terms.append(Term(key, op, (re.sub(r"\\(.)", r"\1", value),)))
                break
        else:
            return None
    return tuple(terms)


def exact_field(selector: str, field: str) -> str:
    """The one value that `field` must have by this field selector, or '' if it asks for none."""
    for term in parse_fields(selector) or ():
        if term.key == field and term.op == "in":
            return term.values[0]
    return ""


def matches(item: Json, label_selector: str, field_selector: str) -> bool:
    """Whether an object fulfils both selectors. What cannot be read selects nothing."""
    labels, fields = parse_labels(label_selector), parse_fields(field_selector)
    if labels is None or fields is None:
        return False
    own = (item.get("metadata") or {}).get("labels") or {}
    return all(t.holds(own.get(t.key)) for t in labels) and all(t.holds(_field(item, t.key)) for t in fields)


def _field(item: Json, path: str) -> str:
    value: Json = item
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _compare(value: str, op: str, bound: str) -> bool:
    try:
        return int(value) > int(bound) if op == ">" else int(value) < int(bound)
    except ValueError:
        return False


def _split_outside_brackets(selector: str) -> list[str]:
    pieces, depth, start = [], 0, 0
    for position, char in enumerate(selector):
        depth += (char == "(") - (char == ")")
        if char == "," and depth == 0:
            pieces.append(selector[start:position])
            start = position + 1
    pieces.append(selector[start:])
    return [piece for piece in pieces if piece.strip()]


def _split_escaped(selector: str) -> list[str]:
    return [piece for piece in re.split(r"(?<!\\)(?:\\\\)*,", selector) if piece]
