"""Whole turns on the real store, and the sandbox of their thread: kept, given back, replaced, refused."""

from __future__ import annotations

from collections.abc import Sequence

from bot.agent.ports import ModelReply
from bot.errors import SandboxError, SandboxUnavailableError
from bot.settings import SandboxSettings
from bot.threads.reaper import reap_once
from bot.values.transcript import Answered, Entry
from tests.fakes import FakeModel, prints, say
from tests.unit.threads.harness import RULES, THREAD, bench


async def test_a_follow_up_without_a_mention_goes_on_in_the_same_sandbox() -> None:
    async with bench() as b:
        b.sandboxes.programs = {"kubectl get pods": prints("web-1\n"), "kubectl get nodes": prints("node-1\n")}
        await b.write("kubectl get pods")
        await b.rest()
        await b.write("kubectl get nodes", ts="101.1", mention=False)

        await b.rest()

        assert b.surface.texts[THREAD]["answer:2"] == ("", "node-1")
        assert b.sandboxes.made == 1


async def test_a_sandbox_that_expired_is_replaced_and_people_and_model_are_told_that_its_files_are_gone() -> None:
    def think(entries: Sequence[Entry]) -> ModelReply:
        last = entries[-1]
        return say(last.result.note) if isinstance(last, Answered) else say("", (f"c{last.turn}", "cat notes"))

    async with bench() as b:
        b.model = FakeModel(think)
        b.sandboxes.programs["cat notes"] = prints("")
        await b.write("what did you note?")
        await b.rest()
        b.time.now += RULES.sandbox.lease_seconds + 1
        await reap_once(b.world(), "r")

        await b.write("and now?", ts="100.2")
        await b.rest()

        told = "This thread has a new sandbox: files that earlier commands made are gone."
        assert b.surface.texts[THREAD]["notice:files:pod-2"] == (told, "")
        assert b.surface.texts[THREAD]["answer:2"] == (told, "")


async def test_a_new_sandbox_is_told_once() -> None:
    async with bench() as b:
        b.sandboxes.programs["kubectl get pods"] = prints("web-1\n")
        for ts in ("100.1", "101.1", "102.1"):
            await b.write("kubectl get pods", ts=ts)
            await b.rest()
            if ts == "100.1":
                await b.sandboxes.release(THREAD)

        assert [key for key in b.surface.texts[THREAD] if key.startswith("notice:")] == ["notice:files:pod-2"]
        assert "files that earlier commands made are gone" in b.surface.texts[THREAD]["notice:files:pod-2"][0]


async def test_a_sandbox_that_is_away_for_a_moment_is_waited_for() -> None:
    async with bench() as b:
        b.sandboxes.programs["kubectl get pods"] = prints("web-1\n")
        b.sandboxes.errors = [SandboxUnavailableError("No sandbox is free.")]
        await b.write("kubectl get pods")

        await b.rest()

        assert b.surface.texts[THREAD] == {"answer:1": ("", "web-1")}


async def test_a_sandbox_that_is_not_isolated_is_never_used() -> None:
    async with bench() as b:
        b.sandboxes.errors = [SandboxError("The sandbox's kernel is not gVisor: set runtimeClassName.")]
        await b.write("kubectl get pods")

        await b.rest()

        assert b.surface.texts[THREAD] == {"answer:1": ("The sandbox's kernel is not gVisor: set runtimeClassName.", "")}
        assert b.sandboxes.ran == []


async def test_an_idle_thread_gives_its_sandbox_back_and_says_so_at_the_next_use() -> None:
    async with bench() as b:
        b.rules = RULES.model_copy(update={"sandbox": SandboxSettings(lease_seconds=60)})
        b.sandboxes.programs["kubectl get pods"] = prints("web-1\n")
        await b.write("kubectl get pods")
        await b.rest()
        await reap_once(b.world(), "reaper")
        early = dict(b.sandboxes.claims)
        b.time.now += 61
        await reap_once(b.world(), "reaper")
        late = dict(b.sandboxes.claims)
        await b.write("kubectl get pods", ts="101.1")
        await b.rest()

        assert (early, late) == ({THREAD: "pod-1"}, {})
        assert "notice:files:pod-2" in b.surface.texts[THREAD]
