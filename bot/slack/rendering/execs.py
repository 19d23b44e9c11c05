"""Execs on cards and in Details: what is fed to them, what they printed. Pure."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator

from bot.changes.change import Change, Send
from bot.slack import limits
from bot.slack.rendering.blocks import Block, line, preformatted, words
from bot.slack.rendering.differences import name_write
from bot.slack.rendering.text import cut_end, cut_middle, flatten, reveal
from bot.values.execs import Output
from bot.values.requests import RecordedWrite


def list_outputs(change: Change) -> list[Block]:
    """Rich text elements: how each exec of a change ended, and head and tail of what it printed."""
    ran = [send for send in change.sends if send.output is not None]
    elements: list[Block] = []
    for send in ran:
        assert send.output is not None
        elements.append(line(words(f"{name_write(change, send.position)}: {describe_end(send.output)}")))
        printed = join_output(send.output)
        elements += preformatted(cut_middle(printed, max(limits.CARD_OUTPUT_CHARS // len(ran), 200), limits.CARD_OUTPUT_LINES))
    return elements


def describe_end(output: Output) -> str:
    """`exit code 0`, and where the output is that is not text."""
    code = "no exit code" if output.exit_code is None else f"exit code {output.exit_code}"
    note = f" · {flatten(output.note, limits.SENTENCE_CHARS)}" if output.note else ""
    return f"{code}{note}"


def join_output(output: Output) -> str:
    """stdout and below it stderr, as a terminal would show them."""
    return reveal("\n".join(part.strip("\n") for part in (output.stdout, output.stderr) if part.strip()))


def describe_output(send: Send) -> str:
    """Everything that is kept of an output, for Details; '' if there is none."""
    if send.output is None:
        return ""
    printed = cut_middle(join_output(send.output), limits.WINDOW_CHARS, limits.WINDOW_LINES)
    return f"{describe_end(send.output)}\n{printed}".rstrip()


def describe_stdin(write: RecordedWrite, *, is_whole: bool = False) -> str:
    """What is fed to an exec: its size, and what of it can be read. Of an archive (`kubectl cp`) the names and what the files hold.
    Cut to what a window holds, unless `is_whole`."""
    stdin = write.request.body
    if not stdin:
        return ""
    head = f"stdin, {len(stdin):,} bytes"
    try:
        with tarfile.open(fileobj=io.BytesIO(stdin), mode="r:") as archive:
            lines = list(_describe_members(archive, is_whole=is_whole))
    except (tarfile.TarError, EOFError, ValueError, OSError):
        return f"{head}:\n{_describe_bytes(stdin, is_whole=is_whole)}"
    listed = f"{head}, a tar archive:\n" + "\n".join(lines)
    return listed if is_whole else _cut(listed)


def _cut(text: str) -> str:
    return cut_end(text, limits.WINDOW_STDIN_CHARS, limits.WINDOW_STDIN_LINES, "which have no room in this window")


def _describe_members(archive: tarfile.TarFile, *, is_whole: bool) -> Iterator[str]:
    for number, member in enumerate(archive):
        if number == limits.WINDOW_MEMBERS and not is_whole:
            yield f"… and more than {limits.WINDOW_MEMBERS} others"
            return
        kind = "" if member.isfile() else "/" if member.isdir() else f" → {member.linkname}"
        yield f"{reveal(member.name)}{reveal(kind)}  {member.size:,} bytes, mode {member.mode:o}"
        content = archive.extractfile(member) if member.isfile() else None
        if content is not None and member.size:
            yield "\n".join(f"    {text}" for text in _describe_bytes(content.read(), is_whole=is_whole).split("\n"))


def _describe_bytes(data: bytes, *, is_whole: bool) -> str:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return "(binary data)"
    if "\0" in text:
        return "(binary data)"
    return reveal(text) if is_whole else _cut(reveal(text))
