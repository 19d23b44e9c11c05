"""The card of a change: a picture of its row, for every state. Pure."""

from __future__ import annotations

import orjson

from bot.changes import undo
from bot.changes.change import Change, State
from bot.changes.freeze import Freeze
from bot.changes.impact.effects import enumerate_some
from bot.changes.propose import EDITED
from bot.settings import ChangeSettings
from bot.slack import limits
from bot.slack.rendering.answers import Otherwise
from bot.slack.rendering.blocks import Block, Rendered, actions, button, preformatted, rich_text, section
from bot.slack.rendering.differences import describe_fields, render_objects
from bot.slack.rendering.outcomes import choose_mark, describe_outcome, describe_state, list_refused, list_sentences
from bot.slack.rendering.text import (
    cut_end,
    flatten,
    is_group_id,
    is_user_id,
    make_fallback,
    make_name,
    mention,
    reveal,
    say_when,
    show_day_and_time,
    show_time,
)
from bot.values.people import Reach

APPROVE, DENY, DETAILS, EDIT, STOP, UNDO, CONTINUE = "approve", "deny", "details", "edit", "stop", "undo", "continue"
"""Action ids of our buttons: the words `Click.action` carries."""


def render_change(
    change: Change,
    rules: ChangeSettings,
    now: float,
    *,
    freeze: Freeze | None = None,
    reach: Reach = Reach.SEEN,
    successor_link: str = "",
) -> Rendered:
    """The card at `now` (epoch seconds). `freeze` is what holds on its cluster, `reach` who of those who may approve sees it,
    `successor_link` the address of the card that superseded this one, if known."""
    is_lapsed = change.state is State.PROPOSED and now >= change.expires_at
    is_frozen = change.is_open and freeze is not None and freeze.holds(now)
    can_undo = undo.is_offered(change, rules.undo_seconds, now)
    blocks = [_render_head(change, is_lapsed, successor_link, change.decided_at + rules.undo_seconds if can_undo else None)]
    blocks.append(_render_body(change))
    if change.is_shown_only:
        blocks.append(section(describe_unseen(rules)))
    elif freeze is not None and is_frozen:
        blocks.append(section(describe_freeze(freeze)))
    elif change.state is State.PROPOSED and not is_lapsed:
        blocks.append(section(describe_approvers(change, rules, reach)))
    if buttons := _render_buttons(change, is_lapsed=is_lapsed, is_frozen=is_frozen, can_undo=can_undo):
        blocks.append(buttons)
    return Rendered(make_fallback(_summarize(change, is_lapsed)), tuple(blocks))


def render_otherwise(change: Change, now: float, *, whole: str = "", is_filed: bool = False, is_seen: bool = False) -> Otherwise:
    """For where Slack refuses the card: words in the thread decide as its buttons do, but nobody is asked to approve what they
    cannot see. `whole` is all of the change as text, `is_filed` says that a file in the thread has it, `is_seen` that something
    else there has."""
    if change.is_shown_only:
        unseen = "Nobody who may approve it sees our direct messages; ask for it in a channel where approvers are."
        return Otherwise(f"Change {change.id} was not applied", unseen, whole, unseen)
    if change.state is not State.PROPOSED or now >= change.expires_at:
        state = "lapsed" if change.state is State.PROPOSED else str(change.state)
        return Otherwise(f"Change {change.id} is now: {state}", "The Home of kubectl-ai lists the changes you asked for.")
    decide = f"eply `approve {change.id}` or `deny {change.id} why` in this thread; the Home of kubectl-ai lists what waits for you."
    filed = f"All of it is in the file `change-{change.id}.txt` in this thread: read that first, then r{decide}"
    unseen = f"It cannot be approved before all of it is in this thread; `deny {change.id} why` is possible."
    rest = filed if is_filed else f"R{decide}" if is_seen else unseen
    return Otherwise(f"Change {change.id} waits for a decision", rest, whole, f"R{decide}")


def encode_target(change: Change, *, is_home: bool = False) -> str:
    """What a button carries: the number and the digest that was shown, nothing that could be changed on the way."""
    target = {"id": change.id, "digest": change.digest}
    return orjson.dumps(target | {"home": True} if is_home else target).decode()


def describe_approvers(change: Change, rules: ChangeSettings, reach: Reach = Reach.SEEN) -> str:
    """`May approve: @oncall, not the asker · lapses at 14:17`, as mrkdwn with live mentions."""
    lapses = f"lapses {say_when(change.expires_at, change.created_at)}"
    approvers = list_approvers(rules)
    if not approvers:
        return f"⚠️ Nobody may approve this: the settings name no `changes.approvers` · {lapses}"
    itself = "" if rules.self_approval else ", not the asker"
    if reach is not Reach.SEEN:
        return f"⚠️ May approve: {approvers}{itself}. None of them is in this channel now: invite one, or nobody sees this · {lapses}"
    return f"May approve: {approvers}{itself} · {lapses}"


def describe_unseen(rules: ChangeSettings) -> str:
    """Why the change cannot be approved where it is shown, and what to do, as mrkdwn."""
    where = "where those are who may approve" + (f": {approvers}" if (approvers := list_approvers(rules)) else "")
    return f"⚠️ Nobody who may approve this sees our direct messages, so it lapsed at once. Ask for it in a channel {where}."


def list_approvers(rules: ChangeSettings) -> str:
    """Everybody who may approve, as live mentions; '' if nobody may."""
    approvers = [mention(target) for target in rules.approvers if is_user_id(target) or is_group_id(target)]
    left = len(approvers) - limits.APPROVERS
    more = f" and {left} more" if left > 0 else ""
    return f"{', '.join(approvers[: limits.APPROVERS])}{more}"


def describe_freeze(freeze: Freeze) -> str:
    """`🧊 Frozen until today at 16:00 by @ana: sale`, as mrkdwn."""
    until = "until somebody lifts it" if freeze.until is None else f"until {show_day_and_time(freeze.until)}"
    return f"🧊 *Frozen* {until} by {mention(freeze.by)}: {make_name(freeze.reason, limits.SENTENCE_CHARS)}"


def _render_head(change: Change, is_lapsed: bool, successor_link: str, undo_until: float | None) -> Block:
    state = describe_state(change, is_lapsed, successor_link)
    if undo_until is not None:
        state += f" · undo until {show_day_and_time(undo_until)}"
    namespace = make_name(change.namespace) or "no namespace"
    place = f"{make_name(change.cluster)} · {namespace}"
    title = f"{choose_mark(change, is_lapsed)} *Change {change.id}*"
    first = f"{title} · {state}" if state else f"{title} · {place}"
    origin = f"asked by {mention(change.asked_by)} at {show_time(change.created_at)}"
    replaces = f" · replaces Change {change.supersedes}{_why_fresh(change)}" if change.supersedes and change.is_open else ""
    undoes = f" · undoes Change {change.undoes}" if change.undoes is not None else ""
    return section(f"{first}\n{f'{place} · ' if state else ''}{origin}{undoes}{replaces}")


def _why_fresh(change: Change) -> str:
    return "" if any(line.startswith(EDITED) for line in change.impact) else ", the object has moved"


def _render_body(change: Change) -> Block:
    command = cut_end(reveal(change.command), limits.CARD_COMMAND_CHARS, limits.CARD_COMMAND_LINES, "see Details")
    elements = [*preformatted(command or "(no command)"), *render_objects(change.diffs)]
    if change.state is not State.DENIED:
        elements += [*list_refused(change.refused), *list_sentences(_collect_notes(change))]
    return rich_text(*elements, *describe_outcome(change))


def _collect_notes(change: Change) -> list[str]:
    """What a person must read before deciding; afterwards only impact lines would be noise."""
    titles: dict[str, list[str]] = {}  # what is said of several objects is one line: the lines of a card are few
    for diff in change.diffs:
        for note in diff.notes:
            titles.setdefault(note, []).append(diff.title)
    notes = [f"⚠️ {enumerate_some(list(dict.fromkeys(of_note)))}: {note}" for note, of_note in titles.items()]
    notes += [f"⚠️ {write.note}" for write in change.writes if write.note and write.note not in titles]
    return [*notes, *(line for line in change.impact if change.is_open or undo.is_lasting(line))]


def _render_buttons(change: Change, *, is_lapsed: bool, is_frozen: bool, can_undo: bool) -> Block | None:
    target = encode_target(change)
    buttons: list[Block] = []
    if change.state is State.PROPOSED and not is_lapsed:
        buttons += [] if is_frozen else [button("Approve", APPROVE, target, "primary")]
        buttons.append(button("Deny…", DENY, target, "danger"))
    if can_undo:
        buttons.append(button("Undo", UNDO, target))
    if change.writes or change.diffs:  # the diff stays when the requests are forgotten, and the card may lead there for the rest of it
        buttons.append(button("Details", DETAILS, target))
    # A command that was computed is nobody's to edit, a very long one has no room in a window.
    if change.state is State.PROPOSED and not is_lapsed and change.undoes is None and 0 < len(change.command) <= limits.INPUT_TEXT:
        buttons.append(button("Edit…", EDIT, target))
    return actions(f"change-{change.id}-{change.state}", *buttons) if buttons else None


def _summarize(change: Change, is_lapsed: bool) -> str:
    """One plain sentence: what a notification shows."""
    state = {State.PROPOSED: "waits for approval", State.EXPIRED: "lapsed", State.REPLAYING: "is being applied"}.get(
        change.state, str(change.state)
    )
    fields = [f"{diff.title} {' '.join(field.split())}" for diff in change.diffs[:1] for field in describe_fields(diff.fields[:1]) if field]
    what = fields[0] if fields else flatten(change.command, limits.SUMMARY_COMMAND_CHARS)
    state = "cannot be approved in a direct message" if change.is_shown_only else "lapsed" if is_lapsed else state
    return f"Change {change.id} on {change.cluster} {state}: {what}"
