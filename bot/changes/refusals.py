"""What of a command was refused, and so is no part of its change, in words. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from bot.values.requests import RefusedRequest


def lines(refused: Sequence[RefusedRequest], most: int) -> list[str]:
    """One line for one request; for several a headline, the first `most` of them, and how many more there are. [] for none."""
    if len(refused) < 2:
        return [f"1 request was refused and is not part of this change: {describe(one)}" for one in refused]
    left = len(refused) - most
    more = [f"… {left:,} more, see Details"] if left > 0 else []
    return [f"{len(refused):,} requests were refused and are not part of this change:", *map(describe, refused[:most]), *more]


def describe(refused: RefusedRequest) -> str:
    """`POST Deployment shop/web – spec.replicas: Invalid value`"""
    return f"{refused.method} {refused.title or refused.path} – {refused.reason}"


def describe_fully(refused: RefusedRequest) -> str:
    """The same, and below it the path and the status: lines of their own, whatever the reason holds."""
    status = f" → HTTP {refused.status}" if refused.status else ""
    below = [f"{refused.method} {refused.path}{status}"] if refused.title or status else []
    return "\n  ".join([*describe(refused).splitlines(), *below])
