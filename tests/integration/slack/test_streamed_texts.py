"""Any text in any pieces, on any bad day: what the thread shows in the end is the answer, once, as if it had never been streamed.

The local Slack's own methods answer, without a wire between: thousands of calls then take no time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from slack_sdk.errors import SlackApiError

from bot.devslack.acts.speaking import say
from bot.devslack.blockkit.messages import name_blocks
from bot.devslack.config import Config
from bot.devslack.local_slack import LocalSlack
from bot.devslack.methods.call import Call
from bot.devslack.methods.table import METHODS
from bot.devslack.refusal import ApiRefusalError
from bot.errors import SurfaceUnavailableError
from bot.settings import ChangeSettings, SlackSettings
from bot.slack import limits
from bot.slack.delivery.drafts import Pace
from bot.slack.delivery.writing import take_safe
from bot.slack.door.throttle import Throttle
from bot.slack.door.web import WebApi
from bot.slack.limits import Rate
from bot.slack.parse import Bot
from bot.slack.rendering.answers import lay_out
from bot.slack.surface import SlackSurface
from bot.threads.ports import ProgressView
from tests.integration.slack.conftest import RememberedMessages
from tests.unit.slack.rows import make_thread

AT_ONCE = Pace(progress=0.0, stream=0.0, settle=0.0, backoff=0.0, give_up=60.0)
FREELY = Rate(1e9, 1e6)
FAULTS = ("close_before", "close_after", "ratelimited", "ended")
METHODS_OF_STREAMS = ("chat.startStream", "chat.appendStream", "chat.stopStream", "chat.delete", "conversations.replies")
LINES = (
    *("The shop is down.", "**bold** and `code`", "**open", "closed**", "_it", "is_", "~~gone~~", "# head", "- item", "1. one", "> quoted"),
    *("```", "``", "| a | b |", "|---|---|", "| 1 | 2 |", "[a](http://evil.example)", "<!here> & <@U01BEN>", "\\*", "", "x " * 300),
)
lines = st.lists(st.sampled_from(LINES) | st.text("ab *_`<~\\", max_size=12), max_size=10).map("\n".join)
cuts = st.lists(st.integers(0, 400), max_size=8)
faults = st.lists(st.tuples(st.sampled_from(METHODS_OF_STREAMS), st.sampled_from(FAULTS)), max_size=8)


@dataclass
class Response:
    """What the SDK makes of an answer."""

    data: dict[str, Any]
    status_code: int = 200
    headers: dict[str, str] = field(default_factory=dict)


class Client:
    """The SDK's client, wired to a local Slack; `faults` are what the next calls of a method meet."""

    session = None

    def __init__(self, slack: LocalSlack, planned: list[tuple[str, str]]) -> None:
        self._slack = slack
        self._faults = list(planned)
        self.previews: list[str] = []
        """What the thread showed of the answer after each call that changed it."""

    async def api_call(self, method: str, *, json: Any = None, params: Any = None, http_verb: str = "POST") -> Response:
        assert http_verb == ("POST" if params is None else "GET")
        fault = self._take(method)
        if fault == "close_before":
            raise aiohttp.ServerDisconnectedError
        if fault == "ratelimited":
            raise SlackApiError("", Response({"ok": False, "error": "ratelimited"}, 429, {"Retry-After": "0"}))
        if fault == "ended":  # by Slack itself
            for place in self._slack.streams.list_open():
                self._slack.streams.end(*place)
                self._slack.complete_stream(*place)
        try:
            answer = await METHODS[method].answer(Call(self._slack, dict(json or params or {})))
        except ApiRefusalError as refusal:
            raise SlackApiError("", Response(refusal.answer)) from refusal
        if method in ("chat.startStream", "chat.appendStream"):
            message = self._slack.messages.get(answer["channel"], answer["ts"])
            assert message is not None
            self.previews.append(message["text"])
        if fault == "close_after":
            raise aiohttp.ServerDisconnectedError
        return Response(answer)

    def _take(self, method: str) -> str:
        for at, (name, kind) in enumerate(self._faults):
            if name == method:
                del self._faults[at]
                return kind
        return ""


async def rest() -> None:
    """Lets everything that can go on without a clock do so."""
    for _ in range(150):
        await asyncio.sleep(0)


async def tell(surface: SlackSurface, thread: Any, text: str) -> None:
    """As the projector does: again when the chat could not be reached."""
    for _ in range(10):
        try:
            await surface.show_text(thread, "answer:1", text)
        except SurfaceUnavailableError:
            continue
        return
    raise AssertionError("the answer was never shown")


async def live(attempts: list[tuple[str, list[int]]], planned: list[tuple[str, str]]) -> tuple[list[dict[str, Any]], list[str]]:
    """A turn whose model writes each text up to its cuts, and then has the last for its answer: what the thread shows besides the
    progress, and what was previewed on the way."""
    slack = LocalSlack(Config())
    client = Client(slack, planned)
    web = WebApi(client, Throttle(dict.fromkeys(limits.RATES, FREELY), FREELY), pause_seconds=0.0)  # type: ignore[arg-type]
    bot = Bot(slack.app.bot_user_id, slack.app.bot_id, slack.workspace.team_id)
    surface = SlackSurface(web, bot, SlackSettings(), ChangeSettings(), RememberedMessages(), pace=AT_ONCE)
    channel = slack.channels["D01ANA"]
    thread = make_thread(say(slack, slack.people["U01ANA"], channel, "why?") | {"channel": channel.id})
    try:
        for text, places in attempts:
            for at in [*sorted(min(place, len(text)) for place in places), len(text)]:
                written = text[:at]
                await surface.show_progress(thread, 1, ProgressView("working", "thinking", thinking=written, writing=written))
                await rest()
        await surface.show_progress(thread, 1, ProgressView("done", "done"))
        await tell(surface, thread, attempts[-1][0])
        shown = slack.messages.list_replies(channel.id, thread.thread_ts)[1:]
    finally:
        await surface.close()
        await slack.close()
    return [message for message in shown if "progress:" not in str(message.get("metadata"))], client.previews


def without_names(blocks: Any) -> list[dict[str, Any]]:
    return [{name: value for name, value in block.items() if name != "block_id"} for block in name_blocks(list(blocks))]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(lines, cuts), min_size=1, max_size=3), faults)
@example([("The shop is down.\n**open\nclosed**\nend", [20, 27])], [])
@example([("The shop is down.\nend", [19, 20])], [("chat.startStream", "close_after")])
@example([("The shop is down.\n- item\nend", [19, 26])], [("chat.appendStream", "ended")])
@example([("The shop is down.\nend", [19])], [("chat.stopStream", "close_before")] * 2)
@example([("# head\nend", [8]), ("The shop is down.\nend", [19])], [("chat.startStream", "close_after"), ("chat.delete", "close_after")])
def test_the_answer_is_there_once_and_whole_however_it_was_streamed(attempts, planned):
    layout = lay_out(attempts[-1][0], "", "answer:1")
    assume(layout is not None)

    shown, previews = asyncio.run(live(attempts, planned))

    assert [message["text"] for message in shown] == [layout.message.text]
    assert without_names(shown[0].get("blocks", ())) == without_names(layout.message.blocks)
    whole_lines = {take_safe(text[:at]) for text, _ in attempts for at in range(len(text) + 1) if text[:at].endswith("\n")}
    assert set(previews) <= whole_lines
