"""The one door to Slack's Web API. A call takes its turn at the throttle first, what Slack says about waiting is kept for all later ones,
and the outcome is a value: what Slack answered, refused, limited, or that nobody knows.

The SDK's own retries are off: its handler for lost connections repeats `chat.postMessage`, which posts twice.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import structlog
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from bot import metrics
from bot.errors import SurfaceError, SurfaceUnavailableError
from bot.slack.door.throttle import Priority, Throttle, Ticket

log = structlog.get_logger()

_TRIES = 3
_PASSING = frozenset({"internal_error", "fatal_error", "service_unavailable", "request_timeout", "team_added_to_org", "rollup_error"})
"""Error codes behind which the call may or may not have taken effect."""
_DEFAULT_RETRY_SECONDS = 10.0
_LONGEST_WAIT_SECONDS = 30.0
"""For a turn of a call that somebody waits for; after that they are told to try later."""
_NOT_THE_CONTENT = (
    *("is_archived", "not_in_channel", "channel_not_found", "user_not_in_channel", "thread_not_found", "cannot_reply_to_message"),
    *("restricted_action", "no_permission", "missing_scope", "not_allowed_token_type", "team_access_not_granted", "message_not_found"),
    *("cant_update_message", "edit_window_closed", "invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired"),
    *("user_not_found", "unknown_method", "access_denied", "expired_trigger_id", "exchanged_trigger_id", "invalid_trigger_id", "not_found"),
)
"""How error codes begin that no other words or blocks would have avoided. Source: the error lists of Slack's method reference."""


@dataclass(frozen=True, slots=True)
class Answer:
    """It took effect."""

    data: Mapping[str, Any]
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Refused:
    """Slack said no, for good."""

    error: str
    detail: str = ""
    """Slack's own words: what is wrong with the blocks, which scope is missing."""

    @property
    def may_lie_in_content(self) -> bool:
        """Whether something simpler might be taken in the same place."""
        return not self.error.startswith(_NOT_THE_CONTENT)


@dataclass(frozen=True, slots=True)
class Limited:
    """It did not take effect; Slack wants us to wait."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Lost:
    """No answer, or none that tells: it may have taken effect."""

    why: str


Reply = Answer | Refused | Limited | Lost


@dataclass(slots=True)
class Turn:
    """The right to call a method once, now."""

    method: str
    channel: str
    is_used: bool = False


class WebApi:
    """Slack's Web API as the bot."""

    def __init__(self, client: AsyncWebClient, throttle: Throttle, timeout_seconds: float = 10.0, pause_seconds: float = 0.5) -> None:
        self._client = client
        self.throttle = throttle
        self._timeout_seconds = timeout_seconds
        self._pause_seconds = pause_seconds

    async def take_turn(self, method: str, channel: str, ticket: Ticket) -> Turn:
        """Waits for as long as it takes. What is sent is best made after this: it is newer then."""
        await self.throttle.wait(method, channel, ticket)
        return Turn(method, channel)

    async def call(self, turn: Turn, arguments: Mapping[str, Any], timeout_seconds: float | None = None) -> Reply:
        """One attempt with a JSON body."""
        return await self._attempt(turn, {"json": dict(arguments)}, timeout_seconds)

    async def send(
        self,
        method: str,
        arguments: Mapping[str, Any],
        *,
        priority: Priority = Priority.CARD,
        wait_seconds: float = _LONGEST_WAIT_SECONDS,
        timeout_seconds: float | None = None,
    ) -> Reply:
        """One attempt, at most: Limited also if its turn did not come within `wait_seconds`."""
        turn = await self._take_turn_within(wait_seconds, method, "", priority)
        return Limited(wait_seconds) if turn is None else await self.call(turn, arguments, timeout_seconds)

    async def repeat(self, method: str, arguments: Mapping[str, Any], channel: str = "") -> Answer | Refused:
        """A call that may take effect twice: repeated as `ask` repeats."""
        return await self._repeat(method, channel, {"json": dict(arguments)})

    async def ask(self, method: str, arguments: Mapping[str, Any]) -> Answer | Refused:
        """A call that changes nothing: made three times when it is lost or limited. Raises SurfaceUnavailableError after that."""
        return await self._repeat(method, "", {"http_verb": "GET", "params": dict(arguments)})

    async def _repeat(self, method: str, channel: str, how: dict[str, Any]) -> Answer | Refused:
        reply: Reply = Lost("not tried")
        for attempt in range(_TRIES):
            turn = await self._take_turn_within(_LONGEST_WAIT_SECONDS, method, channel, Priority.CARD)
            reply = Limited(_LONGEST_WAIT_SECONDS) if turn is None else await self._attempt(turn, how, None)
            match reply:
                case Answer() | Refused():
                    return reply
                case Limited(seconds) if seconds >= _LONGEST_WAIT_SECONDS:
                    break
                case Lost() if attempt + 1 < _TRIES:
                    await asyncio.sleep(self._pause_seconds * 2**attempt)
        raise unavailable(method, reply)

    async def _take_turn_within(self, seconds: float, method: str, channel: str, priority: Priority) -> Turn | None:
        try:
            async with asyncio.timeout(seconds):
                return await self.take_turn(method, channel, Ticket(priority))
        except TimeoutError:
            return None

    async def ask_headers(self, method: str) -> Mapping[str, str]:
        """The headers of an answer: Slack names the token's scopes there. Raises SurfaceError if it refuses, as `ask` otherwise."""
        reply = await self.ask(method, {})
        if isinstance(reply, Refused):
            raise refused(method, reply)
        return reply.headers

    async def upload(self, url: str, content: bytes) -> Reply:
        """Sends a file's bytes to the place Slack named, which takes no token."""
        session = self._client.session
        if session is None:
            raise AssertionError("the client was built without a session")
        try:
            timeout = aiohttp.ClientTimeout(total=max(self._timeout_seconds, len(content) / 100_000))
            async with session.post(
                url, data=io.BytesIO(content), timeout=timeout, headers={"Content-Type": "application/octet-stream"}
            ) as response:
                return Answer({}, {}) if response.status == 200 else Lost(f"the upload was answered HTTP {response.status}")
        except (aiohttp.ClientError, TimeoutError, OSError) as exc:
            return Lost(f"the upload failed ({type(exc).__name__})")

    async def _attempt(self, turn: Turn, how: dict[str, Any], timeout_seconds: float | None) -> Reply:
        if turn.is_used:
            raise AssertionError(f"{turn.method} was called without a turn of its own")
        turn.is_used = True
        reply = await self._send(turn, how, timeout_seconds)
        metrics.SLACK_CALLS.labels(turn.method, type(reply).__name__.lower()).inc()
        return reply

    async def _send(self, turn: Turn, how: dict[str, Any], timeout_seconds: float | None) -> Reply:
        try:
            async with asyncio.timeout(timeout_seconds or self._timeout_seconds):
                response = await self._client.api_call(turn.method, **how)
        except SlackApiError as exc:
            reply = _read_error(exc)
            if isinstance(reply, Limited):
                log.info("slack_limits", method=turn.method, seconds=reply.seconds)
                self.throttle.pause(turn.method, turn.channel, reply.seconds)
            return reply
        except TimeoutError:
            return Lost("it did not answer in time")
        except (aiohttp.ClientError, SlackClientError, OSError) as exc:
            return Lost(f"the connection failed ({type(exc).__name__})")
        data = response.data
        if not isinstance(data, dict):
            return Lost("its answer was not JSON")
        return Answer(data, response.headers)


def _read_error(error: SlackApiError) -> Reply:
    response: Any = error.response
    data = getattr(response, "data", None)
    status = int(getattr(response, "status_code", None) or getattr(response, "status", None) or 0)
    headers = getattr(response, "headers", None) or {}
    code = data.get("error") if isinstance(data, dict) else None
    if status == 429 or code in {"ratelimited", "rate_limited"}:
        return Limited(_read_seconds(headers.get("Retry-After")))
    if not isinstance(data, dict) or not isinstance(code, str) or code in _PASSING or status >= 500:
        return Lost(f"it answered {code or f'HTTP {status}'}")
    metadata = data.get("response_metadata")
    messages = metadata.get("messages") if isinstance(metadata, dict) else None
    detail = str(data.get("needed") or "; ".join(str(message) for message in messages or [])[:500])
    return Refused(code, detail)


def _read_seconds(value: object) -> float:
    try:
        return max(0.0, float(str(value)))
    except ValueError:
        return _DEFAULT_RETRY_SECONDS


def unavailable(method: str, reply: Reply) -> SurfaceUnavailableError:
    """The error for a call that may be tried again later."""
    if isinstance(reply, Limited):
        return SurfaceUnavailableError(f"Slack limits {method} for {reply.seconds:g} s; it is tried again then.", reply.seconds)
    why = reply.why if isinstance(reply, Lost) else "it refused"
    return SurfaceUnavailableError(f"Slack cannot be asked ({method}: {why}); it is tried again.")


_SENTENCES = {
    "channel_not_found": "Slack does not know this channel, or kubectl-ai is not in it; invite it with /invite.",
    "not_in_channel": "kubectl-ai is not in this channel; invite it with /invite.",
    "is_archived": "This channel is archived; use another one.",
    "restricted_action": "A workspace setting keeps kubectl-ai from posting in this channel; ask a workspace admin.",
    "missing_scope": "The Slack app lacks a permission; add the scope to the app, and install it again.",
    "expired_trigger_id": "The window came too late for Slack (3 s); press the button again.",
    "exchanged_trigger_id": "Slack has opened a window for this click already; press the button again.",
    "user_not_in_channel": "That person is not in this channel.",
    "thread_not_found": "The thread is gone from Slack.",
    "cannot_reply_to_message": "Slack allows no replies to the message that this thread hangs under; ask in a new thread.",
    "invalid_auth": "Slack does not accept the bot token any more; set SLACK_BOT_TOKEN to a valid one.",
    "token_revoked": "The bot token was revoked; install the Slack app again and set SLACK_BOT_TOKEN.",
    "account_inactive": "The bot's account is deactivated; install the Slack app again and set SLACK_BOT_TOKEN.",
}


def refused(method: str, reply: Refused) -> SurfaceError:
    """The error for a call that Slack will not take."""
    code = next((code for code in _SENTENCES if reply.error.startswith(code)), "")  # restricted_action_thread_only_channel and the like
    sentence = _SENTENCES.get(code, "Slack refused a message of kubectl-ai; the log has the reason.")
    detail = f": {reply.detail}" if reply.detail else ""
    return SurfaceError(f"{sentence} ({method}: {reply.error}{detail})")
