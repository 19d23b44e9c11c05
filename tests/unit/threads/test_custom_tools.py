"""A tool of the installer in a whole bot: offered, run in the sandbox, its writes approved like any others."""

from __future__ import annotations

from collections.abc import Sequence

from bot.agent.custom_tools import CustomTool
from bot.agent.ports import ModelReply
from bot.changes.change import State
from bot.values.transcript import Answered, Entry
from tests.fakes import FakeModel, prints, say, scales, use
from tests.unit.threads.harness import THREAD, Bench, bench

TOOL = CustomTool(name="deploys", description="Deployments of the shop. Short.", command="shopctl", command_desc="What follows shopctl.")


def prepare(b: Bench, *lines: str) -> None:
    """A model that calls the tool with these lines, one after the other."""
    b.custom_tools = (TOOL,)

    def think(entries: Sequence[Entry]) -> ModelReply:
        done = sum(isinstance(entry, Answered) for entry in entries)
        return use(f"c{done}", "deploys", command=lines[done]) if done < len(lines) else say("Done.")

    b.model = FakeModel(think)


async def test_it_runs_in_the_sandbox_with_its_command_before_the_line() -> None:
    async with bench() as b:
        prepare(b, "list", "shopctl list")
        b.sandboxes.programs["shopctl list"] = prints("web\n")
        await b.write("what is there?")

        await b.rest()

        results = [entry.result for entry in await b.entries() if isinstance(entry, Answered)]
        assert b.sandboxes.ran == ["shopctl list"] * 2
        assert [(result.command, result.stdout) for result in results] == [("shopctl list", "web\n")] * 2
        assert [step.command for step in b.surface.progress[THREAD, 1][-1].steps] == ["deploys list", "deploys shopctl list"]


async def test_what_it_would_write_is_a_change_whose_card_shows_what_ran() -> None:
    async with bench() as b:
        prepare(b, "scale 5")
        b.sandboxes.programs["shopctl scale 5"] = scales(b.cluster, 5)
        await b.write("scale it")
        await b.rest()
        command, landed = b.surface.cards[1][-1].command, list(b.cluster.landed)

        await b.click("approve", 1)
        await b.rest()

        assert (command, landed) == ("shopctl scale 5", [])
        assert b.surface.cards[1][-1].state is State.DONE
        assert b.cluster.object["spec"]["replicas"] == 5


async def test_a_line_that_is_repeated_without_end_is_held_back_as_with_the_shell() -> None:
    async with bench() as b:
        prepare(b, *["list"] * 5)
        b.rules = b.rules.model_copy(update={"model": b.rules.model.model_copy(update={"max_steps": 10})})
        b.sandboxes.programs["shopctl list"] = prints("web\n")
        await b.write("what is there?")

        await b.rest()

        assert b.sandboxes.ran == ["shopctl list"] * 2


async def test_it_is_among_the_tools() -> None:
    async with bench() as b:
        prepare(b)
        await b.write("tools")

        await b.rest()

        assert "• `deploys` – Deployments of the shop." in b.surface.texts[THREAD]["tools:100.1"][0]
