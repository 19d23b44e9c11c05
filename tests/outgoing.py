"""What of a call of the Web API is live: what calls people, or leads out of the chat."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

_INERT = frozenset({"value", "action_id", "block_id", "callback_id", "private_metadata", "metadata", "ts", "thread_ts", "client_msg_id"})
"""Arguments and fields of blocks that nobody is shown."""
_CALLING = frozenset({"broadcast", "user", "usergroup", "channel", "link"})
"""Elements of rich text that call or lead away."""
_LIVE = re.compile(r"<(?:[!@#]|[a-z][a-z0-9+.-]*:)[^>]*>|\]\([^)]*\)", re.IGNORECASE)
_CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)
_DATE = re.compile(r"<!date\^\d+\^[^|>^]*\|[^>]*>")

OWN = (
    r"May approve: <!subteam\^S01ONCALL>, not the asker · lapses at \(date\)",
    r"asked by <@U01ANA> at \(date\)",
    r"denied by <@U01BEN> at \(date\)",
)
"""The sentences in which the bot itself names the asker (Ana), the approvers (the on-call group) and who decided (Ben)."""


def find_calls(body: Any, own: Sequence[str] = ()) -> list[str]:
    """What in the arguments of a call, a message or a block is live. `own` are patterns of the bot's own sentences (whole sentences, so
    that the same mention elsewhere is found); dates are the bot's own everywhere."""
    found = []
    for text in _walk(body):
        rest = _DATE.sub("(date)", text)
        for pattern in own:
            rest = re.sub(pattern, "(own)", rest)
        found += [match for match in _LIVE.findall(rest) if not (match.startswith("](") and match in "".join(_CODE.findall(rest)))]
    return found


def _walk(value: Any, name: str = "") -> Iterator[str]:
    """Every text that Slack looks into, and `<!kind …>` for an element that calls by itself. What is not known is looked into."""
    if isinstance(value, list):
        for item in value:
            yield from _walk(item, name)
    elif isinstance(value, dict):
        kind = value.get("type", "")
        if kind in _CALLING:
            yield f"<!{kind} {value}>"
        elif kind == "plain_text" or (kind == "text" and name == "elements"):
            return  # shown letter by letter
        for key, item in value.items():
            if key == "url":
                yield f"<{item}>"
            elif key not in _INERT:
                yield from _walk(item, key)
    elif isinstance(value, str):
        yield value
