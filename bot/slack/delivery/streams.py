"""Streams as the messages table knows them, and the calls they are made of: best effort, for nobody waits for a preview.

Slack takes no metadata with the start of a stream. One whose answer was lost is found again by its words and its time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace

import structlog

from bot.errors import SurfaceError, SurfaceUnavailableError
from bot.slack.delivery.drafts import Pace
from bot.slack.delivery.lookup import find_stray, make_metadata, mark_words
from bot.slack.door.throttle import Priority
from bot.slack.door.web import Answer, Lost, Refused, Reply, WebApi
from bot.slack.parse import Bot
from bot.threads.stores import Messages, Shown, Thread

log = structlog.get_logger()

OPEN, ENDED, SPENT = "open", "ended", "spent"
"""What the messages table says of a stream: it may grow; it stopped and may become the answer; it is something else."""
BEGUN = "begun"
"""It was asked for, and no answer came: `begun:` the earliest time it can have, and the mark of its words, by which it is found."""
_SKEW_SECONDS = 60.0
"""How far Slack's clock may be behind ours."""
_OVER = "message_not_in_streaming_state"
_FOR_GOOD = frozenset({"unknown_method", "missing_scope", "not_authorized", "not_allowed_token_type", "channel_type_not_supported"})
"""Refusals after which a method is not tried again in this process."""
_WAIT_SECONDS = 1.0
"""For a turn within the rates; a preview that would come later is none."""


class Streams:
    """What is done with a stream and its row."""

    def __init__(self, web: WebApi, bot: Bot, messages: Messages, pace: Pace, clock: Callable[[], float]) -> None:
        self._web = web
        self._bot = bot
        self._messages = messages
        self._pace = pace
        self._clock = clock
        self._refused: set[str] = set()

    def offers(self, method: str) -> bool:
        """Whether Slack has not refused the method for good."""
        return method not in self._refused

    async def get(self, thread: Thread, turn: int) -> Shown | None:
        """What is known of the turn's stream; `ts` is '' while nobody knows whether it is there."""
        return await self._messages.get(name_stream(thread, turn))

    async def note(self, key: str, state: str) -> None:
        """Remembers what the stream is now."""
        await self._messages.redrawn(key, state)

    async def begin(self, thread: Thread, turn: int, text: str) -> Reply | None:
        """The row is there before the call: whatever becomes of it, the stream is known."""
        key, channel = name_stream(thread, turn), thread.channel_id
        await self._messages.posted(key, channel, "", f"{BEGUN}:{self._clock() - _SKEW_SECONDS:.6f}:{mark_words(text)}")
        reply = await self.call("chat.startStream", {"channel": channel, "thread_ts": thread.thread_ts, "markdown_text": text})
        if isinstance(reply, Answer):
            await self._messages.posted(key, channel, str(reply.data["ts"]), OPEN)
        elif not isinstance(reply, Lost):
            await self.note(key, SPENT)
        return reply

    async def find(self, thread: Thread, row: Shown) -> Shown | None:
        """The row of a stream whose start was lost, with its message."""
        _, oldest, mark = row.digest.split(":")
        found = await find_stray(self._web, self._bot, thread.channel_id, thread.thread_ts, oldest=oldest, mark=mark)
        if found is None:
            return None
        await self._messages.posted(row.key, thread.channel_id, found.ts, OPEN)
        return replace(row, channel=thread.channel_id, ts=found.ts, digest=OPEN)

    async def find_late(self, thread: Thread, row: Shown) -> Shown | None:
        """Looks twice: Slack may still be at work on the start. Raises SurfaceUnavailableError if it cannot be asked."""
        try:
            if found := await self.find(thread, row):
                return found
            await asyncio.sleep(self._pace.settle)
            return await self.find(thread, row)
        except SurfaceUnavailableError:
            raise
        except SurfaceError:  # it may not be looked for: the answer must not wait for that
            log.warning("stream_not_looked_for", key=row.key, exc_info=True)
            return None

    async def remove(self, row: Shown) -> bool:
        """Takes the message away; whether it is gone."""
        await self.stop(row, "processing")
        reply = await self.call("chat.delete", {"channel": row.channel, "ts": row.ts})
        if not isinstance(reply, Answer) and not (isinstance(reply, Refused) and reply.error == "message_not_found"):
            return False
        await self._messages.redrawn(row.key, SPENT)
        return True

    async def settle(self, row: Shown) -> bool:
        """Ends a stream that may still be open, for the answer to take it over; whether it is an ordinary message. Unlike the other
        calls it is repeated: beside a stream of which nobody knows, the answer would be there twice. Raises SurfaceUnavailableError."""
        return is_ordinary(await self._web.repeat("chat.stopStream", _make_end(row, "active")))

    async def stop(self, row: Shown, session: str) -> Reply | None:
        """`session` is what the thread's session goes on as; without it, that would be `active`. With its key, it is no stray any more."""
        return await self.call("chat.stopStream", _make_end(row, session))

    async def call(self, method: str, body: Mapping[str, object], seconds: float | None = None) -> Reply | None:
        """One attempt, best effort, of at most `seconds`; None if it is not worth one."""
        if method in self._refused:
            return None
        # Nothing more urgent calls these methods.
        reply = await self._web.send(method, body, priority=Priority.ANSWER, wait_seconds=_WAIT_SECONDS, timeout_seconds=seconds)
        if isinstance(reply, Refused) and reply.error in _FOR_GOOD:
            self._refused.add(method)
            log.info("not_offered_by_slack", method=method, error=reply.error)
        return reply


def _make_end(row: Shown, session: str) -> dict[str, object]:
    return {"channel": row.channel, "ts": row.ts, "session_status": session, "metadata": make_metadata(row.key)}


def name_stream(thread: Thread, turn: int) -> str:
    return f"stream:{thread.id}:{turn}"


def is_ordinary(reply: Reply | None) -> bool:
    """Whether a stream is an ordinary message after this answer to its end."""
    return isinstance(reply, Answer) or (isinstance(reply, Refused) and reply.error == _OVER)
