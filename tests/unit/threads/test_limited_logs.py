"""Commands of the model read the end of a log where they name no limit, and are told so; commands of people read all of it."""

from __future__ import annotations

from dataclasses import replace

from bot.settings_agent import ReadSettings
from bot.values.sandbox import Ran
from bot.values.transcript import Answered
from tests.fakes import FakeModel, FakeRehearsal, say
from tests.unit.threads.harness import Bench, bench

COMMAND = "kubectl logs web-1"


async def read_log(rehearsal: FakeRehearsal) -> Ran:
    """`kubectl logs`, as the gateway accounts for it."""
    if rehearsal.log_lines:
        rehearsal.recording = replace(rehearsal.recording, limited=("pod shop/web-1",))
    return Ran(0, f"{rehearsal.log_lines}\n", "", 0.1)


async def answer_of(b: Bench, text: str) -> tuple[str, str]:
    """What the command was given as its limit, and the note."""
    b.sandboxes.programs[COMMAND] = read_log
    await b.write(text)
    await b.rest()
    (answered,) = [entry for entry in await b.entries() if isinstance(entry, Answered)]
    return answered.result.stdout.strip(), answered.result.note


async def test_a_command_of_the_model_reads_the_last_lines_and_is_told_how_to_get_others() -> None:
    async with bench() as b:
        b.rules = b.rules.model_copy(update={"reads": ReadSettings(log_lines=1200)})
        b.model = FakeModel(lambda rows: say("Done.") if any(isinstance(row, Answered) for row in rows) else say("", ("c1", COMMAND)))

        limit, note = await answer_of(b, "why?")

        assert limit == "1200"
        assert "only the last 1,200 lines were read of pod shop/web-1" in note
        assert "--since=1h" in note


async def test_a_command_of_a_person_reads_all() -> None:
    async with bench() as b:
        assert await answer_of(b, f"! {COMMAND}") == ("0", "")


async def test_a_limit_of_zero_is_none() -> None:
    async with bench() as b:
        b.rules = b.rules.model_copy(update={"reads": ReadSettings(log_lines=0)})
        b.model = FakeModel(lambda rows: say("Done.") if any(isinstance(row, Answered) for row in rows) else say("", ("c1", COMMAND)))

        assert await answer_of(b, "why?") == ("0", "")
