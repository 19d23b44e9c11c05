"""A thread's rows in a file: what comes back is what was there, but for what only the database may hold."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.changes.change import Change, Send, SendState, State
from bot.errors import ConfigError
from bot.store import thread_files
from bot.store.thread_files import ThreadRows
from bot.threads.stores import Stores
from bot.values.execs import Output
from bot.values.tool_use import ToolUse, to_write
from bot.values.transcript import Answered, Replied, ToolCall, ToolResult
from tests.unit.store.values import THREAD_ID, asked, line, new_change, proposed, write

VALUE = "a-value-that-no-card-shows"
CALL = ToolUse("tickets", "close", {"number": 7, "why": "größer"})


async def make_rows(stores: Stores) -> ThreadRows:
    """A thread with a denied change, whose requests are sealed, and output that is no plain ASCII."""
    secret = replace(write("configmaps", b'{"data": {"token": "%s"}}' % VALUE.encode()), before={"data": VALUE}, after={"data": VALUE})
    await stores.threads.begin_turn(THREAD_ID, asked('why? ⚠️\n\t"quoted" \\ud83d'), key="1")
    await stores.threads.append(
        THREAD_ID,
        [
            Replied(1, "m", '{"parts":[]}', "", (ToolCall("call-1", "shell", {"command": "x", "deep": [1.5, None, {"ü": True}]}),), "stop"),
            Answered(1, "call-1", ToolResult("ok", "x", 0, "line 1\r\nline 2\u2028\x1b[0m\n" * 3, truncated=True)),
        ],
    )
    change = await stores.threads.propose(proposed("call-2"), new_change(secret, to_write(CALL), call_id="call-2"), line("proposed"))
    await stores.changes.record_send(change.id, Send(0, SendState.LANDED, "7", 200, "", Output(0, "out\n", "")), line("sent"))
    await stores.changes.move(change.id, [State.PROPOSED], State.DENIED, line("denied"), decided_by="U2", decided_at=12.25, reason="no")
    return ThreadRows(THREAD_ID, await stores.threads.transcript(THREAD_ID), await stores.changes.of_thread(THREAD_ID))


def without_what_is_sealed(change: Change) -> Change:
    first, call = change.writes
    return replace(change, writes=(replace(first, request=replace(first.request, body=b""), before=None, after=None), call))


async def test_what_was_saved_comes_back_and_what_may_be_secret_is_not_in_it(stores: Stores) -> None:
    rows = await make_rows(stores)

    text = thread_files.dump(rows)
    again = thread_files.load(text.encode())

    assert again == ThreadRows(THREAD_ID, tuple(rows.entries), tuple(map(without_what_is_sealed, rows.changes)))
    assert rows.changes[0].writes[0].after == {"data": VALUE}  # it was there to be left out
    assert VALUE not in text
    assert thread_files.dump(again) == text


async def test_every_row_is_a_line_of_its_own(stores: Stores) -> None:
    rows = await make_rows(stores)

    lines = thread_files.dump(rows).split("\n")

    assert [line.partition(",")[0] for line in lines if line.startswith('["')] == [
        f'["{type(entry).__name__.lower()}"' for entry in rows.entries
    ]


@pytest.mark.parametrize("text", [b"", b"[]", b"\xff\xfe", b"{}", b'{"format": "kubectl-ai-slack thread 1", "thread": "T", "entries": []}'])
def test_what_is_no_such_file_is_said_in_a_sentence(text: bytes) -> None:
    with pytest.raises(ConfigError, match="It is no file that `replay --save` made, or it was altered"):
        thread_files.load(text)


async def test_a_row_that_was_damaged_and_the_format_of_another_version_are_said(stores: Stores) -> None:
    text = thread_files.dump(await make_rows(stores))

    with pytest.raises(ConfigError, match="or it was altered"):
        thread_files.load(text.replace('["asked", {"turn": 1', '["asked", {"turn": "x"', 1).encode())
    with pytest.raises(ConfigError, match="or it was altered"):
        thread_files.load(text.replace('["asked"', '["wished"', 1).encode())
    with pytest.raises(ConfigError, match=r"of the format 'kubectl-ai-slack thread 2', made by version .*: use that version"):
        thread_files.load(text.replace("thread 1", "thread 2", 1).encode())
