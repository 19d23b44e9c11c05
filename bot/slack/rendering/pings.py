"""What people are pinged about besides the card: that a change lapses soon, and that it lapsed. Pure."""

from __future__ import annotations

from bot.changes.change import Change
from bot.settings import ChangeSettings
from bot.slack import limits
from bot.slack.rendering.blocks import Rendered, section
from bot.slack.rendering.cards import list_approvers
from bot.slack.rendering.text import escape, flatten, make_fallback, make_name, mention, say_when
from bot.values.people import Reach


def render_reminder(change: Change, rules: ChangeSettings, link: str, reach: Reach = Reach.SEEN) -> Rendered:
    """To everybody who may approve, or to the asker where none of them would see it. `link` is the address of the card, '' if it is not
    known."""
    is_seen = reach is Reach.SEEN
    whom = (list_approvers(rules) if is_seen else "") or mention(change.asked_by)
    waits = f"still waits for a decision and lapses {say_when(change.expires_at, change.reminded_at)}."
    if not is_seen:
        waits += " None of those who may approve is in this channel: invite one."
    text = f"⏰ {whom} {_name(change, link)} {waits}\n{_show_command(change)}"
    return Rendered(make_fallback(f"Change {change.id} on {change.cluster} still waits for a decision and lapses soon"), (section(text),))


def render_lapse(change: Change, link: str) -> Rendered:
    """To the asker."""
    why = "It was approved, but not carried out in time." if change.decided_by else "Nobody decided in time."
    text = f"⌛ {mention(change.asked_by)} {_name(change, link)} lapsed, nothing was applied. {why} Ask again if it is still wanted."
    return Rendered(make_fallback(f"Change {change.id} on {change.cluster} lapsed, nothing was applied"), (section(text),))


def _name(change: Change, link: str) -> str:
    name = f"<{escape(link)}|Change {change.id}>" if link else f"Change {change.id}"
    return f"{name} on {make_name(change.cluster)}"


def _show_command(change: Change) -> str:
    return f"`{escape(flatten(change.command, limits.TITLE_CHARS).replace('`', chr(39))) or '(no command)'}`"
