"""Tools of MCP servers in a whole bot: what only reads is called at once, everything else once and after approval."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from bot.agent.ports import ModelReply, ServedTool, Tool
from bot.changes.change import Change, State
from bot.changes.propose import SUGGESTED
from bot.slack.rendering.cards import render_change
from bot.slack.rendering.details import render_details
from bot.threads.inbound.incoming import Click
from bot.values.execs import Executed, Output
from bot.values.tool_use import ToolUse
from bot.values.transcript import Answered, Entry
from tests.fakes import FakeModel, say, scales, use
from tests.unit.threads.harness import RULES, THREAD, Bench, bench


def served(name: str, *, is_read_only: bool) -> ServedTool:
    return ServedTool("tickets", name, Tool(f"tickets_{name}", f"Does {name}. Well.", {"type": "object"}), is_read_only)


SEARCH, CLOSE = served("search", is_read_only=True), served("close", is_read_only=False)


class Tickets:
    """A server that keeps what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[ToolUse] = []
        self.answer = Executed(Output(0, "ticket 7 is closed\n"))
        self.hangs = False

    async def __call__(self, use: ToolUse) -> Executed:
        self.asked.append(use)
        if self.hangs:
            await asyncio.Event().wait()
        return self.answer


def prepare(b: Bench, *replies: ModelReply) -> Tickets:
    """A model that makes these replies, one after each answer, and then repeats the last answer."""
    tickets = Tickets()
    b.served_tools, b.call_tool = (SEARCH, CLOSE), tickets

    def think(entries: Sequence[Entry]) -> ModelReply:
        done = [entry.result for entry in entries if isinstance(entry, Answered)]
        return replies[len(done)] if len(done) < len(replies) else say(f"{done[-1].status}: {done[-1].stdout}{done[-1].note}")

    b.model = FakeModel(think)
    return tickets


def card(b: Bench) -> Change:
    return b.surface.cards[1][-1]


async def test_a_tool_that_only_reads_is_called_at_once_and_its_answer_is_data_of_others() -> None:
    async with bench() as b:
        tickets = prepare(b, use("c1", "tickets_search", words="disks"), say("", ("c2", "kubectl scale")))
        b.sandboxes.programs["kubectl scale"] = scales(b.cluster, 5)
        await b.write("what is open?")

        await b.rest()

        [result] = [entry.result for entry in await b.entries() if isinstance(entry, Answered)]
        assert tickets.asked == [ToolUse("tickets", "search", {"words": "disks"})]
        assert (result.status, result.exit_code, result.stdout) == ("ok", 0, "ticket 7 is closed\n")
        assert b.surface.progress[THREAD, 1][-1].steps[0].command == 'tickets_search {"words": "disks"}'
        assert card(b).impact[0].startswith(f"{SUGGESTED}the answer of tickets/search")


async def test_any_other_tool_is_called_once_after_approval_and_its_answer_is_the_call_s() -> None:
    async with bench() as b:
        tickets = prepare(b, use("c1", "tickets_close", number=7, why="done"))
        await b.write("close it")
        await b.rest()
        before, proposed = list(tickets.asked), card(b)

        for _ in range(2):  # pressed twice
            await b.click("approve", 1)
        await b.rest()

        [diff] = proposed.diffs
        assert before == []
        assert (diff.action, diff.title) == ("call", "Tool tickets/close")
        assert [(field.path, field.new) for field in diff.fields] == [("number", 7), ("why", "done")]
        assert tickets.asked == [ToolUse("tickets", "close", {"number": 7, "why": "done"})]
        assert card(b).state is State.DONE
        told, _ = b.surface.texts[THREAD]["answer:1"]
        assert told.startswith("applied: ticket 7 is closed\n")
        lines, fault = await b.stores.audit.verify()
        assert (lines > 3, fault) == (True, "")


async def test_the_card_and_its_details_show_what_the_tool_is_given() -> None:
    async with bench() as b:
        prepare(b, use("c1", "tickets_close", number=7))
        await b.write("close it")
        await b.rest()

        shown = str(render_change(card(b), b.rules.changes, b.time()).blocks) + str(render_details(card(b)))

        assert "tickets/close" in shown
        assert "What the tool does cannot be previewed." in shown
        assert "what a tool did is not known" in shown
        assert '"number": 7' in shown


async def test_a_denied_call_is_never_made() -> None:
    async with bench() as b:
        tickets = prepare(b, use("c1", "tickets_close", number=7))
        await b.write("close it")
        await b.rest()

        await b.write("deny 1 not that one", user="U2", ts="100.2")
        await b.rest()

        assert tickets.asked == []
        assert card(b).state is State.DENIED


async def test_a_call_that_was_begun_when_the_bot_died_is_not_made_again() -> None:
    async with bench() as b:
        tickets = prepare(b, use("c1", "tickets_close", number=7))
        tickets.hangs = True
        await b.write("close it")
        await b.rest()
        await b.click("approve", 1)
        async with b.running() as bot:
            await bot.until(lambda: bool(tickets.asked))
        tickets.hangs = False
        b.time.now += 60  # the lease of the one that died is over

        await b.rest()

        assert len(tickets.asked) == 1
        assert card(b).state is State.UNKNOWN
        assert "never called a second time" in card(b).reason


async def test_a_server_that_is_away_was_not_called_and_the_change_has_failed() -> None:
    async with bench() as b:
        tickets = prepare(b, use("c1", "tickets_close", number=7))
        tickets.answer = Executed(Output(), why="tickets cannot be reached: no route", has_started=False)
        await b.write("close it")
        await b.rest()

        await b.click("approve", 1)
        await b.rest()

        assert card(b).state is State.FAILED
        assert "it was not called: tickets cannot be reached: no route" in card(b).reason


async def test_an_error_that_the_tool_tells_is_its_answer() -> None:
    async with bench() as b:
        tickets = prepare(b, use("c1", "tickets_close", number=7))
        tickets.answer = Executed(Output(1, "there is no ticket 7"))
        await b.write("close it")
        await b.rest()

        await b.click("approve", 1)
        await b.rest()

        [result] = [entry.result for entry in await b.entries() if isinstance(entry, Answered)]
        assert (result.exit_code, result.stdout) == (1, "there is no ticket 7\n")
        assert card(b).sends[0].message == "it answered with an error"


async def test_a_read_without_an_answer_is_an_error_for_the_model() -> None:
    async with bench() as b:
        tickets = prepare(b, use("c1", "tickets_search", words="x"))
        tickets.answer = Executed(Output(), why="MCPError: closed")
        await b.write("what is open?")

        await b.rest()

        assert b.surface.texts[THREAD]["answer:1"][0] == "error: tickets gave no answer: MCPError: closed."


async def test_a_freeze_holds_back_an_approved_call() -> None:
    async with bench() as b:
        tickets = prepare(b, use("c1", "tickets_close", number=7))
        await b.write("close it")
        await b.rest()
        await b.write("freeze sale", user="U2", ts="100.2")
        await b.rest()

        await b.click("approve", 1)
        await b.rest()

        assert tickets.asked == []


async def test_the_command_of_a_call_cannot_be_edited() -> None:
    async with bench() as b:
        prepare(b, use("c1", "tickets_close", number=7))
        await b.write("close it")
        await b.rest()

        await b.put(Click("T1", "C1", "U1", "edit", "100.1", "100.5", "trigger", 1, card(b).digest))
        await b.rest()

        assert any("calls a tool, so it has no command to edit" in text for _, text in b.surface.whispers)


async def test_they_are_among_the_tools() -> None:
    async with bench() as b:
        prepare(b)
        b.rules = RULES
        await b.write("tools")

        await b.rest()

        assert "• `tickets_search` – Does search." in b.surface.texts[THREAD]["tools:100.1"][0]
