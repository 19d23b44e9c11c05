"""Stopping: within one step, with an answer for every call, and for the turns there are only."""

from __future__ import annotations

from collections.abc import Sequence

from bot.agent.ports import ModelReply
from bot.changes.change import State
from bot.threads.signals import Signals
from bot.values.transcript import Answered, Ended, Entry
from tests.fakes import FakeModel, hangs, prints, say, scales
from tests.unit.threads.harness import THREAD, Bench, bench


def results(entries: Sequence[Entry]) -> list[tuple[str, str]]:
    return [(e.call_id, e.result.status) for e in entries if isinstance(e, Answered)]


def is_running(b: Bench, command: str):
    return lambda: command in b.sandboxes.ran


async def test_stop_ends_a_running_command() -> None:
    async with bench() as b:
        b.sandboxes.programs["kubectl get pods -w"] = hangs
        await b.write("kubectl get pods -w")
        async with b.running() as bot:
            await bot.until(is_running(b, "kubectl get pods -w"))
            await b.write("stop", ts="101.1", mention=False, user="U2")
            await bot.settled()

        assert results(await b.entries()) == [("call-1", "stopped")]
        assert b.surface.texts[THREAD] == {"ended:1": ("Stopped by bob. Nothing was changed in the cluster.", "")}
        assert b.surface.progress[THREAD, 1][-1].state == "stopped"
        assert b.cluster.rehearsals == {}


async def test_the_stop_button_ends_a_running_command() -> None:
    async with bench() as b:
        b.sandboxes.programs["kubectl get pods -w"] = hangs
        await b.write("kubectl get pods -w")
        async with b.running() as bot:
            await bot.until(is_running(b, "kubectl get pods -w"))
            await b.click("stop", user="U1")
            await bot.settled()

        assert results(await b.entries()) == [("call-1", "stopped")]


async def test_a_stop_that_another_process_took_is_found_in_the_database() -> None:
    async with bench() as b:
        b.sandboxes.programs["kubectl get pods -w"] = hangs
        await b.write("kubectl get pods -w")
        async with b.running() as bot:
            await bot.until(is_running(b, "kubectl get pods -w"))
            await b.stores.threads.request_stop(THREAD, "U2")  # no signal reaches this process
            await bot.settled()

        assert results(await b.entries()) == [("call-1", "stopped")]


async def test_stop_leaves_no_call_of_the_model_without_an_answer() -> None:
    def think(_: Sequence[Entry]) -> ModelReply:
        return say("", ("c1", "kubectl get pods"), ("c2", "sleep"), ("c3", "kubectl get nodes"))

    async with bench() as b:
        b.model = FakeModel(think)
        b.sandboxes.programs = {"kubectl get pods": prints("web-1\n"), "sleep": hangs}
        await b.write("look")
        async with b.running() as bot:
            await bot.until(is_running(b, "sleep"))
            await b.write("Stop!", ts="101.1", mention=False)
            await bot.settled()

        assert results(await b.entries()) == [("c1", "ok"), ("c2", "stopped"), ("c3", "stopped")]
        assert b.model.asked == 1


async def test_stop_withdraws_an_open_change() -> None:
    async with bench() as b:
        b.sandboxes.programs["kubectl scale"] = scales(b.cluster, 5)
        await b.write("! kubectl scale")
        await b.rest()
        await b.write("stop", ts="101.1", mention=False)
        await b.rest()
        await b.click("approve", 1)
        await b.rest()

        assert b.surface.cards[1][-1].state is State.DENIED
        assert b.surface.texts[THREAD]["ended:1"] == ("Stopped by ada. Nothing was changed in the cluster. Change 1 is withdrawn.", "")
        assert b.cluster.landed == []


async def test_a_question_after_the_stop_is_not_stopped() -> None:
    async with bench() as b:
        b.sandboxes.programs = {"kubectl get pods -w": hangs, "kubectl get nodes": prints("node-1\n")}
        await b.write("kubectl get pods -w")
        async with b.running() as bot:
            await bot.until(is_running(b, "kubectl get pods -w"))
            await b.write("stop", ts="101.1", mention=False)
            await b.write("kubectl get nodes", ts="102.1", mention=False)
            await bot.settled()

        assert [(e.turn, e.reason) for e in await b.entries() if isinstance(e, Ended)] == [(1, "stopped"), (2, "answered")]
        assert b.surface.texts[THREAD]["answer:2"] == ("", "node-1")


async def test_stop_ends_the_turns_that_wait_too() -> None:
    async with bench() as b:
        b.sandboxes.programs["kubectl get pods -w"] = hangs
        await b.write("kubectl get pods -w")
        async with b.running() as bot:
            await bot.until(is_running(b, "kubectl get pods -w"))
            await b.write("kubectl get nodes", ts="101.1", mention=False)
            await b.write("stop", ts="102.1", mention=False)
            await bot.settled()

        assert [(e.turn, e.reason) for e in await b.entries() if isinstance(e, Ended)] == [(1, "stopped"), (2, "stopped")]
        assert b.sandboxes.ran == ["kubectl get pods -w"]


async def test_a_signal_to_a_thread_at_rest_wakes_the_worker_only() -> None:
    signals = Signals()

    signals.stop(THREAD)

    assert signals.threads.is_set()
    assert not signals.attend(THREAD).stopped.is_set()
