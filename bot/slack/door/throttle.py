"""When a Web API method may be called: Slack's rates per method and channel, its Retry-After, and who goes first."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from functools import partial

from bot.slack import limits
from bot.slack.limits import Rate


class Priority(IntEnum):
    """Lower goes first."""

    CARD = 0
    ANSWER = 1
    PROGRESS = 2


@dataclass(slots=True)
class Ticket:
    """A place in a queue. The priority may rise while it waits: what waits behind it in its thread may be urgent."""

    priority: Priority
    on_rise: Callable[[], None] | None = None
    """Set by the queue that it waits in."""

    def raise_to(self, priority: Priority) -> None:
        """Makes it at least as urgent; its turn may have come by that."""
        if priority < self.priority:
            self.priority = priority
            if self.on_rise is not None:
                self.on_rise()


@dataclass(slots=True)
class _Waiter:
    ticket: Ticket
    number: int
    granted: asyncio.Future[None]


@dataclass(slots=True)
class _Bucket:
    """A token bucket with a queue."""

    rate: Rate
    tokens: float
    refilled_at: float
    free_at: float = 0.0
    price: int = 1
    """Tokens that a call of progress takes, until `dear_until`."""
    dear_until: float = 0.0
    waiters: list[_Waiter] = field(default_factory=list)
    timer: asyncio.TimerHandle | None = None


class Throttle:
    """Lives in one event loop. Nothing is dropped: callers wait, urgent ones first."""

    def __init__(self, rates: Mapping[str, Rate] = limits.RATES, channel_rate: Rate = limits.CHANNEL_RATE) -> None:
        self._rates = rates
        self._channel_rate = channel_rate
        self._buckets: dict[tuple[str, str], _Bucket] = {}
        self._number = 0

    async def wait(self, method: str, channel: str, ticket: Ticket) -> None:
        """Returns when the method may be called once."""
        if method == "chat.postMessage":
            await self._acquire(self._bucket(method, channel), ticket)
        await self._acquire(self._bucket(method, ""), ticket)

    def pause(self, method: str, channel: str, seconds: float) -> None:
        """Slack said to wait: nothing of this method goes out before (for posts: to this channel, that is how Slack limits them)."""
        bucket = self._bucket(method, channel if method == "chat.postMessage" else "")
        now = asyncio.get_running_loop().time()
        self._refill(bucket, now)
        if now >= bucket.free_at and method != "chat.postMessage":  # of several calls under way, the first that is refused
            # Other processes use up the workspace's rate too: progress leaves them room, so that no card has to wait for the next refusal.
            bucket.price = min(2 * _price_of(bucket, now), limits.HIGHEST_PRICE)
        bucket.free_at = max(bucket.free_at, now + seconds)
        # One call then, and no burst: Slack would refuse what comes at once after it, and the next pause holds cards up too.
        bucket.tokens = min(bucket.tokens, 1.0)
        bucket.refilled_at = bucket.free_at
        bucket.dear_until = bucket.free_at + limits.DEAR_SECONDS

    def count_waiting(self) -> int:
        """Calls that wait for their turn now."""
        return sum(len(bucket.waiters) for bucket in self._buckets.values())

    def _bucket(self, method: str, channel: str) -> _Bucket:
        key = (method, channel)
        if key not in self._buckets:
            if len(self._buckets) > 500:
                self._forget_full_ones()
            rate = self._channel_rate if channel else self._rates.get(method, limits.OTHER_RATE)
            self._buckets[key] = _Bucket(rate, rate.burst, asyncio.get_running_loop().time())
        return self._buckets[key]

    def _forget_full_ones(self) -> None:
        now = asyncio.get_running_loop().time()
        for key, bucket in list(self._buckets.items()):
            self._refill(bucket, now)
            if not bucket.waiters and bucket.tokens >= bucket.rate.burst and max(bucket.free_at, bucket.dear_until) <= now:
                del self._buckets[key]

    async def _acquire(self, bucket: _Bucket, ticket: Ticket) -> None:
        self._number += 1
        waiter = _Waiter(ticket, self._number, asyncio.get_running_loop().create_future())
        bucket.waiters.append(waiter)
        ticket.on_rise = partial(self._grant, bucket)
        self._grant(bucket)
        try:
            await waiter.granted
        finally:
            ticket.on_rise = None
            if waiter in bucket.waiters:
                bucket.waiters.remove(waiter)

    def _grant(self, bucket: _Bucket) -> None:
        """Lets through whom the tokens suffice for, and comes back when they will for the next one."""
        now = asyncio.get_running_loop().time()
        self._refill(bucket, now)
        while bucket.waiters:
            first = min(bucket.waiters, key=lambda waiter: (waiter.ticket.priority, waiter.number))
            is_progress = first.ticket.priority is Priority.PROGRESS
            price = _price_of(bucket, now) if is_progress else 1
            needed = min(price + limits.RESERVED, bucket.rate.burst) if is_progress else 1
            delay = max(0.0, bucket.free_at - now) + max(0.0, needed - bucket.tokens) * 60 / bucket.rate.per_minute
            if delay > 0:
                if bucket.timer is not None:
                    bucket.timer.cancel()
                bucket.timer = asyncio.get_running_loop().call_later(delay + 0.001, self._grant, bucket)
                return
            bucket.tokens -= price
            bucket.waiters.remove(first)
            if not first.granted.done():
                first.granted.set_result(None)

    @staticmethod
    def _refill(bucket: _Bucket, now: float) -> None:
        if now <= bucket.refilled_at:  # paused
            return
        earned = (now - bucket.refilled_at) * bucket.rate.per_minute / 60
        bucket.tokens = min(bucket.rate.burst, bucket.tokens + earned)
        bucket.refilled_at = now


def _price_of(bucket: _Bucket, now: float) -> int:
    return bucket.price if now < bucket.dear_until else 1
