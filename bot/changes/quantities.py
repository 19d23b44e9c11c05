"""Kubernetes quantities (`100m`, `0.5Gi`, `1e3`), compared by value. Pure.

Grammar: `k8s.io/apimachinery/pkg/api/resource/quantity.go`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

from bot.values.requests import Json

_QUANTITY = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))(?:([eE][+-]?\d{1,3})|([numkMGTPE]|[KMGTPE]i)?)")
_FACTORS = {
    "n": Fraction(1, 10**9),
    "u": Fraction(1, 10**6),
    "m": Fraction(1, 1000),
    "k": Fraction(1000),
    **{letter: Fraction(1000 ** (power + 2)) for power, letter in enumerate("MGTPE")},
    **{f"{letter}i": Fraction(1024 ** (power + 1)) for power, letter in enumerate("KMGTPE")},
}
_HOLDERS = frozenset({"requests", "limits"})
_ALONE = {"sizeLimit": "emptyDir", "divisor": "resourceFieldRef", "averageValue": "target", "value": "target"}
_RANGES = frozenset({"max", "min", "default", "defaultRequest", "maxLimitRequestRatio"})


def parse(value: Json) -> Fraction | None:
    """The number that a quantity stands for; None if it is not one."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    found = _QUANTITY.fullmatch(str(value))
    if found is None:
        return None
    number, exponent, suffix = found.groups()
    if exponent:
        return Fraction(Decimal(number + exponent))
    return Fraction(Decimal(number)) * _FACTORS.get(suffix or "", Fraction(1))


def are_equal(old: Json, new: Json) -> bool:
    """Whether both are quantities of the same value."""
    first = parse(old)
    return first is not None and first == parse(new)


def holds_quantity(keys: Sequence[str]) -> bool:
    """Whether the field at these keys (list items by their merge key) is a quantity. Only places the Kubernetes API defines:
    `cpu: 1` in a ConfigMap is text, and `1000m` is another text."""
    if len(keys) < 2:
        return False
    last, parent = keys[-1], keys[-2]
    above = keys[-3] if len(keys) > 2 else ""
    if parent in _HOLDERS and above == "resources":
        return True
    if parent in _RANGES and len(keys) > 3 and keys[-4] == "limits":
        return True
    if parent in ("hard", "capacity", "allocatable") and above in ("spec", "status"):
        return True
    return parent == "podFixed" or _ALONE.get(last) == parent
