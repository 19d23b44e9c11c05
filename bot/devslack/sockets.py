"""Socket Mode connections: tickets, hello, envelopes to exactly one connection, acks, disconnects."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

import structlog
from aiohttp import WSMsgType, web

from bot.devslack.deadlines import wait_within
from bot.devslack.traffic import FROM_APP, TO_APP, Traffic
from bot.devslack.values import Json

log = structlog.get_logger()

DISCONNECT_REASONS = frozenset({"warning", "refresh_requested", "link_disabled", "too_many_websockets"})

_ENDING = frozenset({"link_disabled", "too_many_websockets"})
"""Reasons for which Slack closes the connection itself; for the others the app has time to open another first."""


@dataclass(slots=True, eq=False)
class Connection:
    """One open socket of the app, and the envelopes it has not answered yet."""

    number: int
    socket: web.WebSocketResponse
    request: web.Request
    waiting: dict[str, asyncio.Future[Json]] = field(default_factory=dict)
    is_half_open: bool = False
    """The network between has gone and nobody was told: nothing arrives in either direction, TCP stays up."""

    @property
    def line(self) -> str:
        return f"socket {self.number}"


class Sockets:
    """The app's open connections, at most `most`; each envelope goes to one of them, in turn. `tell_count` hears how many."""

    def __init__(
        self, app_id: str, most: int, tell_count: Callable[[int], None], sleep: Callable[[float], Awaitable[None]], traffic: Traffic
    ) -> None:
        self._app_id = app_id
        self._most = most
        self._tell_count = tell_count
        self._sleep = sleep
        self._traffic = traffic
        self._tickets: set[str] = set()
        self._connections: list[Connection] = []
        self._opened = 0
        self._turn = 0
        self._changed = asyncio.Condition()
        self.acks_to_drop = 0

    @property
    def count(self) -> int:
        return len(self._connections)

    def issue_ticket(self) -> str:
        """A ticket that opens one connection, once."""
        ticket = secrets.token_urlsafe(16)
        self._tickets.add(ticket)
        return ticket

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """GET /link/: a connection from hello to close."""
        ticket = request.query.get("ticket", "")
        if ticket not in self._tickets:
            return web.Response(status=401, text="This ticket is unknown or was used.")
        self._tickets.discard(ticket)
        socket = web.WebSocketResponse(autoping=False)  # so that a half-open one can leave pings unanswered
        await socket.prepare(request)
        with suppress(ConnectionError):  # the app left before it was greeted
            if self.count >= self._most:
                await socket.send_json(_build_disconnect("too_many_websockets"))
                await socket.close()
            else:
                await self._converse(Connection(self._opened + 1, socket, request))
        return socket

    async def _converse(self, connection: Connection) -> None:
        self._opened += 1
        await self._write(connection, "hello", self._build_hello(self.count + 1))
        async with self._changed:
            self._connections.append(connection)
            self._changed.notify_all()
        self._tell_count(self.count)
        log.info("socket_opened", connection=connection.number, count=self.count)
        try:
            async for frame in connection.socket:
                if connection.is_half_open:
                    continue
                if frame.type is WSMsgType.PING:
                    await connection.socket.pong(frame.data)
                elif frame.type is WSMsgType.TEXT:
                    self._take_ack(connection, frame.data)
        finally:
            self._connections.remove(connection)
            self._tell_count(self.count)
            log.info("socket_closed", connection=connection.number, count=self.count)

    def _build_hello(self, count: int) -> Json:
        return {
            "type": "hello",
            "num_connections": count,
            "connection_info": {"app_id": self._app_id},
            "debug_info": {"host": "localhost", "build_number": 1, "approximate_connection_time": 18060},
        }

    def _take_ack(self, connection: Connection, text: str) -> None:
        try:
            message = json.loads(text)
        except ValueError:
            log.warning("socket_frame_is_not_json", connection=connection.number)
            return
        envelope_id = message.get("envelope_id") if isinstance(message, dict) else None
        is_dropped = envelope_id is not None and self.acks_to_drop > 0
        self._traffic.note(FROM_APP, connection.line, "ack" if envelope_id else "frame", message, "dropped" if is_dropped else "")
        if envelope_id is None:
            return
        if is_dropped:
            self.acks_to_drop -= 1
            log.info("ack_dropped", envelope_id=envelope_id)
            return
        answer = connection.waiting.get(envelope_id)
        if answer is None:  # too late: its deadline has passed, Slack takes no notice either
            log.info("ack_too_late", envelope_id=envelope_id)
        elif not answer.done():
            answer.set_result(message)

    async def wait_for_connection(self) -> None:
        """Return as soon as at least one connection is open."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._connections)

    def pick(self, avoid: Connection | None = None) -> Connection | None:
        """The next connection in turn, another than `avoid` where there is another; None without any."""
        candidates = [connection for connection in self._connections if connection is not avoid] or list(self._connections)
        if not candidates:
            return None
        self._turn += 1
        return candidates[self._turn % len(candidates)]

    async def send(self, connection: Connection, envelope: Json, ack_seconds: float) -> Json | None:
        """Send one envelope and wait for its ack; None if none came in time."""
        answer: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        envelope_id = envelope["envelope_id"]
        connection.waiting[envelope_id] = answer
        try:
            return await wait_within(ack_seconds, self._sleep, self._exchange(connection, envelope, answer))
        except ConnectionError:  # the socket died under the frame: the app did not see it
            return None
        finally:
            connection.waiting.pop(envelope_id, None)

    async def _exchange(self, connection: Connection, envelope: Json, answer: asyncio.Future[Json]) -> Json:
        await self._write(connection, str(envelope["type"]), envelope)
        return await answer

    async def _write(self, connection: Connection, name: str, message: Json) -> None:
        self._traffic.note(TO_APP, connection.line, name, message, "lost" if connection.is_half_open else "")
        if not connection.is_half_open:
            await connection.socket.send_json(message)

    async def disconnect(self, reason: str, number: int = 0) -> int:
        """End every connection, or the one of that number: ask it to go (`reason` as in Slack), `abort` it without a word, or
        leave it `half_open`. Returns how many there were."""
        connections = [connection for connection in self._connections if number in {0, connection.number}]
        for connection in connections:
            if reason == "half_open":
                connection.is_half_open = True
                log.info("socket_half_open", connection=connection.number)
            elif reason == "abort":
                transport = connection.request.transport
                if transport is not None:
                    transport.abort()
            else:
                with suppress(ConnectionError):  # it has gone by itself
                    await self._write(connection, "disconnect", _build_disconnect(reason))
                    if reason in _ENDING:
                        await connection.socket.close()
        return len(connections)

    async def close(self) -> None:
        for connection in list(self._connections):
            await connection.socket.close()


def _build_disconnect(reason: str) -> Json:
    return {"type": "disconnect", "reason": reason, "debug_info": {"host": "localhost"}}
