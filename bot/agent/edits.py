"""What becomes of a change whose command its asker edited, in words. Pure."""

from __future__ import annotations

from bot.changes.change import Change, State
from bot.values.transcript import ToolResult

WITHDRAWN = "The asker edited the command into one that changes nothing."
"""The reason of changes that an edited command withdrew."""


def has_failed(result: ToolResult) -> bool:
    """Whether the edited command, which recorded no write, did not run to a good end: a typing error must cost nobody their change."""
    return result.status != "ok" or result.exit_code != 0


def after_failure(edited: Change) -> str:
    """Of a change as it was when its edited command failed; '' if it was decided before that."""
    return f"The edited command failed, so change {edited.id} is as it was." if edited.is_open else ""


def after_nothing(edited: Change) -> str:
    """Of a change as it is after its edited command ran and changed nothing."""
    if edited.state is State.DENIED and edited.reason == WITHDRAWN:
        return f"The edited command changes nothing, so change {edited.id} is withdrawn."
    return f"The edited command changes nothing; change {edited.id} was decided meanwhile."


def beside(change_id: int) -> str:
    """Of a change that was decided before its edited command was rehearsed, and came to a change too."""
    return f"Change {change_id} was decided before the edited command was rehearsed, so this is one beside it."
