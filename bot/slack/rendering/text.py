"""Untrusted text made safe to show. Pure.

Everything that came from a cluster, a model or a person is untrusted: it must not mention people, hide a link behind other
words, be fetched by Slack's unfurler, change direction, or break out of its code block. Where a whole text is literal, rich
text elements show it (Slack parses nothing in them, see `blocks`); this module is for what has to be markup.
"""

from __future__ import annotations

import re
import time
import unicodedata

from bot.slack import limits

_ANSI = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor
    r"|\x1b\][^\x07\x1b\n]*(?:\x07|\x1b\\)?"  # OSC: titles, hyperlinks
    r"|\x1b[PX^_][^\x1b\n]*(?:\x1b\\)?"  # DCS and the like
    r"|\x1b[ -/]*[0-~]?"
    r"|\x9b[0-?]*[ -/]*[@-~]"
)
_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u3164\uffa0") | {chr(code) for code in range(0xFE00, 0xFE0E)}
"""Letters and marks without a shape: not of the categories that are dropped as a whole."""
_NEAR_SECONDS = 12 * 3600.0
"""Within which nobody takes a time of day for that of another day."""
_UNTOLD = frozenset("\u2800\ufe0e\ufe0f")
"""What may stay in a text and is not to be seen in it: a blank that is no space, and what chooses between a sign and its emoji."""
_WARNING = "\u26a0\ufe0f"
_USER = re.compile(r"[UW][A-Z0-9]{2,20}")
_GROUP = re.compile(r"S[A-Z0-9]{2,20}")
_CHANNEL = re.compile(r"[CGD][A-Z0-9]{2,20}")


class _Visible(dict[int, str | None]):
    """A table for `str.translate`, filled as characters are met."""

    def __missing__(self, code: int) -> str | None:
        character = chr(code)
        category = unicodedata.category(character)
        visible: str | None = character
        if character in "\u2028\u2029":
            visible = "\n"
        elif category == "Cs":
            visible = "\ufffd"  # half of a pair: not encodable
        elif (category in {"Cc", "Cf", "Cn"} and character not in "\n\t") or character in _INVISIBLE or 0xE0100 <= code <= 0xE01EF:
            visible = None
        self[code] = visible
        return visible


class _Revealed(dict[int, str]):
    """A table for `str.translate`: what `_Visible` changes, and what looks like a space or like nothing, as JSON escapes it."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        pair = character.encode("utf-16-be", "surrogatepass")
        escaped = "".join(f"\\u{pair[at : at + 2].hex()}" for at in range(0, len(pair), 2))
        is_blank = character in _UNTOLD or (unicodedata.category(character) == "Zs" and character != " ")
        shown = character if character.translate(_VISIBLE) == character and not is_blank else escaped
        self[code] = shown
        return shown


_VISIBLE = _Visible()
_REVEALED = _Revealed()


def clean(text: str) -> str:
    """The text without terminal sequences, control, bidirectional, zero-width and other invisible characters. Keeps tabs and newlines."""
    return _ANSI.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).translate(_VISIBLE)


def reveal(text: str) -> str:
    """For what people approve: every invisible character shows as its escape, and every space that is not the usual one, so that nothing
    hides behind nothing. The sign with which we warn is one that everybody sees."""
    return _WARNING.join(part.translate(_REVEALED) for part in text.split(_WARNING))


def escape(text: str) -> str:
    """Slack's three escapes: nothing in the result is a mention, a link or a date."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def flatten(text: str, most: int) -> str:
    """One clean line of at most `most` characters; a cut shows as `…`."""
    line = " ".join(clean(text[: most * 8]).split())  # no need to clean a megabyte for one line
    return line if len(line) <= most and len(text) <= most * 8 else f"{line[: most - 1]}…"


def make_name(text: str, most: int = limits.NAME_CHARS) -> str:
    """A short name (cluster, namespace) inside our own mrkdwn: one line, escaped, formatting characters harmless."""
    return escape(re.sub(r"[*_~`|]", "·", flatten(text, most)))


def make_fallback(text: str) -> str:
    """The top-level `text` of a message: what notifications and screen readers get. Nothing in it is live."""
    return escape(wrap_links(flatten(text, limits.FALLBACK_CHARS).replace("`", "'")))


def mention(target: str) -> str:
    """A live mention of a user or user group, from an id; anything that is no id is shown as plain text."""
    if _USER.fullmatch(target):
        return f"<@{target}>"
    if _GROUP.fullmatch(target):
        return f"<!subteam^{target}>"
    return make_name(target, limits.ACTION_CHARS) or "somebody"


def is_user_id(target: str) -> bool:
    return _USER.fullmatch(target) is not None


def is_group_id(target: str) -> bool:
    return _GROUP.fullmatch(target) is not None


def is_channel_id(target: str) -> bool:
    return _CHANNEL.fullmatch(target) is not None


def make_permalink(workspace_url: str, channel_id: str, ts: str, thread_ts: str = "") -> str:
    """The address of a message. A reply's names its thread as well: Slack opens the thread then, otherwise only the channel.
    Source: https://docs.slack.dev/reference/methods/chat.getPermalink."""
    address = f"{workspace_url.rstrip('/')}/archives/{channel_id}/p{ts.replace('.', '')}"
    return address if thread_ts in ("", ts) else f"{address}?thread_ts={thread_ts}&cid={channel_id}"


def show_time(epoch_seconds: float) -> str:
    """A time that Slack shows in the reader's own time zone."""
    moment = int(epoch_seconds)
    return f"<!date^{moment}^{{time}}|{time.strftime('%H:%M UTC', time.gmtime(moment))}>"


def show_day_and_time(epoch_seconds: float) -> str:
    """The same for what may be on another day; Slack says `today` and `tomorrow` by itself."""
    moment = int(epoch_seconds)
    return f"<!date^{moment}^{{date_short_pretty}} at {{time}}|{time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime(moment))}>"


def say_when(epoch_seconds: float, seen_at: float) -> str:
    """`at 14:17`, or `tomorrow at 14:17` where it is far from when it is read."""
    is_near = abs(epoch_seconds - seen_at) < _NEAR_SECONDS
    return f"at {show_time(epoch_seconds)}" if is_near else show_day_and_time(epoch_seconds)


def cut_end(text: str, most_chars: int, most_lines: int, where: str = "") -> str:
    """The beginning of a text; what is missing is said, and `where` it is found (`see Details`)."""
    lines = text.split("\n")
    if len(text) <= most_chars and len(lines) <= most_lines:
        return text
    head = "\n".join(lines[:most_lines])[:most_chars].rstrip()
    missing_lines = len(lines) - head.count("\n") - 1
    missing = say_count(missing_lines, "line") if missing_lines else say_count(len(text) - len(head), "character")
    return f"{head}\n… {missing}{f', {where}' if where else ''}"


def cut_middle(text: str, most_chars: int, most_lines: int) -> str:
    """Head and tail of a text, with a line between them that says how much is missing. At most `most_chars` (≥ 200) characters
    and `most_lines` (≥ 3) lines."""
    lines = text.split("\n")
    if len(text) <= most_chars and len(lines) <= most_lines:
        return text
    room, most_lines = most_chars - 40, most_lines - 1  # the line between them
    lines = [_cut_line(line, room // 4) for line in lines]
    head = _take(lines, room * 2 // 3, max(1, most_lines * 2 // 3))
    tail = _take(lines[: len(head) - 1 : -1], room // 3, max(1, most_lines // 3))[::-1]
    missing = len(lines) - len(head) - len(tail)
    middle = [f"… {say_count(missing, 'line')}"] if missing else []
    return "\n".join(head + middle + tail)


def say_count(number: int, unit: str) -> str:
    """`1,234 more lines`"""
    return f"{number:,} more {unit}{'' if number == 1 else 's'}"


def split_lines(text: str, most: int) -> list[str]:
    """Cuts a text into pieces of at most `most` characters, between lines where that is possible. Nothing is lost but the
    newlines at the cuts."""
    pieces: list[str] = []
    current: list[str] = []
    size = 0
    for line in text.split("\n"):
        for part in [line[at : at + most] for at in range(0, len(line), most)] or [""]:
            if current and size + len(part) + 1 > most:
                pieces.append("\n".join(current))
                current, size = [], 0
            current.append(part)
            size += len(part) + (1 if len(current) > 1 else 0)
    return [*pieces, "\n".join(current)]


def _take(lines: list[str], most_chars: int, most_lines: int) -> list[str]:
    taken: list[str] = []
    room = most_chars
    for line in lines[:most_lines]:
        room -= len(line) + 1
        if room < 0:
            break
        taken.append(line)
    return taken


def _cut_line(line: str, most: int) -> str:
    if len(line) <= most:
        return line
    missing = f" … {say_count(len(line) - most, 'character')}"
    return line[: max(0, most - len(missing))] + missing


# Links -------------------------------------------------------------------------------------------------------------

_TOKEN = re.compile(r"[^\s|`]+")
_OUTSIDE = "()[]{}<>\"'*_~,;:!?.#+-"
_DECORATION = str.maketrans("", "", "*~\\")
_LINKISH = re.compile(
    r"://|^//|&#?\w+;"
    r"|(?<!\w)(?:mailto|tel|sms|callto|facetime|slack|data|javascript|file):"
    r"|[\w-][.\u3002\uff0e\uff61][^\W\d_]{2}"  # a host name: Slack links bare ones too
    r"|@(?:here|channel|everyone|group)(?!\w)",
    re.IGNORECASE,
)
_HOST = re.compile(r"https?://([a-z0-9.-]+)(?::\d{1,5})?(?:[/?#]\S*)?", re.IGNORECASE)


def wrap_links(prose: str, hosts: frozenset[str] = frozenset()) -> str:
    """Puts everything that Slack could turn into a link or a mention between backticks, where it does not: URLs, host names,
    addresses, `@channel`. URLs of allow-listed `hosts` stay as they are. The prose must hold no backticks itself."""
    return _TOKEN.sub(lambda token: _wrap(token[0], hosts), prose)


def _wrap(token: str, hosts: frozenset[str]) -> str:
    if not _LINKISH.search(token.translate(_DECORATION)) and not _LINKISH.search(token):
        return token
    core = token.strip(_OUTSIDE)
    at = token.find(core)
    if not core:
        return token
    before, after = token[:at], token[at + len(core) :]
    if (host := _HOST.fullmatch(core)) and host[1].lower() in hosts:
        return token
    return f"{before}`{core}`{after}"
