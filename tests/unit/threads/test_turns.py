"""Whole turns on the real store: what a person writes, what the thread shows, what the rows say."""

from __future__ import annotations

import asyncio

from bot.agent import triage
from bot.threads.inbound.incoming import Command
from bot.threads.stores import Thread
from bot.values.sandbox import Ran
from bot.values.transcript import Asked, Mode
from tests.fakes import FakeRehearsal, hangs, prints, scales
from tests.unit.store.values import thread
from tests.unit.threads.harness import THREAD, bench
from tests.unit.threads.telling import results


async def test_a_command_line_is_answered_with_its_output() -> None:
    async with bench() as b:
        b.sandboxes.programs["kubectl get pods"] = prints("web-1 Running\n")
        await b.write("`kubectl get pods`")

        await b.rest()

        assert b.surface.texts[THREAD] == {"answer:1": ("", "web-1 Running")}
        assert results(await b.entries()) == [("call-1", "ok")]
        assert b.surface.progress[THREAD, 1][-1].state == "done"


async def test_a_message_that_comes_twice_is_one_turn() -> None:
    async with bench() as b:
        b.sandboxes.programs["kubectl get pods"] = prints("web-1\n")
        await b.write("kubectl get pods")
        await b.write("kubectl get pods")

        await b.rest()

        assert b.sandboxes.ran == ["kubectl get pods"]


async def test_what_a_turn_said_comes_before_the_turn_that_waited_for_it() -> None:
    async with bench() as b:
        b.sandboxes.programs["kubectl get pods"] = prints("web-1\n")
        b.sandboxes.programs["kubectl scale"] = scales(b.cluster, 5)
        b.sandboxes.programs["kubectl logs -f web-1"] = hangs
        b.surface.takes_no_message = True
        for number, text in enumerate(("kubectl get pods", "! kubectl scale", "kubectl logs -f web-1")):
            await b.write(text, ts=f"100.{number}")
        async with b.running() as bot:
            await bot.until(lambda: len(b.sandboxes.ran) == 3)
            b.surface.takes_no_message = False
            await bot.until(lambda: "progress:3" in b.surface.shown)

        assert b.surface.shown == ["progress:1", "answer:1", "progress:2", "change:1", "progress:3"]


async def test_a_message_that_waits_is_counted_at_the_work_and_has_no_message_before_its_turn() -> None:
    async with bench() as b:
        may_end = asyncio.Event()

        async def waits(_: FakeRehearsal) -> Ran:
            await may_end.wait()
            return Ran(0, "over\n", "", 0.1)

        b.sandboxes.programs["kubectl logs -f web-1"] = waits
        b.sandboxes.programs["kubectl get pods"] = prints("web-1\n")
        await b.write("kubectl logs -f web-1", ts="100.1")
        async with b.running() as bot:
            await bot.until(lambda: b.sandboxes.ran == ["kubectl logs -f web-1"])
            await b.write("kubectl get pods", ts="100.2")
            bot.world.signals.inbox.set()
            await bot.until(lambda: any(view.queued == 1 for view in b.surface.progress.get((THREAD, 1), [])))
            before = list(b.surface.shown)
            may_end.set()
            await bot.settled()

        assert "progress:2" not in before
        assert b.surface.shown.index("answer:1") < b.surface.shown.index("progress:2") < b.surface.shown.index("answer:2")
        assert b.surface.progress[THREAD, 1][-1].queued == 0


async def test_triage_runs_the_fixed_script() -> None:
    async with bench() as b:
        b.sandboxes.programs[triage.script("shop")] = prints("all is well\n")
        await b.write("triage shop")

        await b.rest()

        assert b.surface.texts[THREAD] == {"answer:1": ("", "all is well")}
        assert [step.command for step in b.surface.progress[THREAD, 1][-1].steps] == ["triage shop"]


async def test_what_was_written_before_the_mention_is_no_question_however_late_it_comes() -> None:
    async with bench() as b:
        await b.write("! kubectl get pods", ts="100.3")
        await b.rest()

        await b.write("something is odd here", ts="100.1", mention=False)  # the root, under which the bot was mentioned
        await b.write("! kubectl get secrets", ts="100.2", mention=False)
        await b.write("! kubectl get nodes", ts="100.4", mention=False)
        await b.rest()

        assert b.sandboxes.ran == ["kubectl get pods", "kubectl get nodes"]
        assert [entry.message_ts for entry in await b.entries() if isinstance(entry, Asked)] == ["100.3", "100.4"]


async def test_a_slash_command_starts_a_thread_of_its_own() -> None:
    async with bench() as b:
        b.sandboxes.programs["kubectl get pods"] = prints("web-1\n")
        await b.put(Command("T1", "C1", "U1", "kubectl get pods"))

        await b.rest()

        assert list(b.surface.roots) == ["Ev1"]
        assert b.surface.texts == {"T1:C1:900.1": {"answer:1": ("", "web-1")}}


async def test_a_chat_that_is_slow_holds_up_no_command() -> None:
    async with bench() as b:
        b.sandboxes.programs = {"kubectl get pods": prints("web-1\n"), "kubectl get nodes": prints("node-1\n")}
        gate = asyncio.Event()
        show_text = b.surface.show_text

        async def show_slowly(thread: Thread, key: str, text: str, *, code: str = "") -> None:
            await gate.wait()
            await show_text(thread, key, text, code=code)

        b.surface.show_text = show_slowly  # type: ignore[method-assign]
        await b.write("kubectl get pods")
        async with b.running() as bot:
            await bot.until(lambda: b.sandboxes.ran == ["kubectl get pods"])
            await b.write("kubectl get nodes", ts="101.1", mention=False)
            await bot.until(lambda: b.sandboxes.ran == ["kubectl get pods", "kubectl get nodes"])
            gate.set()
            await bot.settled()

        assert b.surface.texts[THREAD] == {"answer:1": ("", "web-1"), "answer:2": ("", "node-1")}


async def test_a_chat_that_is_down_is_drawn_when_it_is_back() -> None:
    async with bench() as b:
        await b.stores.threads.open(thread())
        await b.stores.threads.begin_turn(THREAD, Asked(0, "U1", "why?", Mode.QUESTION), key="asked:1")
        b.surface.is_down = True
        await b.rest()
        shown_before = dict(b.surface.texts)
        b.surface.is_down = False
        b.time.now += 10

        await b.rest()

        assert shown_before == {}
        assert list(b.surface.texts[THREAD]) == ["ended:1"]
