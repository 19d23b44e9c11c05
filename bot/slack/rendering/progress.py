"""The progress message of a turn: what runs now, what ran, how long. Pure."""

from __future__ import annotations

import orjson

from bot.slack import limits
from bot.slack.rendering.blocks import Block, Rendered, actions, button, line, plain, rich_text, section, words
from bot.slack.rendering.cards import CONTINUE, STOP
from bot.slack.rendering.text import clean, escape, flatten, make_fallback, say_count, wrap_links
from bot.threads.ports import ProgressView, Step

_HEADS = {"working": "⏳", "waiting": "⏸", "done": "✓", "stopped": "■", "failed": "✗", "limited": "✗"}
_MARKS = {"running": "…", "ok": "✓", "error": "✗", "waiting": "⏸", "left": "·", "stopped": "■", "denied": "✗", "expired": "✗"}
_ENDS = {"waiting": "waits for approval", "left": "see its card", "denied": "denied", "expired": "lapsed"}
"""Of a command whose change is what counts, not how long it was rehearsed."""
STEP_OUTPUT = "step_output"
"""Action id of the menu that opens the output of a command."""
_MOVING = frozenset({"working", "waiting"})


def render_progress(view: ProgressView, thread_id: str, turn: int) -> Rendered:
    """`⏳ looking at shop [Stop]` and a line per command: steps wrap by themselves, so phones can read them."""
    headline = flatten(view.headline, limits.TITLE_CHARS)
    mark = _HEADS.get(view.state, "·")
    # Inside code formatting nothing is linked; the rest of the line is our own words.
    safe = escape(wrap_links(headline.replace("`", "'")))
    blocks: list[Block] = [section(f"{mark} {safe}".rstrip(), _choose_button(view.state, encode_turn(thread_id, turn)))]
    if view.steps:
        blocks.append(rich_text(*_render_steps(view.steps)))
    if thought := _shorten_thought(view.thinking):
        blocks.append({"type": "context", "elements": [plain(thought)]})
    if view.queued:
        waits = "1 more message waits" if view.queued == 1 else f"{view.queued} more messages wait"
        blocks.append({"type": "context", "elements": [plain(f"{waits} until this is done.")]})
    if view.state != "working" and (menu := _build_menu(view.steps)):
        blocks.append(actions(f"outputs-{turn}-{len(menu['options'])}", menu))
    return Rendered(make_fallback(f"{mark} {headline}"), tuple(blocks))


def _choose_button(state: str, target: str) -> Block | None:
    if state in _MOVING:
        return button("Stop", STOP, target)
    return button("Continue", CONTINUE, target) if state == "limited" else None


def _build_menu(steps: tuple[Step, ...]) -> Block | None:
    """The commands whose output can be opened, the latest if there are too many."""
    options = [
        {"text": plain(flatten(step.command, limits.OPTION_TEXT) or "(empty)"), "value": step.output} for step in steps if step.output
    ]
    if not options:
        return None
    return {
        "type": "static_select",
        "action_id": STEP_OUTPUT,
        "placeholder": plain(
            "Show output of…" if len(options) <= limits.SELECT_OPTIONS else f"Show one of the last {limits.SELECT_OPTIONS}…"
        ),
        "options": options[-limits.SELECT_OPTIONS :],
    }


def encode_turn(thread_id: str, turn: int) -> str:
    """What the buttons of a turn carry."""
    return orjson.dumps({"thread": thread_id, "turn": turn}).decode()


def _render_steps(steps: tuple[Step, ...]) -> list[Block]:
    shown = steps[-limits.PROGRESS_STEPS :]
    earlier = len(steps) - len(shown)
    lines = [line(words(f"… {earlier} earlier command{'' if earlier == 1 else 's'}", italic=True))] if earlier else []
    return lines + [_render_step(step) for step in shown]


def _render_step(step: Step) -> Block:
    command = flatten(step.command, limits.PROGRESS_COMMAND_CHARS)
    elements = [words(f"{_MARKS.get(step.state, '·')} "), words(command, code=True)]
    if step.state in _ENDS:
        elements.append(words(f"  {_ENDS[step.state]}"))
    elif step.state == "stopped" and not step.seconds:
        elements.append(words("  stopped"))
    elif step.state != "running":
        lines = f" · {step.lines:,} line{'' if step.lines == 1 else 's'}" if step.state == "ok" or step.lines else ""
        told = f"{describe_seconds(step.seconds)}{lines}".replace(" ", "\N{NO-BREAK SPACE}")  # wraps as a whole
        elements.append(words(f"  {told}"))
    return line(*elements)


def describe_seconds(seconds: float) -> str:
    """`0.3 s`, `12 s`, `2 min 5 s`"""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"


def _shorten_thought(text: str) -> str:
    """The end of what the model has written so far; the answer itself follows in full."""
    thought = " ".join(clean(text).split())
    if len(thought) <= limits.PROGRESS_THINKING_CHARS:
        return thought
    kept = thought[-limits.PROGRESS_THINKING_CHARS :]
    return f"… ({say_count(len(thought) - len(kept), 'character')} before) {kept}"
