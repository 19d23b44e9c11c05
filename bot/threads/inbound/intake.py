"""The intake: takes stored events and handles them at once, outside the threads' leases, in order per thread."""

from __future__ import annotations

import asyncio

import structlog

from bot.errors import BotError, SurfaceError, SurfaceUnavailableError
from bot.threads.inbound import commands, decisions, home, outputs, requests, shortcuts
from bot.threads.inbound.incoming import Click, Command, Edit, Glance, Investigation, Message, Opened, Reason
from bot.threads.inbound.wording import read_order
from bot.threads.signals import wait_for
from bot.threads.stores import Delivery
from bot.threads.world import World

log = structlog.get_logger()

POLL_SECONDS = 1.0
LEASE_SECONDS = 15.0
"""After a crash, events that were being handled are handed out again after this time. Handling one twice does no harm."""
_AT_ONCE = 50
_ATTEMPTS = 12
_LONGEST_PAUSE_SECONDS = 30.0
_SORRY = "I tried again and again and could not do this, so nothing came of it; please try once more, or look into my log."


class Intake:
    """Handles the inbox until cancelled."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._handling: dict[int, asyncio.Task[None]] = {}
        self._lanes: dict[str, asyncio.Task[None]] = {}

    @property
    def active(self) -> int:
        """How many events it handles now."""
        return len(self._handling)

    async def run(self) -> None:
        """Never returns; on cancellation what is being handled is cut off and handed out again later."""
        try:
            while True:
                try:
                    is_more = await self._take()
                except BotError:
                    log.exception("inbox_unread")
                    is_more = False
                if not is_more:
                    await wait_for(self._world.signals.inbox, POLL_SECONDS)
        finally:
            for task in self._handling.values():
                task.cancel()
            await asyncio.gather(*self._handling.values(), return_exceptions=True)

    async def _take(self) -> bool:
        """Starts to handle what is there; whether there may be more."""
        room = _AT_ONCE - len(self._handling)
        if room <= 0:
            await asyncio.wait(self._handling.values(), return_when=asyncio.FIRST_COMPLETED)
            return True
        deliveries = await self._world.stores.inbox.take(LEASE_SECONDS, room)
        for delivery in deliveries:
            if delivery.id not in self._handling:  # it may still be here when its lease is over
                self._start(delivery)
        return len(deliveries) == room

    def _start(self, delivery: Delivery) -> None:
        lane = _lane_of(delivery)
        task = asyncio.create_task(self._handle_after(self._lanes.get(lane), delivery))
        self._handling[delivery.id] = task
        self._lanes[lane] = task

        def forget(_: asyncio.Task[None]) -> None:
            self._handling.pop(delivery.id, None)
            if self._lanes.get(lane) is task:
                del self._lanes[lane]

        task.add_done_callback(forget)

    async def _handle_after(self, earlier: asyncio.Task[None] | None, delivery: Delivery) -> None:
        if earlier is not None:
            await asyncio.wait({earlier})
        inbox = self._world.stores.inbox
        try:
            await self._handle(delivery)
            await inbox.done(delivery.id)
        except Exception as exc:
            is_refused = isinstance(exc, SurfaceError) and not isinstance(exc, SurfaceUnavailableError)
            is_final = is_refused or delivery.attempts >= _ATTEMPTS
            log.exception("event_failed", key=delivery.key, attempts=delivery.attempts, final=is_final)
            pause = min(2.0 ** (delivery.attempts - 1), _LONGEST_PAUSE_SECONDS)
            if isinstance(exc, SurfaceUnavailableError):
                pause = max(pause, exc.retry_after_seconds or 0.0)
            try:
                await inbox.failed(delivery.id, f"{type(exc).__name__}: {exc}", None if is_final else pause)
            except BotError:
                log.exception("event_not_given_back", key=delivery.key)  # its lease ends by itself
            if is_final:
                await self._apologise(delivery, f"This could not be done: {exc}" if is_refused else _SORRY)

    async def _apologise(self, delivery: Delivery, why: str) -> None:
        """Tells the person that nothing comes of what they did: where they did it, or in their direct messages."""
        incoming, surface = delivery.incoming, self._world.surface
        try:
            match incoming:
                case Click(is_home=True):
                    await surface.tell(incoming.user_id, f"sorry:{delivery.key}", why)
                case Message(channel_id=channel, thread_ts=thread) | Click(channel_id=channel, thread_ts=thread):
                    await surface.whisper(channel, thread, incoming.user_id, why)
                case Command(channel_id=channel) | Investigation(channel_id=channel):
                    await surface.whisper(channel, "", incoming.user_id, why)
                case Opened():
                    await surface.tell(incoming.user_id, f"sorry:{delivery.key}", f"Your Home could not be drawn. {why}")
                case Reason() | Edit() | Glance():
                    await surface.tell(incoming.user_id, f"sorry:{delivery.key}", why)
        except BotError:
            log.exception("person_not_told", key=delivery.key)

    async def _handle(self, delivery: Delivery) -> None:
        match delivery.incoming:
            case Message() as message if order := read_order(message.text):
                await decisions.handle_words(self._world, message, order, is_late=bool(delivery.error))
            case Message() as message:
                await requests.handle_message(self._world, message)
            case Command() as command:
                await commands.handle_command(self._world, delivery.key, command)
            case Click(is_home=True) as click:
                await decisions.handle_home_click(self._world, click, key=delivery.key, is_late=bool(delivery.error))
            case Click() as click:
                await decisions.handle_click(self._world, click, is_late=bool(delivery.error))
            case Reason() as reason:
                await decisions.handle_reason(self._world, reason, key=delivery.key, is_late=bool(delivery.error))
            case Edit() as edit:
                await decisions.handle_edit(self._world, edit, key=delivery.key)
            case Glance() as glance:
                await outputs.handle_glance(self._world, glance)
            case Investigation() as asked:
                await shortcuts.handle_investigation(self._world, asked)
            case Opened() as opened:
                await home.handle_opened(self._world, opened)


def _lane_of(delivery: Delivery) -> str:
    """Messages of one thread go one after the other, as do clicks on one card and drawings of one Home; all else has its own lane."""
    match delivery.incoming:
        case Message(channel_id=channel, thread_ts=ts):
            return f"message:{channel}:{ts}"
        case Click(change_id=number) | Reason(change_id=number) | Edit(change_id=number) if number:
            return f"change:{number}"
        case Glance(view_id=view) if view:
            return f"view:{view}"
        case Opened(user_id=user):
            return f"opened:{user}"
        case _:
            return delivery.key
