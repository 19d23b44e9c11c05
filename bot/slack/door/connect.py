"""Socket Mode: several connections of one process, a watchdog over them, and a clean end.

Slack closes a connection every few hours and sends each payload to one connection, so a second one loses nothing meanwhile.
The SDK reconnects by itself in the ordinary cases; the watchdog replaces a connection whose pongs stopped for longer than the
SDK needs to notice (it can retry a used-up address for ever, or stop watching).
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass, field

import aiohttp
import orjson
import structlog
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler

from bot.errors import ConfigError
from bot.settings import SlackSettings
from bot.slack.door.listeners import Listeners
from bot.slack.door.signin import SignedIn, explain_connection, is_local
from bot.slack.door.web import Answer, Limited, Lost, Reply

log = structlog.get_logger()

_OPEN = "apps.connections.open"
_CONNECT_SECONDS = 15.0
_LIMITED_SECONDS = 60.0
"""For how long Slack may tell us to wait before a connection is not opened at all."""
_SILENT_PINGS = 4
"""Pings without a pong until a connection counts as trouble."""
_STALE_PINGS = 7
"""Pings without a pong until a connection is replaced; the SDK itself gives up on one after four."""
_RETRY_SECONDS = 30.0
"""Least time between two attempts to replace: `apps.connections.open` is meant for about one call a minute."""
_ENDED = {
    "link_disabled": "Socket Mode is turned off for this Slack app; turn it on in the app's settings.",
    "too_many_websockets": "Slack allows this app no further connection; stop what else uses its tokens, or lower `slack.connections`.",
}
"""Why Slack ended a connection that it will not simply open again, by its reason."""


@dataclass(slots=True)
class _Link:
    """One Socket Mode connection."""

    handler: AsyncSocketModeHandler
    alive_at: float = field(default_factory=time.time)

    def measure_silence(self, ping_seconds: float) -> float:
        """Seconds since it was known to answer. `is_connected()` of the SDK may be true on a dead transport."""
        client = self.handler.client
        session, pong = client.current_session, client.last_ping_pong_time
        now = time.time()
        if not client.closed and session is not None and not session.closed and pong is not None and now - pong < 3 * ping_seconds:
            self.alive_at = now
        return now - self.alive_at


async def fetch_address(slack: SignedIn, settings: SlackSettings) -> str:
    """Where the next connection goes to. Asking opens none. Raises ConfigError in one sentence if Slack will not have it."""
    reply: Reply = await slack.app_web.send(_OPEN, {})
    if isinstance(reply, Lost) or (isinstance(reply, Limited) and reply.seconds <= _LIMITED_SECONDS):
        reply = await slack.app_web.send(_OPEN, {}, wait_seconds=_LIMITED_SECONDS)
    if isinstance(reply, Answer) and isinstance(url := reply.data.get("url"), str):
        return url
    raise ConfigError(explain_connection(reply, settings))


class Connections:
    """`settings.connections` sockets that feed the listeners."""

    def __init__(self, slack: SignedIn, settings: SlackSettings, listeners: Listeners, ping_seconds: float = 10.0) -> None:
        self._slack = slack
        self._settings = settings
        self._listeners = listeners
        self._ping_seconds = ping_seconds
        self._links: list[_Link] = []
        self._watchdog: asyncio.Task[None] | None = None
        self._refusal = ""
        """Why Slack would not have a connection, if it would not have the last one."""

    async def open(self) -> None:
        """Opens all of them. Raises ConfigError in one sentence if Slack will not have it."""
        try:
            for _ in range(self._settings.connections):
                self._links.append(await self._connect())
        except BaseException:
            await self.close()
            raise
        self._watchdog = asyncio.create_task(self._watch())

    def find_trouble(self) -> str:
        """'' while at least one connection answers; otherwise what is wrong, in one sentence."""
        if any(link.measure_silence(self._ping_seconds) < _SILENT_PINGS * self._ping_seconds for link in self._links):
            return ""
        return f"No Socket Mode connection to Slack answers; messages wait at Slack until one does. {self._refusal}".rstrip()

    async def close(self) -> None:
        """Takes nothing new, acknowledges what is stored, then closes."""
        if self._watchdog is not None:
            self._watchdog.cancel()
            await asyncio.gather(self._watchdog, return_exceptions=True)
        await self._listeners.drain()
        await asyncio.gather(*(_close(link) for link in self._links))
        self._links.clear()

    async def _connect(self) -> _Link:
        handler: AsyncSocketModeHandler | None = None
        try:
            url = await self._fetch_url()
            handler = AsyncSocketModeHandler(
                self._listeners.app,
                self._settings.app_token.get_secret_value().strip(),
                web_client=self._slack.bare,
                ping_interval=self._ping_seconds,
            )
            handler.client.wss_uri = url
            # The SDK opens a connection again at once, without end, if Slack ends each as soon as it is there: here it takes its turn.
            handler.client.issue_new_wss_url = self._fetch_url  # type: ignore[method-assign]
            handler.client.on_message_listeners.append(self._listen)
            if is_local(self._settings.api_url):
                handler.client.proxy = None
            async with asyncio.timeout(_CONNECT_SECONDS):  # by itself it would try that address for ever
                await handler.connect_async()  # type: ignore[no-untyped-call]
        except TimeoutError as exc:
            raise ConfigError("Slack's Socket Mode server does not answer; check the network (wss-*.slack.com).") from exc
        finally:
            if handler is not None and handler.client.current_session is None:
                await _close(_Link(handler))
        return _Link(handler)

    async def _fetch_url(self) -> str:
        return await fetch_address(self._slack, self._settings)

    async def _listen(self, frame: aiohttp.WSMessage) -> None:
        """Notes how Slack begins and ends connections; the SDK acts on it."""
        if not isinstance(frame.data, str) or not ('"disconnect"' in frame.data or '"hello"' in frame.data):
            return
        message = orjson.loads(frame.data)
        if message.get("type") == "hello":
            self._refusal = ""
        elif message.get("type") == "disconnect" and (why := _ENDED.get(message.get("reason"))):
            self._refusal = why
            log.warning("connection_ended", reason=message["reason"], why=why)

    async def _watch(self) -> None:
        tried_at = 0.0
        while True:
            await asyncio.sleep(self._ping_seconds)
            for index, link in enumerate(self._links):
                is_alive = link.measure_silence(self._ping_seconds) < _STALE_PINGS * self._ping_seconds
                if is_alive or time.time() - tried_at < min(_RETRY_SECONDS, 3 * self._ping_seconds):
                    continue
                tried_at = time.time()
                log.warning("connection_replaced", index=index)
                closing = asyncio.create_task(_close(link))  # beside: a dead transport is waited for, for seconds
                try:
                    self._links[index] = await self._connect()
                except ConfigError as exc:
                    self._refusal = str(exc)
                    log.warning("connection_failed", index=index, error=str(exc))
                finally:
                    await closing


async def _close(link: _Link) -> None:
    """Closes a connection and waits for the SDK's tasks, which its own `close` only cancels."""
    client = link.handler.client
    tasks = [task for task in (client.message_receiver, client.message_processor, client.current_session_monitor) if task is not None]
    with contextlib.suppress(TimeoutError, OSError):
        async with asyncio.timeout(5.0):
            await link.handler.close_async()  # type: ignore[no-untyped-call]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    if not client.aiohttp_client_session.closed:
        await client.aiohttp_client_session.close()
