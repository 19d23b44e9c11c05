"""Whole turns on the real store whose model is away, refuses or is not there, and what it is told."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bot.agent.ports import ModelReply, Tool
from bot.errors import ModelRefusedError, ModelUnavailableError
from bot.settings_agent import InstructionSettings
from bot.values.transcript import Entry
from tests.fakes import FakeModel, say
from tests.unit.threads.harness import THREAD, bench
from tests.unit.threads.telling import ends


async def test_a_question_without_a_model_gets_one_notice() -> None:
    async with bench() as b:
        await b.write("why is the shop down?")

        await b.rest()

        [(key, (text, _))] = b.surface.texts[THREAD].items()
        assert key == "ended:1"
        assert "GEMINI_API_KEY" in text
        assert (THREAD, 1) not in b.surface.progress


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


class Reader(FakeModel):
    """A model that keeps its instructions."""

    def __init__(self) -> None:
        super().__init__(lambda _: say("Fine."))
        self.told: list[str] = []

    async def reply(
        self, instructions: str, transcript: Sequence[Entry], tools: Sequence[Tool], on_text: Callable[[str], None]
    ) -> ModelReply:
        self.told.append(instructions)
        return await super().reply(instructions, transcript, tools, on_text)


async def test_the_model_is_told_the_version_of_kubectl_as_soon_as_it_is_known() -> None:
    async with bench() as b:
        b.model = reader = Reader()
        await b.write("hello")
        await b.rest()
        b.kubectl_version = "v1.37.2"

        await b.write("and now?", ts="100.2")
        await b.rest()

        assert ["kubectl v1.37.2." in text for text in reader.told] == [False, True]


async def test_the_model_gets_the_instructions_for_everywhere_its_cluster_and_its_channel_and_no_others() -> None:
    instructions = InstructionSettings(
        everywhere="Be brief.",
        clusters={"prod": "Prod is frozen on Fridays.", "test": "Try anything."},
        channels={"C1": "Here is the shop.", "C2": "Here are payments."},
    )
    async with bench() as b:
        b.rules = b.rules.model_copy(update={"instructions": instructions})
        b.model = reader = Reader()
        await b.write("hello")

        await b.rest()

        (told,) = reader.told
        assert "Be brief.\n\nProd is frozen on Fridays.\n\nHere is the shop.\n" in told
        assert "Try anything" not in told
        assert "payments" not in told
