"""Whole turns on the real store: what a person writes, what the thread shows, what the rows say."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from bot.agent import triage
from bot.threads.incoming import Command
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


async def test_a_command_that_writes_becomes_a_card_and_nothing_else() -> None:
    async with bench() as b:
        b.sandboxes.programs["kubectl scale"] = scales(b.cluster, 5)
        await b.write("! kubectl scale")

        await b.rest()

        [card] = b.surface.cards[1]
        assert card.state is State.PROPOSED
        [diff] = card.diffs
        assert (diff.title, [(f.path, f.old, f.new) for f in diff.fields]) == ("Deployment shop/web", [("spec.replicas", 3, 5)])
        assert card.asked_by == "U1"
        assert b.cluster.landed == []
        assert b.surface.texts == {}
        assert b.surface.progress[THREAD, 1][-1].state == "waiting"


async def test_output_beside_a_write_is_shown_too() -> None:
    async def gets_and_scales(rehearsal: FakeRehearsal) -> Ran:
        await scales(b.cluster, 5)(rehearsal)
        return Ran(0, "NAME\nweb-1\ndeployment.apps/web scaled\n", "", 0.1)

    async with bench() as b:
        b.sandboxes.programs["kubectl get pods; kubectl scale"] = gets_and_scales
        await b.write("kubectl get pods; kubectl scale")

        await b.rest()

        text, code = b.surface.texts[THREAD]["answer:1"]
        assert "nothing is applied yet" in text
        assert code.startswith("NAME\nweb-1")


async def test_the_gateway_ends_a_rehearsal_that_waits_for_its_own_write() -> None:
    async def waits(rehearsal: FakeRehearsal) -> Ran:
        rehearsal.record(b.cluster.scale(5))
        rehearsal.stop("it waits for Deployment shop/web, which changes only after approval")
        return await hangs(rehearsal)

    async with bench() as b:
        b.sandboxes.programs["kubectl scale && kubectl rollout status"] = waits
        await b.write("! kubectl scale && kubectl rollout status")

        await b.rest()

        [proposed] = [e for e in await b.entries() if isinstance(e, Proposed)]
        assert "waits for Deployment shop/web" in proposed.result.note
        assert "waits for Deployment shop/web" in b.surface.texts[THREAD]["answer:1"][0]
        assert list(b.surface.cards) == [1]


async def test_refused_requests_are_told() -> None:
    async def tries(rehearsal: FakeRehearsal) -> Ran:
        rehearsal.refuse(RefusedRequest("POST", "/api/v1/x", "exec cannot be rehearsed"))
        return Ran(1, "", "error\n", 0.1)

    async with bench() as b:
        b.sandboxes.programs["kubectl exec web -- sh"] = tries
        await b.write("kubectl exec web -- sh")

        await b.rest()

        _, code = b.surface.texts[THREAD]["answer:1"]
        assert "exec cannot be rehearsed" in code
        assert "exit code 1" in code


async def test_what_is_gone_already_is_told_only_if_the_command_minds() -> None:
    gone = RefusedRequest("DELETE", "/api/v1/namespaces/shop/pods/web", 'pods "web" not found', 404)

    def ends_with(code: int) -> Callable[[FakeRehearsal], Awaitable[Ran]]:
        async def deletes(rehearsal: FakeRehearsal) -> Ran:
            rehearsal.refuse(gone)
            return Ran(code, "", "", 0.1)

        return deletes

    async with bench() as b:
        b.sandboxes.programs["kubectl delete pod web"] = ends_with(1)
        b.sandboxes.programs["kubectl delete pod web --ignore-not-found"] = ends_with(0)
        await b.write("`kubectl delete pod web`")
        await b.rest()
        await b.write("`kubectl delete pod web --ignore-not-found`", ts="100.2")
        await b.rest()

        minds, does_not = [e.result.note for e in await b.entries() if isinstance(e, Answered)]
        assert minds == f"{gone.sentence}."
        assert does_not == ""
        assert b.surface.cards == {}


async def test_a_newer_message_ends_a_turn_that_waits_and_the_change_stays_open() -> None:
    def think(transcript: Sequence[Entry]) -> ModelReply:
        last = [e for e in transcript if isinstance(e, Asked | Happened)][-1]
        if any(isinstance(e, Answered) and e.turn == last.turn for e in transcript) or last.turn > 1:
            return say(f"Answer {last.turn}.")
        return say("", ("c1", "kubectl scale"))

    async with bench() as b:
        b.model = FakeModel(think)
        b.sandboxes.programs["kubectl scale"] = scales(b.cluster, 5)
        await b.write("scale it")
        await b.rest()
        await b.write("and how are the nodes?", ts="101.1", mention=False)
        await b.rest()
        meanwhile = ends(await b.entries())
        await b.click("approve", 1)
        await b.rest()

        assert meanwhile == [(1, "waiting"), (2, "answered")]
        assert results(await b.entries()) == [("c1", "waiting")]
        assert b.surface.progress[THREAD, 1][-1].steps[0].state == "left"
        assert len(b.cluster.landed) == 1
        assert [e.change_id for e in await b.entries() if isinstance(e, Happened)] == [1]
        assert {key: text for key, (text, _) in b.surface.texts[THREAD].items()} == {"answer:2": "Answer 2.", "answer:3": "Answer 3."}


async def test_a_change_that_nobody_decides_lapses_and_the_model_hears_of_it() -> None:
    def think(transcript: Sequence[Entry]) -> ModelReply:
        answers = [e.result for e in transcript if isinstance(e, Answered)]
        return say(f"It is {answers[-1].status}.") if answers else say("", ("c1", "kubectl scale"))

    async with bench() as b:
        b.model = FakeModel(think)
        b.sandboxes.programs["kubectl scale"] = scales(b.cluster, 5)
        await b.write("scale it")
        await b.rest()
        b.time.now += 901

        await b.rest()

        assert b.surface.cards[1][-1].state is State.EXPIRED
        assert b.surface.texts[THREAD]["answer:1"] == ("It is expired.", "")
        assert b.cluster.landed == []


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


async def test_a_model_that_is_away_for_a_moment_is_asked_again() -> None:
    async with bench() as b:
        model = FakeModel(lambda transcript: say("Hello."))
        model.errors = [ModelUnavailableError("The model is over its limits.", retry_after_seconds=0.01)]
        b.model = model
        await b.write("hello?")

        await b.rest()

        assert b.surface.texts[THREAD] == {"answer:1": ("Hello.", "")}


async def test_a_model_that_stays_away_ends_the_turn_with_the_reason() -> None:
    async with bench() as b:
        model = FakeModel(lambda transcript: say("never"))
        model.errors = [ModelUnavailableError("The model is over its limits.", retry_after_seconds=0.01) for _ in range(5)]
        b.model = model
        await b.write("hello?")

        await b.rest()

        assert ends(await b.entries()) == [(1, "failed")]
        assert b.surface.texts[THREAD]["ended:1"][0].startswith("The model is over its limits.")


async def test_a_model_that_refuses_ends_the_turn_at_once() -> None:
    async with bench() as b:
        model = FakeModel(lambda transcript: say("never"))
        model.errors = [ModelRefusedError("The key is wrong: set GEMINI_API_KEY.")]
        b.model = model
        await b.write("hello?")

        await b.rest()

        assert b.surface.texts[THREAD] == {"ended:1": ("The key is wrong: set GEMINI_API_KEY.", "")}
        assert model.asked == 1


async def test_a_step_that_always_breaks_ends_the_turn_with_an_apology() -> None:
    def think(_: Sequence[Entry]) -> ModelReply:
        raise ZeroDivisionError

    async with bench() as b:
        b.model = FakeModel(think)
        await b.write("hello?")

        async with b.running() as bot:
            await bot.until(lambda: bool(b.surface.texts))

        assert "Something went wrong" in b.surface.texts[THREAD]["ended:1"][0]


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
