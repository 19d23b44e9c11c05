"""Slack as the chat that threads see (`bot.threads.ports.Surface`): rows and answers in, messages out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import structlog

from bot.changes.change import Change, State
from bot.changes.freeze import Freeze
from bot.errors import SurfaceError, SurfaceUnavailableError
from bot.settings import ChangeSettings, SlackSettings
from bot.slack import limits
from bot.slack.delivery.drafts import Draft, Pace
from bot.slack.delivery.private import Private
from bot.slack.delivery.sender import Sender
from bot.slack.delivery.writing import Writing, is_direct
from bot.slack.door.people import People
from bot.slack.door.scopes import find_scope_problems
from bot.slack.door.throttle import Priority
from bot.slack.door.web import Answer, Lost, Refused, Reply, WebApi, refused, unavailable
from bot.slack.parse import Bot
from bot.slack.rendering.answers import SOMETHING, File, Layout, Otherwise, join_whole, lay_out, render_root
from bot.slack.rendering.blocks import PART, Block, Rendered
from bot.slack.rendering.cards import render_change, render_otherwise
from bot.slack.rendering.details import EXPORTED, render_details, render_edit, render_reason, render_unshown
from bot.slack.rendering.outputs import render_output
from bot.slack.rendering.pings import render_lapse, render_reminder
from bot.slack.rendering.progress import render_progress
from bot.slack.rendering.text import clean, make_permalink
from bot.slack.rendering.whole import make_file, write_whole
from bot.threads.inbound.incoming import Glance
from bot.threads.inbound.overview import Overview
from bot.threads.ports import ProgressView
from bot.threads.stores import Messages, Thread
from bot.values.people import Person, Reach, ThreadKey

log = structlog.get_logger()

_TURN_SECONDS = 0.5
"""For a turn to open a window."""
_PROGRESS_PRIORITY = {"working": Priority.PROGRESS, "waiting": Priority.CARD}
_LONG_CHARS = 50_000
_IN_FILE = Otherwise("This is an answer", "All of it is in the file below.")
_TO_EXPORT = Otherwise("This is an answer", "Write `export` in this thread to get all of it as a file.")


class SlackSurface:
    """Implements `bot.threads.ports.Surface`. `close` it before the Web API's session."""

    def __init__(
        self,
        web: WebApi,
        bot: Bot,
        slack: SlackSettings,
        changes: ChangeSettings,
        messages: Messages,
        *,
        clock: Callable[[], float] = time.time,
        pace: Pace | None = None,
    ) -> None:
        self._web = web
        self._bot = bot
        self._link_hosts = frozenset(host.lower() for host in slack.link_hosts)
        self._changes = changes
        self._messages = messages
        self._clock = clock
        self._people = People(web, bot, slack)
        self._sender = Sender(web, bot, messages, pace)
        self._private = Private(web, bot, self._sender)
        self._filed: set[int] = set()
        """Changes that are known to be in a file, because Slack refused their cards."""
        self._writing = Writing(web, bot, messages, pace or Pace(), clock)

    async def start_thread(self, channel_id: str, key: str, user_id: str, text: str) -> str:
        place = f"{self._bot.team_id}:{channel_id}:"
        return await self._sender.show(Draft(f"root:{key}", place, channel_id, "", render_root(user_id, text), Priority.ANSWER))

    async def show_progress(self, thread: Thread, turn: int, view: ProgressView) -> None:
        """Returns at once while the turn works: the newest view is shown within the pace. Any other view is waited for, and what comes
        after it too: a card, or the answer. So it goes before the progress of other threads."""
        shown = replace(view, thinking="") if self._writing.previews(thread, view) else view
        priority = _PROGRESS_PRIORITY.get(view.state, Priority.ANSWER)
        draft = _draft(thread, f"progress:{thread.id}:{turn}", render_progress(shown, thread.id, turn), priority)
        if view.state == "working":
            self._sender.show_soon(draft)
            self._writing.follow(thread, turn, view)
        else:
            await self._writing.end(thread, view)
            await self._sender.show(draft)

    async def show_change(self, thread: Thread, change: Change, *, freeze: Freeze | None = None, reach: Reach = Reach.SEEN) -> None:
        """Where Slack refuses the card and the text instead of it cannot have all, a file has; only then the text tells how to approve."""
        await self._show_card(thread, change, freeze, reach)
        if change.state is State.PROPOSED and change.id not in self._filed and not await self._shows_card(change):
            file = await asyncio.to_thread(make_file, change)
            await self._sender.show(_draft_file(thread, _whole_key(change.id), file))
            self._filed.add(change.id)
            await self._show_card(thread, change, freeze, reach)

    async def shows_whole(self, change: Change) -> bool:
        shown = await self._messages.get(_change_key(change.id))
        if shown is None or not shown.ts:
            return False
        return await self._shows_card(change) or await self._is_filed(change)

    async def _show_card(self, thread: Thread, change: Change, freeze: Freeze | None, reach: Reach) -> None:
        link = await self._link_to(change.superseded_by, change.thread_id)
        rendered = render_change(change, self._changes, self._clock(), freeze=freeze, reach=reach, successor_link=link)
        otherwise = self._say_otherwise(change, is_filed=change.id in self._filed)
        await self._sender.show(_draft(thread, _change_key(change.id), rendered, Priority.CARD, otherwise))

    async def _shows_card(self, change: Change) -> bool:
        """Whether the message is confirmed to be the card, or a text that has all of it."""
        shown = await self._messages.get(_change_key(change.id))
        return shown is not None and shown.digest != "" and not shown.digest.startswith(PART)

    async def _is_filed(self, change: Change) -> bool:
        file = await self._messages.get(_whole_key(change.id))
        return file is not None and bool(file.ts)

    def _say_otherwise(self, change: Change, *, is_filed: bool) -> Otherwise:
        has_room = sum(len(write.request.body) for write in change.writes) <= limits.PLAIN_BYTES
        return render_otherwise(change, self._clock(), whole=write_whole(change) if has_room else "", is_filed=is_filed)

    async def show_text(self, thread: Thread, key: str, text: str, *, code: str = "") -> None:
        """What is longer than a screen is a summary, with the whole text as a file below it."""
        layout = await _lay_out(text, code, key, self._link_hosts)
        if layout is None:
            return
        name = f"text:{thread.id}:{key}"
        kind, _, turn = key.partition(":")
        if kind == "answer" and turn.isdecimal() and is_direct(thread):
            await self._writing.hand_over(thread, int(turn), name)
        otherwise = _IN_FILE if layout.file is not None else _TO_EXPORT
        showing = self._sender.submit(_draft(thread, name, layout.message, Priority.ANSWER, otherwise))
        if layout.file is None:
            await showing
            return
        sharing = self._sender.submit(_draft_file(thread, f"file:{thread.id}:{key}", layout.file))
        shown, shared = await asyncio.gather(showing, sharing, return_exceptions=True)
        if isinstance(shown, BaseException):
            raise shown
        if isinstance(shared, SurfaceError) and not isinstance(shared, SurfaceUnavailableError):
            told = lay_out(f"The file with the whole text could not be added: {shared} The button above shows all of it.")
            if told is not None:
                await self._sender.show(_draft(thread, f"{name}:nofile", told.message, Priority.ANSWER))
        elif isinstance(shared, BaseException):
            raise shared

    async def share_file(self, thread: Thread, key: str, name: str, title: str, content: str) -> None:
        await self._sender.show(_draft_file(thread, f"file:{thread.id}:{key}", File(name, title, clean(content))))

    async def whisper(self, channel_id: str, thread_ts: str, user_id: str, text: str) -> None:
        await self._private.whisper(channel_id, thread_ts, user_id, text)

    async def whisper_overview(self, channel_id: str, user_id: str, overview: Overview) -> None:
        await self._private.whisper_overview(channel_id, user_id, overview)

    async def tell(self, user_id: str, key: str, text: str, thread: Thread | None = None) -> None:
        await self._private.tell(user_id, key, text, thread)

    async def show_home(self, user_id: str, overview: Overview) -> None:
        shown = [*(overview.deciding or ()), *(overview.waiting or ())]
        links = {change.id: await self._link_to(change.id, change.thread_id) for change in shown}
        await self._private.show_home(user_id, overview, links)

    async def suggest(self, channel_id: str) -> None:
        await self._private.suggest(channel_id)

    async def is_member(self, channel_id: str, user_id: str, *, is_fresh: bool = False) -> bool:
        return await self._people.is_member(channel_id, user_id, is_fresh=is_fresh)

    async def find_problems(self) -> Sequence[str]:
        return find_scope_problems((await self._web.ask_headers("auth.test")).get("x-oauth-scopes"))

    async def show_details(self, trigger_id: str, change: Change) -> None:
        await self._open_view(trigger_id, render_details(change), partial(render_unshown, f"Change {change.id}", EXPORTED))

    async def show_output(self, glance: Glance, text: str, code: str) -> None:
        whole = join_whole(text, code)
        view = await asyncio.to_thread(render_output, whole, glance)
        simpler = partial(render_unshown, "Full text", _IN_FILE.rest)
        if glance.view_id:
            await self._send_view("views.update", {"view_id": glance.view_id}, view, simpler)
        else:
            await self._open_view(glance.trigger_id, view, simpler)

    async def ask_reason(self, trigger_id: str, change: Change, *, is_home: bool = False) -> None:
        await self._open_view(trigger_id, render_reason(change, is_home=is_home))

    async def ask_command(self, trigger_id: str, change: Change) -> None:
        await self._open_view(trigger_id, render_edit(change))

    async def show_reminder(self, thread: Thread, change: Change, *, reach: Reach = Reach.SEEN) -> None:
        rendered = render_reminder(change, self._changes, await self._link_to(change.id, change.thread_id), reach)
        otherwise = render_otherwise(change, self._clock(), is_seen=await self.shows_whole(change))
        await self._sender.show(_draft(thread, f"remind:{change.id}", rendered, Priority.CARD, otherwise))

    async def show_lapse(self, thread: Thread, change: Change) -> None:
        rendered = render_lapse(change, await self._link_to(change.id, change.thread_id))
        await self._sender.show(_draft(thread, f"lapsed:{change.id}", rendered, Priority.CARD, render_otherwise(change, self._clock())))

    async def person(self, user_id: str) -> Person:
        return await self._people.fetch_person(user_id)

    async def members_of(self, group_id: str) -> frozenset[str]:
        return await self._people.fetch_members(group_id)

    async def channel_refusal(self, channel_id: str) -> str:
        return await self._people.check_channel(channel_id)

    async def close(self, seconds: float = 5.0) -> None:
        """Finishes the messages that are under way, for up to `seconds`."""
        await self._writing.close(seconds)
        await self._sender.close(seconds)

    async def _open_view(self, trigger_id: str, view: Block, simpler: Callable[[str], Block] | None = None) -> None:
        """Once, and hardly waiting for its turn: a trigger id is good for three seconds and one window."""
        if not trigger_id:
            raise SurfaceError("Slack gave no way to open a window for this click; press the button again.")
        await self._send_view("views.open", {"trigger_id": trigger_id}, view, simpler)

    async def _send_view(self, method: str, where: dict[str, str], view: Block, simpler: Callable[[str], Block] | None) -> None:
        """`simpler` makes the window that says why there is no other, from the refusal of the first."""
        until = asyncio.get_running_loop().time() + limits.TRIGGER_SECONDS
        reply = await self._send_within(until, method, where | {"view": view})
        if isinstance(reply, Refused) and reply.may_lie_in_content and simpler is not None:
            log.error("layout_refused", key=str(view.get("callback_id")), error=reply.error, detail=reply.detail)
            reply = await self._send_within(until, method, where | {"view": simpler(reply.error)})
        if isinstance(reply, Refused):
            raise refused(method, reply)
        if not isinstance(reply, Answer):
            raise unavailable(method, reply)

    async def _send_within(self, until: float, method: str, body: dict[str, object]) -> Reply:
        try:
            async with asyncio.timeout_at(until):
                return await self._web.send(method, body, wait_seconds=_TURN_SECONDS)
        except TimeoutError:
            return Lost("it did not answer in time")

    async def _link_to(self, change_id: int | None, thread_id: str) -> str:
        """The address of a change's card in that thread, if it is shown already; `auth.test` gave the workspace's own address."""
        if change_id is None or not self._bot.url:
            return ""
        shown = await self._messages.get(_change_key(change_id))
        if shown is None or not shown.ts:
            return ""
        return make_permalink(self._bot.url, shown.channel, shown.ts, ThreadKey.of(thread_id).thread_ts)


def _change_key(change_id: int) -> str:
    return f"change:{change_id}"


def _whole_key(change_id: int) -> str:
    return f"whole:{change_id}"


async def _lay_out(text: str, code: str, key: str, hosts: frozenset[str]) -> Layout | None:
    """Beside the event loop if it takes long."""
    if len(text) + len(code) > _LONG_CHARS:
        return await asyncio.to_thread(lay_out, text, code, key, hosts)
    return lay_out(text, code, key, hosts)


def _draft_file(thread: Thread, key: str, file: File) -> Draft:
    return Draft(key, thread.id, thread.channel_id, thread.thread_ts, Rendered(file.title, ()), Priority.ANSWER, file)


def _draft(thread: Thread, key: str, rendered: Rendered, priority: Priority, otherwise: Otherwise = SOMETHING) -> Draft:
    return Draft(key, thread.id, thread.channel_id, thread.thread_ts, rendered, priority, otherwise=otherwise)
