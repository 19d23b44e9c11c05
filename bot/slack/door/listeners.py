"""From Slack to the inbox: everything is stored before it is acknowledged, and nothing else happens before that.

Bolt acknowledges an event before its listener runs, so storing there would lose events in a crash. A global middleware runs
before the acknowledgement: it stores and answers by itself. If it fails, an event is not acknowledged and Slack delivers it
again; a command, click, shortcut or submission is never delivered again, so the person is told at once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson
import structlog
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.middleware.async_middleware import AsyncMiddleware
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse
from slack_sdk.web.async_client import AsyncWebClient

from bot import metrics
from bot.errors import BotError
from bot.slack import limits
from bot.slack.door.web import Refused, Reply, WebApi
from bot.slack.parse import Bot, parse
from bot.slack.rendering.details import REASON_BLOCK
from bot.threads.stores import Inbox

log = structlog.get_logger()

NOT_STORED = "kubectl-ai could not take this in, because its database refused; nothing was done. Try again in a moment."
TOO_SLOW = "kubectl-ai's database did not answer in time. See whether anything happens here before you try again."
RESTARTING = "kubectl-ai is restarting; try again in a moment."
_TELL_SECONDS = 1.0
"""For a turn to tell somebody that their click was not taken in."""


class Listeners:
    """The Bolt app, and what is being stored right now."""

    def __init__(self, client: AsyncWebClient, web: WebApi, bot: Bot, inbox: Inbox, wake: Callable[[], None]) -> None:
        """`client` must carry no token: Bolt would ask `auth.test` again, on the way of the first event. `wake` is called
        after something new was stored; it must return at once."""
        self._web = web
        self._bot = bot
        self._inbox = inbox
        self._wake = wake
        self._under_way = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._is_closing = False
        self._tellings: set[asyncio.Task[None]] = set()
        # Payloads are printed below INFO.
        for name in ("slack_bolt", "slack_sdk"):
            logger = logging.getLogger(name)
            logger.setLevel(max(logger.level, logging.INFO))
        who = AuthorizeResult(enterprise_id=None, team_id=bot.team_id, bot_id=bot.bot_id, bot_user_id=bot.user_id)

        async def authorize() -> AuthorizeResult:
            return who  # Bolt must not ask Slack while an event waits to be stored

        logger = logging.getLogger("slack_bolt")
        logger.disabled = True  # Bolt reads SLACK_BOT_TOKEN by itself and then warns that it will not use it
        self.app = AsyncApp(client=client, authorize=authorize, logger=logger)
        logger.disabled = False
        self.app.middleware(_StoreFirst(self.take))

    async def drain(self, seconds: float = 3.0) -> None:
        """Takes nothing new (Slack delivers it again, elsewhere) and finishes what is being stored, so that it is acknowledged."""
        self._is_closing = True
        try:
            async with asyncio.timeout(seconds):
                await self._idle.wait()
                await asyncio.sleep(0)  # the acknowledgement itself
        except TimeoutError:
            log.warning("intake_not_drained", under_way=self._under_way)
        if self._tellings:
            await asyncio.wait(self._tellings, timeout=1.0)

    async def take(self, body: dict[str, Any]) -> BoltResponse:
        """Stores what is for us; the response acknowledges it, or not."""
        if self._is_closing:
            return self._refuse(body, RESTARTING)
        parsed = parse(body, self._bot)
        if parsed is None:
            return BoltResponse(status=200, body="")
        kind = type(parsed.incoming).__name__
        self._under_way += 1
        self._idle.clear()
        try:
            with metrics.STORING.time():
                async with asyncio.timeout(limits.STORE_SECONDS):
                    is_new = await self._inbox.put(parsed.key, parsed.incoming)
        except TimeoutError:
            log.error("incoming_not_stored", kind=kind, error="the store did not answer in time")  # noqa: TRY400 - no news in its trace
            metrics.DELIVERIES.labels(kind, "refused").inc()
            return self._refuse(body, TOO_SLOW)
        except BotError as exc:
            log.error("incoming_not_stored", kind=kind, error=str(exc))  # noqa: TRY400
            metrics.DELIVERIES.labels(kind, "refused").inc()
            return self._refuse(body, NOT_STORED)
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._idle.set()
        log.info("incoming_stored", kind=kind, is_new=is_new)
        metrics.DELIVERIES.labels(kind, "stored" if is_new else "repeated").inc()
        asyncio.get_running_loop().call_soon(self._wake)
        return BoltResponse(status=200, body="") if parsed.answer is None else _answer(parsed.answer)

    def _refuse(self, body: dict[str, Any], sentence: str) -> BoltResponse:
        """What Slack gets when nothing was stored: an event stays unacknowledged and comes again; people are told."""
        if body.get("type") == "view_submission":
            first = next((block["block_id"] for block in body["view"]["blocks"] if block.get("type") == "input"), REASON_BLOCK)
            return _answer({"response_action": "errors", "errors": {first: sentence}})
        if "command" in body and "type" not in body:
            return BoltResponse(status=200, body=sentence)
        if body.get("type") in {"block_actions", "message_action"}:
            task = asyncio.create_task(self._whisper(body, sentence))
            self._tellings.add(task)
            task.add_done_callback(self._tellings.discard)
            return BoltResponse(status=200, body="")
        return BoltResponse(status=503, body="")

    async def _whisper(self, body: dict[str, Any], sentence: str) -> None:
        """The answer to a click or shortcut carries no words, so they are sent beside it. Once, at most: this process may be about to
        end. As a direct message where nothing can be whispered: in the Home, in a window, where the bot is no member."""
        user = (body.get("user") or {}).get("id")
        channel = (body.get("channel") or {}).get("id") or (body.get("container") or {}).get("channel_id")
        reply: Reply = Refused("channel_not_found")
        if channel:
            message = body.get("message") or {}
            arguments = {"channel": channel, "user": user, "text": sentence}
            if thread_ts := message.get("thread_ts") or message.get("ts"):
                arguments["thread_ts"] = thread_ts
            reply = await self._web.send("chat.postEphemeral", arguments, wait_seconds=_TELL_SECONDS)
        if isinstance(reply, Refused):
            reply = await self._web.send("chat.postMessage", {"channel": user, "text": sentence}, wait_seconds=_TELL_SECONDS)
        log.info("clicker_told", reply=type(reply).__name__)


def _answer(body: Mapping[str, Any]) -> BoltResponse:
    return BoltResponse(status=200, body=orjson.dumps(body).decode(), headers={"content-type": "application/json"})


class _StoreFirst(AsyncMiddleware):
    """The middleware that ends every request: `next` is never called, there is nothing left to do for listeners."""

    def __init__(self, take: Callable[[dict[str, Any]], Awaitable[BoltResponse]]) -> None:
        self._take = take

    async def async_process(
        self,
        *,
        req: AsyncBoltRequest,
        resp: BoltResponse,  # noqa: ARG002 - Bolt's signature
        next: Callable[[], Awaitable[BoltResponse]],  # noqa: ARG002
    ) -> BoltResponse:
        return await self._take(req.body)
