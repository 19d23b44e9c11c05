"""Making Slack show a draft: post, edit or share until it is there, whatever gets lost on the way.

What was attempted but not confirmed is looked for before it is posted again.
"""

from __future__ import annotations

import asyncio

import structlog

from bot.slack.answers import render_plain
from bot.slack.drafts import Draft, Pace, Slot
from bot.slack.lookup import find_message, make_metadata
from bot.slack.parse import Bot
from bot.slack.uploads import SHARE, share_file
from bot.slack.web import Answer, Limited, Lost, Refused, Reply, WebApi, refused, unavailable
from bot.threads.stores import Messages, Shown

log = structlog.get_logger()

_LAYOUT = frozenset({"invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long", "msg_too_long", "invalid_arguments"})


class Drawing:
    """The three ways to show a draft. Each returns the ts and raises SurfaceUnavailableError (later, perhaps) or SurfaceError (never)."""

    def __init__(self, web: WebApi, bot: Bot, messages: Messages, pace: Pace) -> None:
        self._web = web
        self._bot = bot
        self._messages = messages
        self._pace = pace

    async def edit(self, slot: Slot, shown: Shown) -> str:
        is_plain = False
        while True:
            if slot.draft.rendered.digest == shown.digest:
                slot.drawn = slot.wanted
                return shown.ts
            await self._web.throttle.wait("chat.update", shown.channel, slot.ticket)
            draft, number = slot.draft, slot.wanted
            body = {"channel": shown.channel, "ts": shown.ts, **_make_content(draft, is_plain=is_plain)}
            match reply := await self._web.call("chat.update", body):
                case Answer():
                    await self._messages.redrawn(draft.key, draft.rendered.digest)
                    slot.drawn = number
                    return shown.ts
                case Refused("message_not_found"):
                    return await self.post(slot, was_attempted=False)  # somebody deleted it
                case Refused(error) if error in _LAYOUT and not is_plain:
                    is_plain = True
                    log.error("layout_refused", key=draft.key, error=error, detail=reply.detail)
                case _:
                    await self._pause(slot, "chat.update", reply)

    async def post(self, slot: Slot, *, was_attempted: bool) -> str:
        is_plain = False
        first = slot.draft
        while True:
            if was_attempted and (ts := await self._find(first)):
                await self._messages.posted(first.key, first.channel, ts, "")
                slot.out.set()
                return await self.edit(slot, Shown(first.key, first.channel, ts, "", attempted=True))
            await self._messages.claim(first.key, first.thread_id)
            await self._web.throttle.wait("chat.postMessage", first.channel, slot.ticket)
            draft, number = slot.draft, slot.wanted
            body = {"channel": draft.channel, **_make_content(draft, is_plain=is_plain)}
            if draft.thread_ts:
                body["thread_ts"] = draft.thread_ts
            match reply := await self._web.call("chat.postMessage", body):
                case Answer(data):
                    ts = str(data["ts"])
                    await self._messages.posted(draft.key, str(data.get("channel") or draft.channel), ts, draft.rendered.digest)
                    slot.drawn = number
                    return ts
                case Refused(error) if error in _LAYOUT and not is_plain:
                    is_plain = True
                    log.error("layout_refused", key=draft.key, error=error, detail=reply.detail)
                case _:
                    was_attempted = was_attempted or isinstance(reply, Lost)
                    await self._pause(slot, "chat.postMessage", reply)

    async def _find(self, draft: Draft, file_name: str = "") -> str:
        """Looks twice: Slack may still be at work on a post whose answer was lost."""
        for pause in (self._pace.settle, 0.0):
            if ts := await find_message(self._web, self._bot, draft.channel, draft.thread_ts, draft.key, file_name=file_name):
                return ts
            await asyncio.sleep(pause)
        return ""

    async def _pause(self, slot: Slot, method: str, reply: Reply) -> None:
        """Waits before the next attempt. Raises what the caller is told if there will be none."""
        if isinstance(reply, Refused):
            raise refused(method, reply)
        now = asyncio.get_running_loop().time()
        if isinstance(reply, Limited):
            self._web.throttle.pause(method, slot.draft.channel, reply.seconds)
            log.info("slack_limits", method=method, seconds=reply.seconds)
            delay = reply.seconds
        else:
            delay = min(self._pace.backoff * 2**slot.lost, 10.0)
            slot.lost += 1
        if now + delay > slot.deadline:
            raise unavailable(method, reply)
        if not isinstance(reply, Limited):
            await asyncio.sleep(delay)

    async def share(self, slot: Slot, *, was_attempted: bool) -> str:
        draft, file = slot.draft, slot.draft.file
        if file is None:
            raise AssertionError("only drafts of files are shared")
        while True:
            ts = await self._find(draft, file.name) if was_attempted else ""
            await self._messages.claim(draft.key, draft.thread_id)
            reply = Answer({"ts": ts}, {}) if ts else await share_file(self._web, file, draft.channel, draft.thread_ts, slot.ticket)
            match reply:
                case Answer(data):
                    await self._messages.posted(draft.key, draft.channel, str(data["ts"]), draft.rendered.digest)
                    slot.drawn = slot.wanted
                    return str(data["ts"])
                case _:
                    was_attempted = was_attempted or isinstance(reply, Lost)
                    await self._pause(slot, SHARE, reply)


def _make_content(draft: Draft, *, is_plain: bool) -> dict[str, object]:
    rendered = render_plain(draft.rendered) if is_plain else draft.rendered
    return {
        "text": rendered.text,
        "blocks": list(rendered.blocks),
        "metadata": make_metadata(draft.key),
        "unfurl_links": False,
        "unfurl_media": False,
    }
