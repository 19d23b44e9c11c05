"""HTTP mode: Slack posts to an address of ours instead of a socket we open. For those who want ingress.

A request is believed only with Slack's signature over its exact bytes, made within the last five minutes. From there on it takes the
way of a Socket Mode payload: stored, then acknowledged. A request sent again within those minutes has the same key in the inbox,
so it changes nothing, whichever replica it reaches.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

import orjson
import structlog
from aiohttp import web
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_sdk.signature import Clock, SignatureVerifier

from bot.errors import ConfigError
from bot.settings import SlackSettings
from bot.slack import limits
from bot.slack.door.listeners import Listeners

log = structlog.get_logger()

PATH = "/slack/events"
"""For events, interactivity and the slash command: the kinds tell themselves apart."""


class _Clock(Clock):
    """The SDK's clock over ours."""

    def __init__(self, read: Callable[[], float]) -> None:
        self._read = read

    def now(self) -> float:
        return self._read()


class Endpoint:
    """The listener on `slack.http`. Raises ConfigError for an address that cannot be had."""

    def __init__(self, settings: SlackSettings, listeners: Listeners, clock: Callable[[], float] = time.time) -> None:
        self._http = settings.http
        self._listeners = listeners
        self._verifier = SignatureVerifier(settings.signing_secret.get_secret_value().strip(), _Clock(clock))
        self._runner: web.AppRunner | None = None
        self.port = 0
        """The port that is listened on, once it is."""

    async def open(self) -> None:
        app = web.Application(client_max_size=limits.REQUEST_BYTES)
        app.router.add_post(PATH, self._handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=5.0)
        await runner.setup()
        try:
            await web.TCPSite(runner, self._http.address, self._http.port).start()
        except OSError as exc:
            await runner.cleanup()
            where = f"{self._http.address}:{self._http.port}"
            raise ConfigError(f"Slack's requests cannot be taken on {where} ({exc.strerror}); change slack.http.") from exc
        self._runner, self.port = runner, int(runner.addresses[0][1])
        log.info("slack_endpoint_open", address=self._http.address, port=self.port, path=PATH)

    def find_trouble(self) -> str:
        """'' while requests are taken; otherwise what is wrong, in one sentence."""
        return "" if self._runner is not None else "The address for Slack's requests is not open; messages wait at Slack until it is."

    async def close(self) -> None:
        """Takes nothing new, acknowledges what is stored, then closes."""
        await self._listeners.drain()
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def _handle(self, request: web.Request) -> web.Response:
        body = await request.read()
        if not self._is_from_slack(request.headers, body):
            log.warning("request_refused", reason="signature")
            return web.Response(status=401, text="This request does not carry Slack's signature of the last five minutes.")
        payload = _read_payload(body, request.content_type)
        if payload is None:
            log.warning("request_refused", reason="payload")
            return web.Response(status=400, text="This is no payload of Slack.")
        # As over a socket, because the signature is checked: Bolt would check it after parsing, and write the body of a bad one to the log.
        answer = await self._listeners.app.async_dispatch(AsyncBoltRequest(body=payload, mode="socket_mode"))
        content_type = answer.first_headers_without_set_cookie().get("content-type", "text/plain")
        return web.Response(status=answer.status, text=answer.body, content_type=content_type.partition(";")[0])

    def _is_from_slack(self, headers: Mapping[str, str], body: bytes) -> bool:
        """Signatures are compared in constant time. What the verifier cannot read is refused before it."""
        timestamp, signature = headers.get("X-Slack-Request-Timestamp", ""), headers.get("X-Slack-Signature", "")
        if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) < 16 and signature.isascii()):
            return False
        try:
            return self._verifier.is_valid(body, timestamp, signature)
        except UnicodeDecodeError:
            return False


def _read_payload(body: bytes, content_type: str) -> dict[str, Any] | None:
    """Events are JSON, interactions JSON in a form's field `payload`, commands a form. None for anything else."""
    try:
        if content_type == "application/json":
            document = orjson.loads(body)
        else:
            form = dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=100))
            document = orjson.loads(form["payload"]) if "payload" in form else form
    except ValueError:
        return None
    return document if isinstance(document, dict) and document else None
