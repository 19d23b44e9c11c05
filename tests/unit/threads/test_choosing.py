"""The model of a thread: shown, chosen by a person, and gone from the settings."""

from __future__ import annotations

from bot.errors import ModelRefusedError
from bot.threads.inbound.incoming import Command
from tests.fakes import FakeModel, say
from tests.unit.threads.harness import THREAD, Bench, bench


def named(name: str) -> FakeModel:
    """A model that answers with its name."""
    model = FakeModel(lambda _: say(f"I am {name}."))
    model.name = name
    return model


def prepare(b: Bench) -> None:
    b.model, b.fallback, b.choices = named("usual"), named("second"), (named("large"),)


async def answer_to(b: Bench, ts: str) -> str:
    """What a question in the thread is answered with."""
    before = set(b.surface.texts.get(THREAD, {}))
    await b.write("who are you?", ts=ts)
    await b.rest()
    [(text, _)] = [shown for key, shown in b.surface.texts[THREAD].items() if key not in before and key.startswith("answer:")]
    return text


async def test_a_thread_has_the_usual_model_until_a_person_chooses_another_and_takes_it_back() -> None:
    async with bench() as b:
        prepare(b)
        first = await answer_to(b, "100.1")

        await b.write("model LARGE", ts="100.2", mention=False)
        chosen = await answer_to(b, "100.3")
        await b.write("model default", ts="100.4")
        last = await answer_to(b, "100.5")

        assert (first, chosen, last) == ("I am usual.", "I am large.", "I am usual.")
        assert b.surface.texts[THREAD]["notice:model:100.2"][0] == "ada chose the model `large` for this thread."


async def test_a_choice_holds_for_its_thread_alone() -> None:
    async with bench() as b:
        prepare(b)
        await b.write("model large")
        await b.rest()

        await b.put(Command("T1", "C1", "U1", "who are you?"))
        await b.rest()

        assert b.surface.texts["T1:C1:900.1"]["answer:1"][0] == "I am usual."


async def test_the_models_are_listed_with_the_one_in_use() -> None:
    async with bench() as b:
        prepare(b)
        await b.write("model large")
        await b.write("model", ts="100.2")

        await b.rest()

        shown = b.surface.texts[THREAD]["model:100.2"][0]
        assert shown.splitlines()[:4] == [
            "Models:",
            "• `usual` – the default",
            "• `second` – asked when another gives no reply",
            "• `large` – in use in this thread",
        ]


async def test_a_name_that_is_no_model_s_is_answered_with_those_there_are_and_changes_nothing() -> None:
    async with bench() as b:
        prepare(b)
        await b.write("model larg")
        await b.rest()

        told = b.surface.texts[THREAD]["model:100.1"][0]
        assert told.startswith("There is no model `larg` here.")
        assert "`large`" in told
        assert await answer_to(b, "100.2") == "I am usual."


async def test_a_model_that_is_gone_from_the_settings_gives_way_to_the_usual_one_and_the_thread_is_told_once() -> None:
    async with bench() as b:
        prepare(b)
        await b.write("model large")
        await b.rest()
        b.choices = ()

        answers = [await answer_to(b, ts) for ts in ("100.2", "100.3")]

        assert answers == ["I am usual.", "I am usual."]
        gone = [text for key, (text, _) in b.surface.texts[THREAD].items() if key.startswith("notice:model_gone")]
        assert gone == ["The model `large` that was chosen for this thread is not in the settings any more; I use usual."]


async def test_the_chosen_model_gives_way_to_the_fallback_when_it_gives_no_reply() -> None:
    async with bench() as b:
        prepare(b)
        large = named("large")
        large.errors = [ModelRefusedError("The model large is closed today.")]
        b.choices = (large,)
        await b.write("model large")
        await b.rest()

        assert await answer_to(b, "100.2") == "I am second."


async def test_the_slash_command_chooses_for_the_latest_thread_in_its_channel() -> None:
    async with bench() as b:
        prepare(b)
        await b.put(Command("T1", "C1", "U1", "model large"))
        await b.rest()
        await b.write("who are you?")
        await b.rest()
        await b.put(Command("T1", "C1", "U1", "model large"))
        await b.rest()

        for words in ("model", "models"):
            await b.put(Command("T1", "C1", "U1", words))
            await b.rest()

        before, after, listed, listed_again = (text for _, text in b.surface.whispers)
        assert before.startswith("You have no thread in this channel yet.")
        assert after.startswith("Your latest thread in this channel has that model now")
        assert "`large` – in use in your latest thread here" in listed
        assert listed == listed_again
        assert await answer_to(b, "100.9") == "I am large."


async def test_without_a_model_there_is_nothing_to_choose() -> None:
    async with bench() as b:
        await b.write("model large")

        await b.rest()

        assert b.surface.texts[THREAD]["model:100.1"][0] == "No model is set: only command lines and `triage` are answered."


async def test_a_question_about_models_is_a_question() -> None:
    async with bench() as b:
        prepare(b)
        await b.write("model serving is slow, why?")

        await b.rest()

        assert b.surface.texts[THREAD]["answer:1"][0] == "I am usual."
