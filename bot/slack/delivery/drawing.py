"""Making Slack show a draft: post, edit or share until it is there, whatever gets lost on the way.

What was attempted but not confirmed is looked for before it is posted again.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import structlog

from bot.slack.delivery.drafts import Draft, Pace, Slot
from bot.slack.delivery.lookup import Found, find_message, make_metadata
from bot.slack.delivery.uploads import SHARE, share_file
from bot.slack.door.web import Answer, Limited, Lost, Refused, Reply, WebApi, refused, unavailable
from bot.slack.parse import Bot
from bot.slack.rendering.answers import render_plain
from bot.slack.rendering.blocks import Rendered
from bot.threads.stores import Messages, Shown

log = structlog.get_logger()


@dataclass(slots=True)
class _Form:
    """How drafts are shown: as they are, but one that Slack refused, and for a reason that may lie in it, as text alone."""

    refused: str = ""
    """Digest of the draft that Slack refused."""
    error: str = ""

    def render(self, draft: Draft) -> Rendered:
        is_refused = draft.rendered.digest == self.refused
        return render_plain(draft.rendered, self.error, draft.otherwise) if is_refused else draft.rendered

    def simplify(self, draft: Draft, refusal: Refused) -> bool:
        """Whether another attempt, as text alone, is worth it: only one is made for a draft."""
        if not refusal.may_lie_in_content or draft.rendered.digest == self.refused:
            return False
        log.error("layout_refused", key=draft.key, error=refusal.error, detail=refusal.detail)
        self.refused, self.error = draft.rendered.digest, refusal.error
        return True


class Drawing:
    """The three ways to show a draft. Each returns the ts and raises SurfaceUnavailableError (later, perhaps) or SurfaceError (never)."""

    def __init__(self, web: WebApi, bot: Bot, messages: Messages, pace: Pace) -> None:
        self._web = web
        self._bot = bot
        self._messages = messages
        self._pace = pace

    async def edit(self, slot: Slot, shown: Shown) -> str:
        form = _Form()
        while True:
            if form.render(slot.draft).digest == shown.digest:
                slot.drawn = slot.wanted
                return shown.ts
            turn = await self._web.take_turn("chat.update", shown.channel, slot.ticket)
            draft, number = slot.draft, slot.wanted
            rendered = form.render(draft)
            body = {"channel": shown.channel, "ts": shown.ts, **_make_content(draft, rendered)}
            match reply := await self._web.call(turn, body):
                case Answer():
                    await self._messages.redrawn(draft.key, rendered.digest)
                    slot.drawn = number
                    return shown.ts
                case Refused("message_not_found"):
                    return await self.post(slot, was_attempted=False)  # somebody deleted it
                case Refused() if form.simplify(draft, reply):
                    pass
                case _:
                    await self._pause(slot, "chat.update", reply)

    async def post(self, slot: Slot, *, was_attempted: bool) -> str:
        form = _Form()
        first = slot.draft
        while True:
            if was_attempted and (found := await self._find(first)):
                await self._messages.posted(first.key, found.channel, found.ts, "")
                slot.out.set()
                return await self.edit(slot, Shown(first.key, found.channel, found.ts, "", attempted=True))
            await self._messages.claim(first.key, first.thread_id)
            turn = await self._web.take_turn("chat.postMessage", first.channel, slot.ticket)
            draft, number = slot.draft, slot.wanted
            rendered = form.render(draft)
            body = {"channel": draft.channel, **_make_content(draft, rendered)}
            if draft.thread_ts:
                body["thread_ts"] = draft.thread_ts
            match reply := await self._web.call(turn, body):
                case Answer(data):
                    ts = str(data["ts"])
                    await self._messages.posted(draft.key, str(data.get("channel") or draft.channel), ts, rendered.digest)
                    slot.drawn = number
                    return ts
                case Refused() if form.simplify(draft, reply):
                    pass
                case _:
                    was_attempted = was_attempted or isinstance(reply, Lost)
                    await self._pause(slot, "chat.postMessage", reply)

    async def _find(self, draft: Draft, file_name: str = "") -> Found | None:
        """Looks twice: Slack may still be at work on a post whose answer was lost."""
        for pause in (self._pace.settle, 0.0):
            if found := await find_message(self._web, self._bot, draft.channel, draft.thread_ts, draft.key, file_name=file_name):
                return found
            await asyncio.sleep(pause)
        return None

    async def _pause(self, slot: Slot, method: str, reply: Reply) -> None:
        """Waits before the next attempt. Raises what the caller is told if there will be none."""
        if isinstance(reply, Refused):
            raise refused(method, reply)
        now = asyncio.get_running_loop().time()
        if isinstance(reply, Limited):
            delay = reply.seconds
        else:
            delay = min(self._pace.backoff * 2**slot.lost, 10.0)
            slot.lost += 1
        if now + delay > slot.deadline:
            raise unavailable(method, reply)
        if not isinstance(reply, Limited):  # for a limited one its next turn waits
            await asyncio.sleep(delay)

    async def share(self, slot: Slot, *, was_attempted: bool) -> str:
        draft, file = slot.draft, slot.draft.file
        if file is None:
            raise AssertionError("only drafts of files are shared")
        while True:
            found = await self._find(draft, file.name) if was_attempted else None
            await self._messages.claim(draft.key, draft.thread_id)
            answer = Answer({"ts": found.ts}, {}) if found else None
            reply = answer or await share_file(self._web, file, draft.channel, draft.thread_ts, slot.ticket)
            match reply:
                case Answer(data):
                    await self._messages.posted(draft.key, draft.channel, str(data["ts"]), draft.rendered.digest)
                    slot.drawn = slot.wanted
                    return str(data["ts"])
                case _:
                    was_attempted = was_attempted or isinstance(reply, Lost)
                    await self._pause(slot, SHARE, reply)


def _make_content(draft: Draft, rendered: Rendered) -> dict[str, object]:
    return {
        "text": rendered.text,
        "blocks": list(rendered.blocks),  # none takes those away that an edited message had
        "metadata": make_metadata(draft.key),
        "unfurl_links": False,
        "unfurl_media": False,
    }
