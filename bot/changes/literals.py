"""Credentials that stand in ordinary objects as they are (`env`, ConfigMaps): a diff says that they change, not what they are. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from bot.changes.change import FieldDiff
from bot.values import redact_text
from bot.values.requests import Json

HIDDEN = "(hidden)"


def shown(fields: Iterable[FieldDiff]) -> Iterator[FieldDiff]:
    """The same fields without what looks like a credential, by its form or by the name it is given."""
    for field in fields:
        name = _name(field.path)
        old, new = hide(field.old, name), hide(field.new, name)
        yield field if old is field.old and new is field.new else replace(field, old=old, new=new)


def hide(value: Json, name: str = "") -> Json:
    """The value, given under this name, without the credentials in it; the same value if there is none."""
    if isinstance(value, str):
        if redact_text.is_credential(name, value):
            return HIDDEN
        hidden = redact_text.redact(value, lambda _: HIDDEN)
        return value if hidden == value else hidden
    if isinstance(value, dict):
        items = {key: hide(item, _named(value, key, name)) for key, item in value.items()}
        return value if all(items[key] is value[key] for key in items) else items
    if isinstance(value, list):
        parts = [hide(item, name) for item in value]
        return value if all(part is item for part, item in zip(parts, value, strict=True)) else parts
    return value


def holds_hidden(field: FieldDiff) -> bool:
    """Whether equal fields like this one need not be equal in the cluster."""
    return _holds_hidden(field.old) or _holds_hidden(field.new)


def _holds_hidden(value: Json) -> bool:
    if isinstance(value, dict):
        return any(_holds_hidden(item) for item in value.values())
    if isinstance(value, list):
        return any(_holds_hidden(item) for item in value)
    return isinstance(value, str) and HIDDEN in value


def _named(item: dict[str, Json], key: str, name: str) -> str:
    """What the value of a key is called: `{"name": "DB_PASSWORD", "value": …}` says it elsewhere, `env[DB_PASSWORD]` above."""
    if key != "value":
        return key
    own = item.get("name")
    return own if isinstance(own, str) else name


def _name(path: str) -> str:
    """`…env[DB_PASSWORD].value` → `DB_PASSWORD`, `metadata.annotations["example.com/token"]` → `example.com/token`, `data.a` → `a`."""
    path = path.removesuffix(".value") if path.endswith("].value") else path
    if path.endswith("]"):
        return path[path.rfind("[") + 1 : -1].strip('"')
    return path[path.rfind(".") + 1 :]
