"""What direct messages show besides: what the bot does right now as a status, the answer while the model writes it, and the
first question as the thread's title.

The stream of an answer is only a preview. The answer itself is drawn as always, and then takes the stream's message over. Whatever
Slack does not let us stream (its five minutes are over, the method is unknown, the rate is used up) is simply not previewed.
Outside of direct messages only one person would see a stream, so there is none.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from bot.errors import StoreError, SurfaceError
from bot.slack import limits
from bot.slack.delivery.drafts import Pace
from bot.slack.delivery.streams import BEGUN, ENDED, OPEN, SPENT, Streams, is_ordinary, name_stream
from bot.slack.door.web import Answer, Lost, Refused, WebApi
from bot.slack.parse import Bot
from bot.slack.rendering.markdown import Prose, read
from bot.slack.rendering.text import flatten
from bot.threads.ports import ProgressView
from bot.threads.signals import wait_for
from bot.threads.stores import Messages, Shown, Thread

log = structlog.get_logger()

_LOOKS = 2
"""Times that a stream whose start was lost is looked for while its turn works: Slack may be late."""
_BESIDE_SECONDS = 3.0
"""For an answer to what is no part of a message: an answer to a person waits for these calls."""


@dataclass(slots=True)
class _Pen:
    """The thread that is being worked on."""

    thread: Thread
    turn: int
    view: ProgressView
    news: asyncio.Event = field(default_factory=asyncio.Event)
    words: asyncio.Event = field(default_factory=asyncio.Event)
    """There is a text to show of which nothing is shown yet."""
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    task: asyncio.Task[None] | None = None
    is_over: bool = False
    status: str = ""
    said_at: float = 0.0
    session: str = ""
    ts: str = ""
    """The stream's message; '' if none is open."""
    begun: str = ""
    """What the model had written when the stream was fed last, as it came."""
    sent: str = ""
    steps: int = 0
    """Commands of the turn when the stream began: with one more, the text was no answer."""
    passed: str = ""
    """What begins with this is not previewed any more."""
    lost: str = ""
    """What was sent with a start whose answer was lost."""
    looks: int = 0
    """How often that stream is still looked for while the turn works: Slack may be late."""


class Writing:
    """Lives in one event loop; `close` it before the Web API's session."""

    def __init__(self, web: WebApi, bot: Bot, messages: Messages, pace: Pace, clock: Callable[[], float]) -> None:
        self._messages = messages
        self._streams = Streams(web, bot, messages, pace, clock)
        self._flush_seconds = pace.stream
        self._pens: dict[str, _Pen] = {}
        self._namings: dict[str, asyncio.Task[None]] = {}

    def previews(self, thread: Thread, view: ProgressView) -> bool:
        """Whether what the model writes is seen as a stream, or will be, and need not be seen elsewhere."""
        if not is_direct(thread) or not view.writing or not self._streams.offers("chat.startStream"):
            return False
        pen = self._pens.get(thread.id)
        return pen is None or bool(pen.ts) or not _is_passed(pen, view.writing)

    def follow(self, thread: Thread, turn: int, view: ProgressView) -> None:
        """Shows what a working turn does, as soon as the pace allows. Never waits."""
        if not is_direct(thread):
            return
        pen = self._pens.setdefault(thread.id, _Pen(thread, turn, view))
        pen.turn, pen.view = turn, view
        pen.news.set()
        if self._can_begin(pen):
            pen.words.set()
        if pen.task is None or pen.task.done():
            pen.task = asyncio.create_task(self._write(pen))

    async def end(self, thread: Thread, view: ProgressView) -> None:
        """The turn does not work now: nothing grows any more, nothing is being done."""
        if not is_direct(thread):
            return
        # Without a pen, an earlier process worked on the turn: what it told Slack still stands there.
        pen = self._pens.pop(thread.id, None) or _Pen(thread, 0, view)
        async with pen.lock:
            pen.is_over, pen.view = True, view
            if pen.task is not None:
                pen.task.cancel()  # it does nothing while the lock is held here
            if pen.lost:
                await self._adopt(pen)
            if pen.ts:
                await self._stop(pen)
            elif pen.begun and len(view.steps) > pen.steps:
                await self._streams.note(name_stream(thread, pen.turn), SPENT)
            if pen.status:
                await self._say(pen, "")
            await self._set_session(pen, "suspended" if view.state == "waiting" else "active")

    async def hand_over(self, thread: Thread, turn: int, key: str) -> None:
        """Lets the answer, whose message has this key, take over what was streamed of it. After a crash the stream may still be open."""
        stream = name_stream(thread, turn)
        row = await self._messages.get(stream)
        if row is None or await self._messages.get(key) is not None:
            return
        if row.digest.startswith(BEGUN):
            row = await self._streams.find_late(thread, row)
        if row is None or row.digest not in (OPEN, ENDED):
            return
        if row.digest == OPEN and not await self._streams.settle(row):
            return
        await self._messages.posted(key, row.channel, row.ts, "")
        await self._streams.note(stream, SPENT)

    async def close(self, seconds: float) -> None:
        """Lets calls that are under way end, for up to `seconds`: what is streamed shall be known to the next process."""

        async def lay_down(pen: _Pen) -> None:
            async with pen.lock:
                pen.is_over = True

        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await asyncio.gather(*map(lay_down, self._pens.values()))
        tasks = [*self._namings.values(), *(pen.task for pen in self._pens.values() if pen.task is not None)]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _write(self, pen: _Pen) -> None:
        while pen.news.is_set():
            pen.news.clear()
            pen.words.clear()
            async with pen.lock:
                if pen.is_over:
                    return
                await self._set_session(pen, "processing")
                await self._say(pen, f"is {flatten(pen.view.headline, limits.STATUS_CHARS)}…")
                is_fed = await self._stream(pen)
            # The pace is that of a stream. First words do not wait for it: a turn nearly always begins before its model does.
            await (asyncio.sleep(self._flush_seconds) if is_fed else wait_for(pen.words, self._flush_seconds))

    def _can_begin(self, pen: _Pen) -> bool:
        return (
            not pen.ts
            and not _is_passed(pen, pen.view.writing)
            and self._streams.offers("chat.startStream")
            and bool(take_safe(pen.view.writing).strip())
        )

    async def _say(self, pen: _Pen, status: str) -> None:
        now = asyncio.get_running_loop().time()
        if status == pen.status and now < pen.said_at + limits.STATUS_AGAIN_SECONDS:
            return
        body = {"channel_id": pen.thread.channel_id, "thread_ts": pen.thread.thread_ts, "status": status}
        if isinstance(await self._streams.call("assistant.threads.setStatus", body, _BESIDE_SECONDS), Answer):
            pen.status, pen.said_at = status, now

    async def _set_session(self, pen: _Pen, state: str) -> None:
        """While it is `processing`, Slack shows a Stop button of its own. A title counts only for a session that begins with this
        call, so that what a person renamed stays as it is."""
        if pen.session == state:
            return
        title = make_title(pen.view.question)
        body = {"channel_id": pen.thread.channel_id, "thread_ts": pen.thread.thread_ts, "status": state}
        reply = await self._streams.call("agents.sessions.setStatus", body | ({"title": title} if title else {}), _BESIDE_SECONDS)
        if isinstance(reply, Answer | Refused):
            pen.session = state
        if isinstance(reply, Answer) and title and not reply.data.get("title") and pen.thread.id not in self._namings:
            naming = asyncio.create_task(self._name(pen.thread, title))  # beside: nothing waits for a title
            self._namings[pen.thread.id] = naming
            naming.add_done_callback(lambda _: self._namings.pop(pen.thread.id))

    async def _name(self, thread: Thread, title: str) -> None:
        """For a session without a title: a stream began it, or it is older than titles. Once: Slack does not say whether an answer
        without a title means that there is none, and a person's own must not be overwritten."""
        key = f"title:{thread.id}"
        with contextlib.suppress(StoreError):
            if await self._messages.get(key) is None:
                body = {"channel_id": thread.channel_id, "thread_ts": thread.thread_ts, "title": title}
                if isinstance(await self._streams.call("agents.sessions.rename", body), Answer):
                    await self._messages.posted(key, thread.channel_id, thread.thread_ts, "")

    async def _stream(self, pen: _Pen) -> bool:
        """Makes the stream show what is written; whether anything had to be done for it."""
        had, sent = pen.ts, pen.sent
        if pen.lost and pen.looks > 0:
            pen.looks -= 1
            await self._adopt(pen)
        written = pen.view.writing
        if pen.ts and len(pen.view.steps) > pen.steps:
            await self._stop(pen)
        elif pen.ts and not written.startswith(pen.begun):
            await self._take_back(pen)
        text = "" if _is_passed(pen, written) else take_safe(written)
        if not pen.ts:
            await self._start(pen, text)
            return bool(had or text.strip())
        if len(text) > len(pen.sent) and text.startswith(pen.sent):
            body = {"channel": pen.thread.channel_id, "ts": pen.ts, "markdown_text": text[len(pen.sent) :]}
            if isinstance(await self._streams.call("chat.appendStream", body), Answer):
                pen.sent, pen.begun = text, written
            else:
                await self._stop(pen)
        return (pen.ts, pen.sent) != (had, sent)

    async def _start(self, pen: _Pen, text: str) -> None:
        if not text.strip() or not await self._remove_orphan(pen):
            return
        pen.passed = pen.begun = pen.view.writing  # of a start that is refused or lost, no other is tried for this text
        pen.steps = len(pen.view.steps)
        reply = await self._streams.begin(pen.thread, pen.turn, text)
        if isinstance(reply, Answer):
            pen.ts, pen.sent, pen.passed = str(reply.data["ts"]), text, ""
        elif isinstance(reply, Lost):
            pen.lost, pen.looks = text, _LOOKS

    async def _adopt(self, pen: _Pen) -> None:
        """Goes on with a stream whose start was lost, if it is there. What cannot be asked now is asked at the next occasion."""
        row = await self._streams.get(pen.thread, pen.turn)
        with contextlib.suppress(SurfaceError):
            found = None if row is None else await self._streams.find(pen.thread, row)
            if found is not None:
                pen.ts, pen.sent, pen.passed, pen.lost = found.ts, pen.lost, "", ""

    async def _remove_orphan(self, pen: _Pen) -> bool:
        """Takes away what was streamed of a reply that is now written once more, by this process or one that crashed; whether it is
        gone."""
        row = await self._streams.get(pen.thread, pen.turn)
        pen.lost = ""
        if row is not None and row.digest.startswith(BEGUN):
            try:
                row = await self._streams.find(pen.thread, row)
            except SurfaceError:
                return False
        is_abandoned = row is not None and row.digest == ENDED and pen.begun != "" and len(pen.view.steps) <= pen.steps
        return row is None or (row.digest != OPEN and not is_abandoned) or await self._streams.remove(row)

    async def _take_back(self, pen: _Pen) -> None:
        """The model begins anew: what was streamed of its last attempt is no part of anything."""
        pen.ts = ""
        row = await self._streams.get(pen.thread, pen.turn)
        if row is not None:
            await self._streams.remove(row)

    async def _stop(self, pen: _Pen) -> None:
        """Ends the stream. If commands came of the text, it was no answer and stays as what was said on the way."""
        row = Shown(name_stream(pen.thread, pen.turn), pen.thread.channel_id, pen.ts, OPEN, attempted=True)
        pen.ts, pen.passed = "", pen.begun
        reply = await self._streams.stop(row, "active" if pen.is_over else "processing")
        if is_ordinary(reply):
            await self._streams.note(row.key, SPENT if len(pen.view.steps) > pen.steps else ENDED)
        if isinstance(reply, Refused):
            pen.session = ""  # Slack ended the stream by itself, and takes the session for `active` since


def _is_passed(pen: _Pen, written: str) -> bool:
    """Whether no stream will show this text any more."""
    return pen.passed != "" and written.startswith(pen.passed)


def is_direct(thread: Thread) -> bool:
    return thread.channel_id.startswith("D")


def make_title(question: str) -> str:
    """One line, as long as Slack takes, whether it counts characters or UTF-16 units."""
    line = flatten(question, limits.SESSION_TITLE)
    return line if len(line.encode("utf-16-le")) <= 2 * limits.SESSION_TITLE else flatten(question, limits.SESSION_TITLE // 2)


def take_safe(text: str) -> str:
    """Of an unfinished Markdown text, what can be shown already: whole lines, made safe, up to the first code block or table."""
    safe: list[str] = []
    for piece in read(text[: text.rfind("\n") + 1]):
        if not isinstance(piece, Prose):
            break
        safe.append(piece.text)
    shown = "\n\n".join(safe)
    return shown if len(shown) <= limits.MESSAGE_CHARS else ""
