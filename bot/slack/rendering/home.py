"""The App Home and the answers to `/kubectl-ai status` and the like: what one person sees of everything. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest

from bot.changes import undo
from bot.changes.change import Change, State
from bot.slack import limits
from bot.slack.parse import Bot
from bot.slack.rendering.blocks import Block, Rendered, actions, button, context, count_chars, header, link_button, plain, section
from bot.slack.rendering.cards import DENY, DETAILS, UNDO, describe_freeze, encode_target
from bot.slack.rendering.outcomes import choose_mark, describe_state
from bot.slack.rendering.text import (
    escape,
    flatten,
    make_fallback,
    make_name,
    make_permalink,
    mention,
    say_count,
    say_when,
    show_day_and_time,
    show_time,
    wrap_links,
)
from bot.threads.inbound.overview import Health, Overview, ThreadLine
from bot.values.people import ThreadKey

PROMPTS = (
    ("What is broken?", "Which workloads are unhealthy, and why?"),
    ("Triage", "triage"),
    ("Recent restarts", "Which pods restarted within the last hour, and why?"),
    ("What changed?", "Which rollouts happened today, and did they go well?"),
)
"""(title, message) of the questions that direct messages suggest; the manifest has the same."""

OPEN = "open_card"
"""Action id of a button that only leads somewhere: nothing is done when Slack tells of its press."""

_MARKS = {"working": "⏳", "waiting": "⏸", "idle": "·"}


def render_home(overview: Overview, bot: Bot, links: Mapping[int, str]) -> Block:
    """The Home view. `links` are the addresses of the cards of open changes, by their numbers."""
    parts = _render_parts(overview, bot, links)
    left = len(parts) - limits.VIEW_BLOCKS
    cut = [context(f"⚠️ {say_count(left, 'part')} have no room here; `/kubectl-ai status` tells of them.")] if left > 0 else []
    asof = context(f"As of {show_time(overview.now)}. Open this tab again for a newer view.")
    return {"type": "home", "callback_id": "home", "blocks": [*parts[: limits.VIEW_BLOCKS], *cut, asof]}


def render_plain_home(error: str) -> Block:
    """The Home where Slack refuses the real one: what can still be done, without any layout."""
    told = (
        f"Slack would not show this page ({flatten(error, limits.NAME_CHARS)}). Write `/kubectl-ai status` in a channel: it says the same."
    )
    return {"type": "home", "callback_id": "home", "blocks": [{"type": "section", "text": plain(told)}]}


def render_overview(overview: Overview, bot: Bot) -> Rendered:
    """The same as a message."""
    blocks: list[Block] = []
    room = limits.OVERVIEW_CHARS
    parts = _render_parts(overview, bot)
    for index, block in enumerate(parts):
        room -= count_chars(block)
        if room < 0 or len(blocks) >= limits.BLOCKS_IN_MESSAGE - 1:
            left = say_count(len(parts) - index, "part")
            blocks.append(context(f"⚠️ {left} have no room here; the Home tab of kubectl-ai shows them."))
            break
        blocks.append(block)
    said = next((block["text"]["text"] for block in blocks if block["type"] in {"section", "header"}), "kubectl-ai")
    return Rendered(make_fallback(said), tuple(blocks))


def _render_parts(overview: Overview, bot: Bot, links: Mapping[int, str] | None = None) -> list[Block]:
    """With `links`, changes have buttons: only the Home is drawn again after a press. None of them approves: that is done where all of
    a change is seen, at its card."""
    if overview.refusal:
        return [section(escape(overview.refusal))]
    blocks: list[Block] = []
    now, seconds = overview.now, overview.undo_seconds
    if overview.deciding is not None:
        blocks += _list_open("Waiting for your decision", overview.deciding, bot, now, links=links, otherwise="Nothing.")
    if overview.waiting:
        blocks += _list_open("Yours, waiting for others", overview.waiting, bot, now, links=links, otherwise="")
    if overview.freezes:
        blocks += _list("Frozen", [f"*{make_name(freeze.cluster)}* · {describe_freeze(freeze)}" for freeze in overview.freezes], "")
    if overview.threads is not None:
        none = "None is working or waiting; `/kubectl-ai threads` lists the latest." if overview.only_busy else "You have none yet."
        blocks += _list("Your latest threads", [_describe_thread(line, bot) for line in overview.threads], none)
    if overview.recent is not None:
        closed = [change for change in overview.recent if not change.is_open]
        lines = [_describe_recent(change, bot, now, seconds, is_undoing=change.id in overview.undoing) for change in closed]
        offers = [] if links is None else [_offer_undo(change, overview) for change in closed]
        blocks += _list("Recent changes of yours", lines, "No changes yet.", offers)
    if overview.clusters is not None:
        blocks += _list("Clusters", [_describe_health(health) for health in overview.clusters], "No cluster is set.")
    if overview.models is not None:
        names = " · otherwise ".join(f"*{make_name(name)}*" for name in overview.models)
        blocks.append(section(f"Model: {names}" if names else "No model is set: only command lines and `triage` are answered."))
    if overview.problems is not None:
        found = [f"✗ {_literal(problem)}" for problem in overview.problems]
        blocks += _list("Problems", found, "✓ None: scopes, model and approvers are as they should be.")
    return blocks


def _list(title: str, lines: Sequence[str], otherwise: str, buttons: Sequence[Block | None] = ()) -> list[Block]:
    """A heading and lines, as many to a section as fit; `buttons` are those below each line."""
    blocks: list[Block] = [header(title)]
    room = 0
    for line, below in zip_longest(lines or ([otherwise] if otherwise else []), buttons):
        if len(line) < room:
            blocks[-1]["text"]["text"] += f"\n{line}"
        else:
            blocks.append(section(line))
            room = limits.MRKDWN_CHARS
        room -= len(line) + 1
        if below is not None:
            blocks.append(below)
            room = 0
    return blocks


def _list_open(
    title: str, changes: Sequence[Change], bot: Bot, now: float, *, links: Mapping[int, str] | None, otherwise: str
) -> list[Block]:
    listed = changes[: limits.HOME_CHANGES]
    offers = [] if links is None else [_offer_decision(change, now, links.get(change.id, "")) for change in listed]
    left = len(changes) - len(listed)
    more = [context(f"{left} more {'is' if left == 1 else 'are'} not listed here; see the cards in their threads.")] if left else []
    return [*_list(title, [_describe_change(change, bot, now) for change in listed], otherwise, offers), *more]


def _offer_decision(change: Change, now: float, link: str) -> Block | None:
    target, number = encode_target(change), f"change {change.id}"
    buttons = [button("Details", DETAILS, target, label=f"Details of {number}")] if change.writes else []
    if change.state is State.PROPOSED and now < change.expires_at:
        buttons.append(button("Deny…", DENY, target, "danger", label=f"Deny… {number}"))
    if link:
        buttons.append(link_button("Open the card", OPEN, link, label=f"Open the card of {number}"))
    return actions(f"home-{change.id}", *buttons) if buttons else None


def _offer_undo(change: Change, overview: Overview) -> Block | None:
    if change.id in overview.undoing or not undo.is_offered(change, overview.undo_seconds, overview.now):
        return None
    return actions(f"home-{change.id}", button("Undo", UNDO, encode_target(change), label=f"Undo change {change.id}"))


def _describe_change(change: Change, bot: Bot, now: float) -> str:
    is_lapsed = change.state is State.PROPOSED and now >= change.expires_at
    state = describe_state(change, is_lapsed, seen_at=now) or f"lapses {say_when(change.expires_at, now)}"
    return f"{_head(change, bot, now)} · asked by {mention(change.asked_by)} · {state}\n{_command(change)}"


def _describe_recent(change: Change, bot: Bot, now: float, undo_seconds: float, *, is_undoing: bool) -> str:
    can_undo = undo.is_offered(change, undo_seconds, now)
    until = f" · undo until {show_day_and_time(change.decided_at + undo_seconds)}" if can_undo else ""
    until = " · its undo is asked for, see the thread" if is_undoing else until
    return f"{_head(change, bot, now)} · {describe_state(change, is_lapsed=False, seen_at=now)}{until}\n{_command(change)}"


def _head(change: Change, bot: Bot, now: float) -> str:
    is_lapsed = change.state is State.PROPOSED and now >= change.expires_at
    name = _link(change.thread_id, f"Change {change.id}", bot)
    return f"{choose_mark(change, is_lapsed)} {name} · {make_name(change.cluster)} · {make_name(change.namespace) or 'no namespace'}"


def _command(change: Change) -> str:
    return f"`{escape(flatten(change.command, limits.TITLE_CHARS).replace('`', chr(39))) or '(no command)'}`"


def _describe_thread(line: ThreadLine, bot: Bot) -> str:
    question = _literal(flatten(line.question, limits.TITLE_CHARS)) or "(no question)"
    return f"{_MARKS.get(line.state, '·')} {_link(line.thread_id, line.state, bot)} · {show_day_and_time(line.active_at)} · {question}"


def _describe_health(health: Health) -> str:
    name = make_name(health.cluster)
    return f"✓ *{name}* answers · {make_name(health.version)}" if not health.problem else f"✗ *{name}* · {_literal(health.problem)}"


def _literal(text: str) -> str:
    """Untrusted words inside our own mrkdwn: nothing in them is live."""
    return escape(wrap_links(flatten(text, limits.SENTENCE_CHARS).replace("`", "'")))


def _link(thread_id: str, label: str, bot: Bot) -> str:
    """A link to the thread's root. Its label is our own words: Slack shows no date inside a link."""
    key = ThreadKey.of(thread_id)
    if not bot.url:
        return f"*{escape(label)}*"
    return f"<{make_permalink(bot.url, key.channel_id, key.thread_ts)}|{escape(label)}>"
