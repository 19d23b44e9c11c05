"""Bringing payloads to the app over HTTP, signed as Slack signs them: the alternative to Socket Mode."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

import aiohttp

from bot.devslack.config import Config
from bot.devslack.deadlines import wait_within
from bot.devslack.traffic import FROM_APP, TO_APP, Traffic
from bot.devslack.values import Json
from bot.errors import SurfaceError

LINE = "http"
REASONS = {"timeout": "http_timeout", "error": "http_error", "connection": "connection_failed"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """`answer` is what the app put into its acknowledgement, None without one; `reason` then says why, as in a retry's header."""

    answer: Json | None
    reason: str = ""


class HttpDelivery:
    """Posts to the app's request URL, once it has proven that it wants to be posted to."""

    def __init__(self, config: Config, traffic: Traffic) -> None:
        self._config = config
        self._traffic = traffic
        self._session: aiohttp.ClientSession | None = None
        self._secret = ""
        self.url = ""
        """The request URL; empty while the app is served over Socket Mode."""
        self.answers_to_lose = 0
        """How many of the next answers get lost on their way."""

    async def use(self, url: str, secret: str) -> None:
        """Deliver there from now on (an empty URL: over Socket Mode again). Raises SurfaceError if the app does not return the
        challenge, as Slack's settings page does."""
        self.url, self._secret = "", secret
        if not url:
            return
        challenge = secrets.token_urlsafe(24)
        body = json.dumps({"type": "url_verification", "challenge": challenge, "token": ""})
        outcome = await self._post(url, "url_verification", body, "application/json", {})
        if outcome.answer is None or challenge not in (outcome.answer.get("challenge"), outcome.answer.get("text")):
            raise SurfaceError(f"The app at {url} did not return the challenge ({outcome.reason or 'another answer'}); is it running?")
        self.url = url

    async def send(self, kind: str, payload: Json, attempt: int = 0, reason: str = "") -> Outcome:
        """One attempt. `kind` as in Socket Mode: `events_api`, `interactive`, `slash_commands`."""
        headers = {"X-Slack-Retry-Num": str(attempt), "X-Slack-Retry-Reason": reason} if attempt else {}
        if kind == "events_api":
            return await self._post(self.url, kind, json.dumps(payload), "application/json", headers)
        form = payload if kind == "slash_commands" else {"payload": json.dumps(payload)}
        return await self._post(self.url, kind, urlencode(form), "application/x-www-form-urlencoded", headers)

    def sign(self, body: str) -> Json:
        """The two headers that prove who sent this body, and when."""
        timestamp = str(int(self._config.clock()))
        digest = hmac.new(self._secret.encode(), f"v0:{timestamp}:{body}".encode(), hashlib.sha256).hexdigest()
        return {"X-Slack-Request-Timestamp": timestamp, "X-Slack-Signature": f"v0={digest}"}

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def _post(self, url: str, kind: str, body: str, content_type: str, headers: Mapping[str, str]) -> Outcome:
        self._traffic.note(TO_APP, LINE, kind, body)
        exchange = self._exchange(url, body, {**headers, **self.sign(body), "Content-Type": content_type})
        outcome = await wait_within(self._config.ack_seconds, self._config.sleep, exchange) or Outcome(None, REASONS["timeout"])
        self._traffic.note(FROM_APP, LINE, kind, outcome.answer, outcome.reason or "ok")
        return outcome

    async def _exchange(self, url: str, body: str, headers: Mapping[str, str]) -> Outcome:
        if self._session is None:
            self._session = aiohttp.ClientSession()
        try:
            async with self._session.post(url, data=body.encode(), headers=headers, allow_redirects=False) as response:
                text = await response.text()
                if self.answers_to_lose > 0:
                    self.answers_to_lose -= 1
                    await asyncio.Event().wait()  # it never arrives
                return Outcome(_read_answer(text)) if response.status // 100 == 2 else Outcome(None, REASONS["error"])
        except (aiohttp.ClientError, OSError, asyncio.IncompleteReadError):
            return Outcome(None, REASONS["connection"])


def _read_answer(text: str) -> Json:
    try:
        document = json.loads(text)
    except ValueError:
        return {"text": text} if text else {}
    return document if isinstance(document, dict) else {}
