"""A long conversation in a whole bot: outputs are left out, a summary is asked for, and `read_output` still has everything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from bot.agent import compaction, history, observation
from bot.agent.ports import ModelReply
from bot.errors import ModelOverflowError, ModelRefusedError
from bot.values.transcript import Answered, Asked, Compacted, Entry, Replied, ToolCall
from tests.fakes import FakeModel, prints, say
from tests.unit.threads.harness import RULES, THREAD, Bench, bench


def is_summary_request(entries: Sequence[Entry]) -> bool:
    return isinstance(entries[-1], Asked) and entries[-1].text == compaction.SUMMARY_PROMPT


def looks(count: int, summary: ModelReply | Exception) -> FakeModel:
    """A model that looks so often, then reads its first output again, then answers; `summary` is what it gives as one."""

    def think(entries: Sequence[Entry]) -> ModelReply:
        if is_summary_request(entries):
            if isinstance(summary, Exception):
                raise summary
            return summary
        number = sum(isinstance(e, Replied) for e in entries)
        if number < count:
            return say("", (f"c{number}", f"look {number}"))
        if number == count:
            read = ToolCall("again", "read_output", {"output": 1, "grep": "needle"})
            return ModelReply("fake", '{"text": ""}', "", (read,), "stop")
        return say("Done.")

    return FakeModel(think)


def prepare(b: Bench, model: FakeModel, size: int, *, context_tokens: int) -> None:
    b.rules = RULES.model_copy(update={"model": RULES.model.model_copy(update={"max_steps": 400, "context_tokens": context_tokens})})
    b.model = model
    for number in range(400):
        b.sandboxes.programs[f"look {number}"] = prints(f"output {number} needle\n" + "x" * size + "\n")


async def test_old_outputs_are_left_out_and_can_still_be_read() -> None:
    async with bench() as b:
        prepare(b, looks(12, say("never")), 4_000, context_tokens=20_000)
        await b.write("why?")

        await b.rest()

        entries = await b.entries()
        compacted = [e for e in entries if isinstance(e, Compacted)]
        assert compacted
        assert not any(e.summary for e in compacted)
        again = next(e.result for e in entries if isinstance(e, Answered) and e.call_id == "again")
        assert again.stdout == "1:output 0 needle"
        assert b.surface.texts[THREAD]["answer:1"] == ("Done.", "")
        assert "read_output again" not in b.sandboxes.ran


async def test_a_summary_takes_the_place_of_what_is_old_and_the_turn_goes_on() -> None:
    async with bench() as b:
        model = looks(60, replace(say("The cart crashes since 10:00."), input_tokens=100, output_tokens=20))
        prepare(b, model, 330, context_tokens=8_000)
        await b.write("why?")

        await b.rest()

        entries = await b.entries()
        summaries = [e for e in entries if isinstance(e, Compacted) and e.summary]
        assert summaries
        assert (summaries[0].summary, summaries[0].input_tokens) == ("The cart crashes since 10:00.", 100)
        assert b.surface.texts[THREAD]["answer:1"] == ("Done.", "")
        assert "The cart crashes since 10:00." in str(history.messages(entries)[0])


async def test_without_a_summary_an_outline_takes_its_place() -> None:
    async with bench() as b:
        prepare(b, looks(60, ModelRefusedError("No.")), 330, context_tokens=8_000)
        await b.write("why?")

        await b.rest()

        summaries = [e.summary for e in await b.entries() if isinstance(e, Compacted) and e.summary]
        assert "- you called: look 3" in summaries[0]
        assert b.surface.texts[THREAD]["answer:1"] == ("Done.", "")


async def test_when_the_service_finds_it_too_long_it_is_made_shorter_and_asked_again() -> None:
    async with bench() as b:
        model = looks(6, say("never"))
        prepare(b, model, 4_000, context_tokens=100_000)
        think = model._think

        def refuse_long(entries: Sequence[Entry]) -> ModelReply:
            if compaction.count_tokens(entries) > 8_000:
                raise ModelOverflowError("The conversation is too long for the model: 9,000 tokens.")
            return think(entries)

        model._think = refuse_long
        await b.write("why?")

        await b.rest()

        assert any(isinstance(e, Compacted) for e in await b.entries())
        assert b.surface.texts[THREAD]["answer:1"] == ("Done.", "")


async def test_what_cannot_be_made_shorter_ends_the_turn_with_the_reason() -> None:
    async with bench() as b:
        prepare(b, looks(0, say("never")), 10, context_tokens=100_000)
        b.model.errors = [ModelOverflowError("The conversation is too long for the model.")] * 3  # type: ignore[union-attr]
        await b.write("why?")

        await b.rest()

        assert b.surface.texts[THREAD]["ended:1"][0] == "The conversation is too long for the model."


def is_valid(messages: Sequence[history.Message]) -> bool:
    """Whether services take it: each reply with calls is followed by an answer for each, and the model is not the last to speak."""
    for message, following in pairwise(messages):
        if isinstance(message, history.ModelSaid) and message.calls:
            answered = following.answers if isinstance(following, history.ToolsAnswered) else ()
            if tuple(answer.call for answer in answered) != message.calls:
                return False
        elif isinstance(following, history.ToolsAnswered):
            return False
    return not isinstance(messages[-1], history.ModelSaid)


async def test_a_turn_of_two_hundred_steps_stays_within_the_window_and_keeps_every_output() -> None:
    steps, room = 200, 8_000
    async with bench() as b:
        model = looks(steps, replace(say("The cart crashes since 10:00."), output_tokens=20))
        think = model._think
        tokens: list[int] = []
        lengths: list[int] = []
        invalid: list[int] = []

        def watch(entries: Sequence[Entry]) -> ModelReply:
            messages = history.messages(entries, observation.model_chars(room))
            tokens.append(compaction.count_tokens(entries, observation.model_chars(room)))
            lengths.append(len(messages))
            if not is_valid(messages):
                invalid.append(len(entries))
            number = sum(isinstance(e, Replied) for e in entries)
            if number == steps and not is_summary_request(entries):
                read = ToolCall("again", "read_output", {"output": steps, "grep": "needle"})
                return ModelReply("fake", '{"text": ""}', "", (read,), "stop")
            return think(entries)

        model._think = watch
        prepare(b, model, 330, context_tokens=room)
        await b.write("why?")

        await b.rest()

        entries = await b.entries()
        compacted = sum(isinstance(e, Compacted) for e in entries)
        again = next(e.result for e in entries if isinstance(e, Answered) and e.call_id == "again")
        assert max(tokens) <= room
        assert not invalid
        assert again.stdout == f"1:output {steps - 1} needle"
        assert b.surface.texts[THREAD]["answer:1"] == ("Done.", "")
        assert len(entries) - compacted == 2 * (steps + 1) + 3  # a reply and an answer for each step; the question, the answer, the end
        assert 1 < compacted <= steps // 5
        assert max(lengths[len(lengths) // 2 :]) <= max(lengths[: len(lengths) // 2]) + 2  # what a step reads does not grow
