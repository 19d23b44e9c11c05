"""Being people at a running local Slack from Python: for tests, and for demonstrations that play themselves."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Self, TypeVar

import aiohttp

from bot.devslack.values import Json
from bot.errors import SurfaceError

LOOK_EVERY_SECONDS = 0.02
PATIENCE_SECONDS = 90.0
"""A wait is over as soon as there is what it waits for; only where that never comes it takes this long."""

_SHOWN_CHARACTERS = 4000

T = TypeVar("T")


class Driver:
    """Speaks the control API. People are named by id, handle or full name, channels by id or name (`dm` is the bot's)."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url.rstrip("/")
        self._session = aiohttp.ClientSession()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()

    async def close(self) -> None:
        await self._session.close()

    @property
    def api_url(self) -> str:
        """What `SLACK_API_URL` is set to."""
        return f"{self.base_url}/api/"

    async def act(self, name: str, **body: Any) -> Json:
        """POST /_control/{name}. Raises SurfaceError with the reason if it is refused."""
        async with self._session.post(f"{self.base_url}/_control/{name}", json=body) as response:
            return _check(await response.json())

    async def ask(self, name: str, **query: str) -> Json:
        """GET /_control/{name}. Raises SurfaceError with the reason if it is refused."""
        async with self._session.get(f"{self.base_url}/_control/{name}", params=query) as response:
            return _check(await response.json())

    async def say(self, person: str, channel: str, text: str, thread_ts: str = "") -> Json:
        """Type a message; the stored message. `@handle` becomes a mention."""
        answer = await self.act("say", channel=channel, typed=text, thread_ts=thread_ts, **{"as": person})
        return dict(answer["message"]) | {"channel": answer["channel"]}

    async def slash(self, person: str, channel: str, line: str) -> bool:
        """Type a slash command; true if the app acknowledged it in time."""
        return bool((await self.act("slash", channel=channel, line=line, **{"as": person}))["acknowledged"])

    async def click(self, person: str, channel: str, ts: str, action_id: str, value: str = "") -> bool:
        """Press a button of a message; true if the app acknowledged it in time."""
        body = {"as": person, "channel": channel, "ts": ts, "action_id": action_id, "value": value}
        return bool((await self.act("click", **body))["acknowledged"])

    async def submit(self, person: str, view_id: str, values: Json) -> Json:
        """Submit a modal with values by action id: `{outcome, errors}`."""
        return await self.act("submit", view_id=view_id, values=values, **{"as": person})

    async def messages(self, channel: str, thread_ts: str = "") -> list[Json]:
        """A channel's messages or a thread's, oldest first, with metadata."""
        query = {"channel": channel} | ({"thread_ts": thread_ts} if thread_ts else {})
        return list((await self.ask("messages", **query))["messages"])

    async def ephemerals(self, person: str) -> list[Json]:
        """`{channel, message}` of everything only this person sees."""
        return list((await self.ask("ephemerals", **{"as": person}))["ephemerals"])

    async def views(self, person: str) -> list[Json]:
        """The person's open modals, the topmost last."""
        return list((await self.ask("views", **{"as": person}))["views"])

    async def requests(self, method: str) -> list[Json]:
        """The log of the app's calls of one Web API method."""
        return list((await self.ask("log", method=method))["requests"])

    async def deliveries(self) -> list[Json]:
        """Every attempt to bring something to the app."""
        return list((await self.ask("log"))["deliveries"])

    async def traffic(self, after: int = 0) -> list[Json]:
        """Frames, requests and answers between this Slack and the app, numbered, oldest first."""
        return list((await self.ask("traffic", after=str(after)))["traffic"])

    async def wait_until_settled(self, seconds: float = PATIENCE_SECONDS) -> None:
        """Return when no event is on its way any more. Raises TimeoutError."""

        async def look() -> bool:
            return not (await self.ask("pending"))["pending"]

        await wait_until(look, seconds)

    async def wait_for_connections(self, count: int = 1, seconds: float = PATIENCE_SECONDS) -> None:
        """Return when the app has that many sockets open. Raises TimeoutError."""

        async def look() -> bool:
            return int((await self.ask("log"))["connections"]) == count

        await wait_until(look, seconds)

    async def wait_for_message(
        self, channel: str, matches: str | Callable[[Json], bool], thread_ts: str = "", seconds: float = PATIENCE_SECONDS
    ) -> Json:
        """The first message (in the thread, if given) whose JSON holds the text, or that the predicate takes.

        Raises TimeoutError with what was there instead.
        """
        seen: list[Json] = []

        async def look() -> Json | None:
            seen[:] = await self.messages(channel, thread_ts)
            for message in seen:
                if matches in str(message) if isinstance(matches, str) else matches(message):
                    return message
            return None

        try:
            return await wait_until(look, seconds)
        except TimeoutError as exc:
            wanted = repr(matches) if isinstance(matches, str) else "such a message"
            raise TimeoutError(
                f"no {wanted} within {seconds:g} s among {json.dumps(seen, ensure_ascii=False)[-_SHOWN_CHARACTERS:]}"
            ) from exc

    async def wait_for_ephemeral(self, person: str, text: str, seconds: float = PATIENCE_SECONDS) -> Json:
        """The first private message to a person whose JSON holds the text."""

        async def look() -> Json | None:
            found = [entry["message"] for entry in await self.ephemerals(person) if text in str(entry["message"])]
            return found[0] if found else None

        return await wait_until(look, seconds)

    async def wait_for_view(self, person: str, text: str = "", seconds: float = PATIENCE_SECONDS) -> Json:
        """The person's topmost modal once its JSON holds the text."""

        async def look() -> Json | None:
            views = await self.views(person)
            return views[-1] if views and text in str(views[-1]) else None

        return await wait_until(look, seconds)


async def wait_until(look: Callable[[], Awaitable[T | None]], seconds: float = PATIENCE_SECONDS) -> T:
    """What `look` returns as soon as it is truthy. Raises TimeoutError after `seconds`."""
    async with asyncio.timeout(seconds):
        while not (found := await look()):  # noqa: ASYNC110 - another process decides when
            await asyncio.sleep(LOOK_EVERY_SECONDS)
        return found


def _check(answer: Json) -> Json:
    if not answer["ok"]:
        raise SurfaceError(str(answer["error"]))
    return answer
