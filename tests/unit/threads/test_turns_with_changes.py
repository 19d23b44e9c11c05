"""Whole turns on the real store whose commands write, or are refused: what becomes a card, and what of a turn that waits."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from bot.agent.ports import ModelReply
from bot.changes.change import State
from bot.values.requests import RefusedRequest
from bot.values.sandbox import Ran
from bot.values.transcript import Answered, Asked, Entry, Happened, Proposed
from tests.fakes import FakeModel, FakeRehearsal, hangs, say, scales
from tests.unit.threads.harness import THREAD, bench
from tests.unit.threads.telling import ends, results


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
