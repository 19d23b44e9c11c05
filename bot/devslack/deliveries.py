"""Bringing payloads to the app: events until they are acknowledged, interactions once."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import deque

import structlog

from bot.devslack.config import Config
from bot.devslack.http_delivery import LINE, HttpDelivery, Outcome
from bot.devslack.journal import Journal
from bot.devslack.sockets import Connection, Sockets
from bot.devslack.values import Json

log = structlog.get_logger()

KEPT_RECORDS = 10_000


class Deliveries:
    """What was sent to the app, what is still on its way, and a record of every attempt."""

    def __init__(self, config: Config, sockets: Sockets, http: HttpDelivery, journal: Journal) -> None:
        self._config = config
        self._sockets = sockets
        self._http = http
        self._journal = journal
        self._tasks: set[asyncio.Task[None]] = set()
        self._pending: dict[str, Json] = {}
        self.records: deque[Json] = deque(maxlen=KEPT_RECORDS)

    @property
    def pending(self) -> list[Json]:
        """Events that are neither acknowledged nor given up."""
        return list(self._pending.values())

    @property
    def has_app(self) -> bool:
        """True if there is a way to the app now."""
        return bool(self._http.url) or self._sockets.count > 0

    def send_event(self, payload: Json) -> None:
        """Take an `event_callback` payload and bring it to the app in the background, with Slack's retries."""
        self._journal.write({"op": "event", "payload": payload})
        self.resume_event(payload)

    def resume_event(self, payload: Json) -> None:
        """Bring an event that the journal already has."""
        self._pending[payload["event_id"]] = payload
        task = asyncio.create_task(self._bring_event(payload))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def send_interaction(self, kind: str, payload: Json) -> Json | None:
        """Send a `slash_commands` or `interactive` payload once; the ack's payload, or None if the app did not answer in time."""
        if not self.has_app:
            self._record(kind, payload, 0, None, acknowledged=False)
            return None
        sent_at = time.monotonic()
        if self._http.url:
            line: Connection | str | None = LINE
            answer = (await self._http.send(kind, payload)).answer
        else:
            line = self._sockets.pick()
            answer = await self._send_over_socket(line, kind, payload) if line else None
        self._record(kind, payload, 0, line, acknowledged=answer is not None, seconds=time.monotonic() - sent_at)
        return answer

    async def _send_over_socket(self, connection: Connection, kind: str, payload: Json) -> Json | None:
        envelope = _build_envelope(kind, payload, accepts_response_payload=True)
        answer = await self._sockets.send(connection, envelope, self._config.ack_seconds)
        if answer is None:
            return None
        response = answer.get("payload")
        return response if isinstance(response, dict) else {"text": response} if isinstance(response, str) and response else {}

    async def _bring_event(self, payload: Json) -> None:
        last: Connection | None = None
        reason = ""
        for attempt in range(len(self._config.retry_delays_seconds) + 1):
            if attempt > 0:
                await self._config.sleep(self._config.retry_delays_seconds[attempt - 1])
            connection = None if self._http.url else await self._find_connection(last)
            if connection is None and not self._http.url:
                self._record("events_api", payload, attempt, None, acknowledged=False)
                break
            sent_at = time.monotonic()
            outcome = await self._try_event(connection, payload, attempt, reason)
            is_acknowledged = outcome.answer is not None
            self._record(
                "events_api", payload, attempt, connection or LINE, acknowledged=is_acknowledged, seconds=time.monotonic() - sent_at
            )
            if is_acknowledged:
                break
            last, reason = connection, outcome.reason
        else:
            log.warning("event_given_up", event_id=payload["event_id"], type=payload["event"]["type"])
        self._pending.pop(payload["event_id"], None)
        self._journal.write({"op": "settled", "event_id": payload["event_id"]})

    async def _try_event(self, connection: Connection | None, payload: Json, attempt: int, reason: str) -> Outcome:
        """One attempt over that connection, or over HTTP without one."""
        if connection is None:
            return await self._http.send("events_api", payload, attempt, reason)
        envelope = _build_envelope("events_api", payload, accepts_response_payload=False)
        envelope |= {"retry_attempt": attempt, "retry_reason": reason}
        return Outcome(await self._sockets.send(connection, envelope, self._config.ack_seconds), "timeout")

    async def _find_connection(self, avoid: Connection | None) -> Connection | None:
        while True:
            connection = self._sockets.pick(avoid)
            if connection is not None or not self._config.keep_undelivered_events:
                return connection
            await self._sockets.wait_for_connection()

    def _record(
        self, kind: str, payload: Json, attempt: int, line: Connection | str | None, *, acknowledged: bool, seconds: float = 0.0
    ) -> None:
        self.records.append(
            {
                "type": kind,
                "event_id": payload.get("event_id"),
                "event_type": payload["event"]["type"] if "event" in payload else payload.get("type", payload.get("command")),
                "attempt": attempt,
                "connection": line.number if isinstance(line, Connection) else line,
                "acknowledged": acknowledged,
                "seconds": seconds,
            }
        )

    async def close(self) -> None:
        """Stop what is on its way; the journal keeps it for the next start."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _build_envelope(kind: str, payload: Json, *, accepts_response_payload: bool) -> Json:
    return {
        "envelope_id": str(uuid.uuid4()),
        "payload": payload,
        "type": kind,
        "accepts_response_payload": accepts_response_payload,
    }
