"""What only one person sees: whispers in a channel, direct messages, their Home, and the questions suggested to them.

What a lost answer of Slack means for each of them:

* a direct message is one of the sender's, looked for before it is posted again: it is there once;
* a whisper is in no history, so nobody can look: it is sent again and may be there twice, because missing why nothing happened is worse;
* a Home replaces the one before, so it is published again;
* suggestions are tried once, and so is a window (`surface`): its trigger is good for one.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

import structlog

from bot.slack.delivery.drafts import Draft
from bot.slack.delivery.sender import Sender
from bot.slack.door.people import raise_unless_user
from bot.slack.door.throttle import Priority
from bot.slack.door.web import Answer, Refused, WebApi, refused
from bot.slack.parse import Bot
from bot.slack.rendering.answers import SOMETHING, lay_out, render_plain
from bot.slack.rendering.blocks import Block, Rendered, context
from bot.slack.rendering.home import PROMPTS, render_home, render_overview, render_plain_home
from bot.slack.rendering.text import is_channel_id, make_permalink
from bot.threads.inbound.overview import Overview
from bot.threads.stores import Thread

log = structlog.get_logger()

_NOT_THERE = frozenset({"not_in_channel", "channel_not_found", "user_not_in_channel", "is_archived"})


class Private:
    """Part of the surface. Raises as it does."""

    def __init__(self, web: WebApi, bot: Bot, sender: Sender) -> None:
        self._web = web
        self._bot = bot
        self._sender = sender
        self._lanes: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def whisper(self, channel_id: str, thread_ts: str, user_id: str, text: str) -> None:
        raise_unless_user(user_id)
        layout = lay_out(text)
        if layout is not None:
            await self._whisper(channel_id, thread_ts, user_id, layout.message)

    async def whisper_overview(self, channel_id: str, user_id: str, overview: Overview) -> None:
        raise_unless_user(user_id)
        await self._whisper(channel_id, "", user_id, render_overview(overview, self._bot))

    async def tell(self, user_id: str, key: str, text: str, thread: Thread | None) -> None:
        raise_unless_user(user_id)
        layout = lay_out(text)
        if layout is not None:
            where = [] if thread is None else [context(self._describe_place(thread))]
            await self._tell(user_id, key, Rendered(layout.message.text, (*layout.message.blocks, *where)))

    async def show_home(self, user_id: str, overview: Overview, links: Mapping[int, str]) -> None:
        """`links` are the addresses of the cards of open changes, by their numbers; '' for one that is not shown yet."""
        raise_unless_user(user_id)
        async with self._after_earlier(user_id):
            reply = await self._publish(user_id, render_home(overview, self._bot, links))
            if isinstance(reply, Refused) and reply.may_lie_in_content:
                log.error("layout_refused", key=f"home:{user_id}", error=reply.error, detail=reply.detail)
                reply = await self._publish(user_id, render_plain_home(reply.error))
        if isinstance(reply, Refused):
            raise refused("views.publish", reply)

    async def suggest(self, channel_id: str) -> None:
        """Best effort: a workspace without the agent surface refuses it, and nobody misses anything."""
        prompts = [{"title": title, "message": message} for title, message in PROMPTS]
        body = {"channel_id": channel_id, "title": "What shall I look at?", "prompts": prompts}
        reply = await self._web.send("assistant.threads.setSuggestedPrompts", body, priority=Priority.PROGRESS)
        if not isinstance(reply, Answer):
            log.info("no_suggestions", reply=str(reply))

    async def _publish(self, user_id: str, view: Block) -> Answer | Refused:
        return await self._web.repeat("views.publish", {"user_id": user_id, "view": view})

    async def _whisper(self, channel_id: str, thread_ts: str, user_id: str, part: Rendered) -> None:
        async with self._after_earlier(user_id):
            reply = await self._post_whisper(channel_id, thread_ts, user_id, part)
            if isinstance(reply, Refused) and reply.may_lie_in_content:
                log.error("layout_refused", key=f"whisper:{user_id}", error=reply.error, detail=reply.detail)
                reply = await self._post_whisper(channel_id, thread_ts, user_id, render_plain(part, reply.error, SOMETHING))
        if isinstance(reply, Refused) and reply.error in _NOT_THERE:
            await self._tell(user_id, f"tell:{uuid.uuid4().hex}", part)
        elif isinstance(reply, Refused):
            raise refused("chat.postEphemeral", reply)

    async def _post_whisper(self, channel_id: str, thread_ts: str, user_id: str, part: Rendered) -> Answer | Refused:
        body: dict[str, object] = {"channel": channel_id, "user": user_id, "text": part.text, "blocks": list(part.blocks)}
        return await self._web.repeat("chat.postEphemeral", body | ({"thread_ts": thread_ts} if thread_ts else {}), channel_id)

    @asynccontextmanager
    async def _after_earlier(self, user_id: str) -> AsyncIterator[None]:
        """One thing after the other for each person, in the order they came: an older Home must not replace a newer one."""
        lane = self._lanes.setdefault(user_id, asyncio.Lock())
        async with lane:
            yield

    async def _tell(self, user_id: str, key: str, part: Rendered) -> None:
        """In their direct messages: also where the bot is no member and can whisper nothing, as after a slash command."""
        place = f"{self._bot.team_id}:{user_id}:"
        await self._sender.show(Draft(key, place, user_id, "", part, Priority.CARD))

    def _describe_place(self, thread: Thread) -> str:
        name = f"<#{thread.channel_id}>" if is_channel_id(thread.channel_id) else "a channel"
        if not self._bot.url:
            return f"In {name}"
        link = make_permalink(self._bot.url, thread.channel_id, thread.thread_ts)
        return f"In {name} · <{link}|the thread>"
