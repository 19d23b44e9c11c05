"""What Slack's client makes of what a person types: mentions, links, escapes, and the rich text block beside the text."""

from __future__ import annotations

import re
from collections.abc import Mapping

from bot.devslack.values import Json

_CODE = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)
_MENTION = re.compile(r"(?<![\w@])@([a-z0-9][a-z0-9._-]*[a-z0-9]|[a-z0-9])", re.IGNORECASE)
_LINK = re.compile(
    r"(?P<url>https?://[^\s<>|]+[^\s<>|.,;:!?)\]'\"])"
    r"|(?<![\w@./:=-])(?P<bare>(?:[a-z0-9-]+\.)+(?:com|org|net|io|dev|app|cloud)\b(?:/[^\s<>|]*[^\s<>|.,;:!?)\]'\"])?)",
    re.IGNORECASE,
)
_ENTITY = re.compile(r"<(?P<kind>[@!#]?)(?P<target>[^<>|]+)(?:\|(?P<label>[^<>]*))?>")


def encode_typed(text: str, handles: Mapping[str, str]) -> str:
    """Encode typed text as Slack's client sends it.

    `handles` maps a handle to its mention (`oncall` to `<!subteam^S01ONCALL>`). Bare host names become links too:
    Slack does that even inside a label selector, and an app has to undo it.
    """
    pieces, end = [], 0
    for code in _CODE.finditer(text):
        pieces += [_encode_prose(text[end : code.start()], handles), _escape(code.group())]
        end = code.end()
    pieces.append(_encode_prose(text[end:], handles))
    return "".join(pieces)


def build_rich_text(text: str) -> Json:
    """The `rich_text` block Slack's client sends beside a person's text, with mentions and links as elements."""
    elements: list[Json] = []
    end = 0
    for entity in _ENTITY.finditer(text):
        _add_text(elements, text[end : entity.start()])
        elements.append(_build_entity(entity))
        end = entity.end()
    _add_text(elements, text[end:])
    return {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": elements}]}


def unescape(text: str) -> str:
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _encode_prose(text: str, handles: Mapping[str, str]) -> str:
    pieces, end = [], 0
    for link in _LINK.finditer(text):
        pieces += [_encode_mentions(text[end : link.start()], handles), _encode_link(link)]
        end = link.end()
    pieces.append(_encode_mentions(text[end:], handles))
    return "".join(pieces)


def _encode_link(link: re.Match[str]) -> str:
    if link["url"]:
        return f"<{_escape(link['url'])}>"
    bare = _escape(link["bare"])
    return f"<http://{bare}|{bare}>"


def _encode_mentions(text: str, handles: Mapping[str, str]) -> str:
    def encode(match: re.Match[str]) -> str:
        return handles.get(match[1].lower(), match[0])

    return _MENTION.sub(encode, _escape(text))


def _add_text(elements: list[Json], text: str) -> None:
    if text:
        elements.append({"type": "text", "text": unescape(text)})


def _build_entity(entity: re.Match[str]) -> Json:
    target, label = entity["target"], entity["label"]
    if entity["kind"] == "@":
        return {"type": "user", "user_id": target}
    if entity["kind"] == "#":
        return {"type": "channel", "channel_id": target}
    if entity["kind"] == "!" and target.startswith("subteam^"):
        return {"type": "usergroup", "usergroup_id": target.removeprefix("subteam^")}
    if entity["kind"] == "!":
        return {"type": "broadcast", "range": target}
    link: Json = {"type": "link", "url": unescape(target)}
    return link | ({"text": unescape(label)} if label else {})
