"""Judges of what Slack would make of a payload: independent of how the renderers work."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from hypothesis import strategies as st

from bot.devslack.blockkit.messages import check_content
from bot.slack.rendering.blocks import Rendered

_OURS = re.compile(
    r"<@[UW][A-Z0-9]+>|<!subteam\^S[A-Z0-9]+>|<!date\^\d+\^\{time\}\|\d\d:\d\d UTC>"
    r"|<!date\^\d+\^\{date_short_pretty\} at \{time\}\|\d{4}-\d\d-\d\d \d\d:\d\d UTC>"
    r"|<https://our\.slack\.example/[^<>|]*\|(?:Change \d+|working|waiting|idle)>"
)
_LINKED = re.compile(r"://|\bwww\.|@(?:here|channel|everyone)\b|\]\(|\]\[|\]:|mailto:|[a-z0-9-]\.[a-z]{2}", re.IGNORECASE)
_HIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\U000e0000-\U000e007f]")

FRAGMENTS = (
    *("<!here>", "<!channel>", "<@U0123ABC>", "<!subteam^S0123|@ops>", "<http://evil.example|click>", "&lt;!here&gt;", "<", ">", "&", "|"),
    *("[a](http://evil.example/x?y=1)", "![i](https://evil.example/p.png)", "[r]: http://evil.example", "[a][r]", "[", "]", "(", ")", "!"),
    *("http://evil.example", "https://", "www.evil.example", "evil.example", "ops@evil.example", "//evil.example/x", "mailto:a@b.co"),
    *("`", "``", "```", "```\n", "~~~", "\n", "\n\n", "\\", " ", "\t", "> ", "- ", "1. ", "# ", "**", "_", "~", "* "),
    *("@here", "@channel", "@everyone", "#general", ":siren:", "\x1b[31m", "\x1b]8;;http://evil.example\x07", "\u202e", "\u200b", "\ufeff"),
    *("pods", "kubectl get pods -A", "é", "😀", "שלום", "spec.replicas", "3 → 5", "x" * 400, "\r", "\x00", "\ud800"),
)
nasty = st.lists(st.sampled_from(FRAGMENTS) | st.text(max_size=8), max_size=40).map("".join)
"""Texts made of everything that is markup somewhere."""


def assert_acceptable(rendered: Rendered) -> None:
    """Slack takes the message, as a post and as an edit, and nothing in it is live that is not ours."""
    content = {"text": rendered.text, "blocks": list(rendered.blocks)}
    check_content(content)
    check_content(content, is_update=True)
    assert len(rendered.text.encode()) < 4_000
    assert "<" not in rendered.text
    assert ">" not in rendered.text
    assert_nothing_of_others_is_live(rendered.blocks)


def assert_nothing_of_others_is_live(blocks: Sequence[Any]) -> None:
    """No mention, no link behind other words, no hidden character in any text of these blocks, but what we put there."""
    for kind, text in walk_texts(blocks):
        assert not _HIDDEN.search(text), text
        text.encode()
        if kind == "mrkdwn":
            assert_only_our_markup(text)
        elif kind == "markdown":
            assert_nothing_live(text)


def assert_only_our_markup(mrkdwn: str) -> None:
    rest = _OURS.sub("", mrkdwn)
    assert "<" not in rest, mrkdwn
    assert ">" not in rest, mrkdwn


def assert_nothing_live(markdown: str) -> None:
    """No angle bracket but those of quotations, code spans closed within their line, nothing linkable outside of them."""
    for line in markdown.split("\n"):
        body = re.sub(r"^\s{0,3}(?:>[ \t]?)+", "", line)
        assert "<" not in body, line
        assert ">" not in body, line
        assert body.count("`") % 2 == 0, line
        assert "``" not in body, line
        assert "\\`" not in re.sub(r"`[^`]*`", lambda span: "`" + "x" * (len(span[0]) - 2) + "`", body), line
        outside = re.sub(r"`[^`]*`", " ", body)
        assert not _LINKED.search(outside.replace("*", "").replace("~", "").replace("\\", "")), line


def walk_texts(value: Any) -> Iterator[tuple[str, str]]:
    """Every text with the way Slack reads it: `mrkdwn`, `markdown`, or literal."""
    if isinstance(value, dict):
        if isinstance(value.get("text"), str):
            yield str(value.get("type")), value["text"]
        if value.get("type") == "mrkdwn":
            assert value["verbatim"] is True
        for item in value.values():
            yield from walk_texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from walk_texts(item)


def all_text(value: Any) -> str:
    return "\n".join(text for _, text in walk_texts(value))
