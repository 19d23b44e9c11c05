"""`clear`: models no longer see what came before; the rows, the thread and the audit log keep it."""

from __future__ import annotations

from collections.abc import Sequence

from bot.agent import history
from bot.agent.history import UserSaid
from bot.agent.ports import ModelReply
from bot.values.transcript import Answered, Asked, Cleared, Entry
from tests.fakes import FakeModel, prints, say, scales, use
from tests.unit.threads.harness import THREAD, bench


class Listener(FakeModel):
    """A model that keeps what it was shown."""

    def __init__(self) -> None:
        super().__init__(self._answer)
        self.shown: list[str] = []

    def _answer(self, entries: Sequence[Entry]) -> ModelReply:
        self.shown.append(repr(history.messages(entries)))
        return say("Noted.")


async def test_the_model_sees_nothing_of_what_came_before_and_the_rows_keep_it() -> None:
    async with bench() as b:
        model = Listener()
        b.model = model
        await b.write("the word is swordfish")
        await b.rest()
        await b.write("clear", ts="100.2", mention=False)
        await b.rest()

        await b.write("which word?", ts="100.3")
        await b.rest()

        assert "swordfish" in model.shown[0]
        assert "swordfish" not in model.shown[1]
        assert "which word?" in model.shown[1]
        entries = await b.entries()
        assert [e.text for e in entries if isinstance(e, Asked)] == ["the word is swordfish", "which word?"]
        assert b.surface.texts[THREAD]["notice:clear:100.2"][0].startswith("Cleared: the model no longer knows")
        lines, fault = await b.stores.audit.verify()
        assert (lines, fault) == (1, "")


async def test_a_message_that_comes_twice_clears_once() -> None:
    async with bench() as b:
        b.model = Listener()
        await b.write("hello")
        await b.rest()
        for _ in range(2):
            await b.write("clear", ts="100.2")
            await b.rest()

        assert [e for e in await b.entries() if isinstance(e, Cleared)] == [Cleared(1, "U1")]


async def test_what_is_being_worked_on_is_not_forgotten() -> None:
    async with bench() as b:
        b.sandboxes.programs["kubectl scale"] = scales(b.cluster, 5)
        model = FakeModel(
            lambda entries: say("Done.") if any(isinstance(e, Answered) for e in entries) else say("", ("c1", "kubectl scale"))
        )
        b.model = model
        await b.write("scale it")
        await b.rest()

        await b.write("clear", ts="100.2")
        await b.rest()

        assert b.surface.texts[THREAD]["notice:clear:100.2"][0] == "There is nothing to forget: nothing came before."
        assert UserSaid("U1 asks:\nscale it") in history.messages(await b.entries())


async def test_an_output_from_before_cannot_be_read_again() -> None:
    def look_back(entries: Sequence[Entry]) -> ModelReply:
        if isinstance(entries[-1], Answered):
            return say(entries[-1].result.note)
        return use("r1", "read_output", output=1)

    async with bench() as b:
        b.model = FakeModel(look_back)
        b.sandboxes.programs["kubectl get secrets-of-the-past"] = prints("swordfish\n")
        await b.write("kubectl get secrets-of-the-past")
        await b.rest()
        await b.write("clear", ts="100.2")
        await b.rest()

        await b.write("read it again", ts="100.3")
        await b.rest()

        assert b.surface.texts[THREAD]["answer:2"][0] == "Nothing ran."


async def test_there_is_nothing_to_forget_in_a_thread_that_is_not_known() -> None:
    async with bench() as b:
        await b.write("clear")

        await b.rest()

        assert b.surface.texts[THREAD]["clear:100.1"][0] == "Nothing has been asked in this thread yet."
