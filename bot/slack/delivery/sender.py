"""The one way messages go out: each key is one message, posted once and edited after that.

Per key only the newest draft counts; per thread new messages keep their order; across threads cards go before answers and
answers before progress. What was attempted but not confirmed is looked for before it is posted again.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict

import structlog

from bot.errors import BotError, SurfaceUnavailableError
from bot.slack.delivery.drafts import Draft, Pace, Slot
from bot.slack.delivery.drawing import Drawing
from bot.slack.door.throttle import Ticket
from bot.slack.door.web import WebApi
from bot.slack.parse import Bot
from bot.threads.stores import Messages

log = structlog.get_logger()

_KNOWN_LIMIT = 2_000


class Sender:
    """Lives in one event loop; `close` before the client's session is closed."""

    def __init__(self, web: WebApi, bot: Bot, messages: Messages, pace: Pace | None = None) -> None:
        self._messages = messages
        self._pace = pace or Pace()
        self._drawing = Drawing(web, bot, messages, self._pace)
        self._slots: dict[str, Slot] = {}
        self._lanes: dict[tuple[str, str], list[Slot]] = {}
        self._drawn_at: OrderedDict[str, float] = OrderedDict()
        self._is_closed = False

    async def show(self, draft: Draft) -> str:
        """Returns the message's ts when Slack shows this draft or a newer one of its key. Raises SurfaceUnavailableError or
        SurfaceError. Cancelling the caller does not cancel the message."""
        return await self.submit(draft)

    def submit(self, draft: Draft) -> asyncio.Future[str]:
        """As `show`, but takes its place in the thread's order at once."""
        slot = self._put(draft)
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        slot.waiting.append((slot.wanted, future))
        slot.is_urgent.set()
        return future

    def show_soon(self, draft: Draft) -> None:
        """Shows the draft, or a newer one, when the pace of its key allows. A failure is logged: the next draft tries again."""
        self._put(draft)

    async def close(self, seconds: float = 5.0) -> None:
        """Finishes what is under way for up to `seconds`, then stops; callers that still wait get SurfaceUnavailableError."""
        self._is_closed = True
        tasks = [slot.task for slot in self._slots.values() if slot.task is not None]
        for slot in self._slots.values():
            slot.is_urgent.set()
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _put(self, draft: Draft) -> Slot:
        if self._is_closed:
            raise SurfaceUnavailableError("kubectl-ai is stopping; the message is shown after its next start.")
        slot = self._slots.get(draft.key)
        if slot is None:
            slot = Slot(draft, Ticket(draft.priority))
            self._slots[draft.key] = slot
            self._enter_lane(slot)
            slot.task = asyncio.create_task(self._work(slot))
        else:
            slot.draft = draft
            slot.wanted += 1
            slot.ticket.raise_to(draft.priority)
        return slot

    def _enter_lane(self, slot: Slot) -> None:
        """Keeps the order of the thread. Whoever is ahead becomes as urgent as what waits behind."""
        lane = self._lanes.setdefault((slot.draft.channel, slot.draft.thread_ts), [])
        if lane:
            slot.after = lane[-1].out
        for ahead in lane:
            if not ahead.out.is_set():
                ahead.ticket.raise_to(slot.ticket.priority)
        lane.append(slot)

    def _leave_lane(self, slot: Slot) -> None:
        slot.out.set()
        key = (slot.draft.channel, slot.draft.thread_ts)
        lane = self._lanes.get(key, [])
        if slot in lane:
            lane.remove(slot)
        if not lane:
            self._lanes.pop(key, None)

    async def _work(self, slot: Slot) -> None:
        """Draws until the newest draft is shown."""
        problem: BaseException = SurfaceUnavailableError("kubectl-ai is stopping; the message is shown after its next start.")
        try:
            while slot.drawn < slot.wanted:
                slot.deadline, slot.lost = asyncio.get_running_loop().time() + self._pace.give_up, 0
                ts = await self._draw(slot)
                self._leave_lane(slot)
                self._tell(slot, ts)
        except BotError as exc:
            problem = exc
            log.warning("message_not_shown", key=slot.draft.key, error=str(exc))
        except Exception as exc:
            problem = exc
            log.exception("message_not_shown", key=slot.draft.key)
        finally:
            self._leave_lane(slot)
            del self._slots[slot.draft.key]
            for _, future in slot.waiting:
                if not future.done():
                    future.set_exception(problem)

    def _tell(self, slot: Slot, ts: str) -> None:
        self._drawn_at[slot.draft.key] = asyncio.get_running_loop().time()
        self._drawn_at.move_to_end(slot.draft.key)
        if len(self._drawn_at) > _KNOWN_LIMIT:
            self._drawn_at.popitem(last=False)
        for entry in [entry for entry in slot.waiting if entry[0] <= slot.drawn]:
            slot.waiting.remove(entry)
            if not entry[1].done():
                entry[1].set_result(ts)
        if not slot.waiting:
            slot.is_urgent.clear()

    async def _draw(self, slot: Slot) -> str:
        shown = await self._messages.get(slot.draft.key)
        if shown is not None and shown.ts:
            self._leave_lane(slot)  # an edit has no place in the order, and nothing waits behind it
            slot.ticket.priority = slot.draft.priority
            if slot.draft.file is not None:
                slot.drawn = slot.wanted
                return shown.ts
            await self._wait_for_pace(slot)
            return await self._drawing.edit(slot, shown)
        if slot.after is not None:
            await slot.after.wait()
        was_attempted = shown is not None and shown.attempted
        if slot.draft.file is not None:
            return await self._drawing.share(slot, was_attempted=was_attempted)
        return await self._drawing.post(slot, was_attempted=was_attempted)

    async def _wait_for_pace(self, slot: Slot) -> None:
        """Drafts that nobody waits for come at most every `Pace.progress` seconds; an urgent one ends the wait."""
        last = self._drawn_at.get(slot.draft.key)
        if last is None or slot.is_urgent.is_set():
            return
        delay = last + self._pace.progress - asyncio.get_running_loop().time()
        if delay > 0:
            try:
                await asyncio.wait_for(slot.is_urgent.wait(), delay)
            except TimeoutError:
                return
