"""Windows on whole texts: who may look, and what they see."""

from __future__ import annotations

import pytest

from bot.threads.inbound.incoming import Glance
from tests.fakes import prints
from tests.unit.threads.harness import THREAD, Bench, bench

OUTPUT = "\n".join(f"line {number}" for number in range(2_000))


async def look(b: Bench, key: str, *, user: str = "U2", **more: object) -> None:
    await b.put(Glance("T1", user, THREAD, key, trigger_id="trigger", **more))
    await b.rest()


async def test_whole_output_of_a_command_is_shown_and_turned() -> None:
    async with bench() as b:
        b.sandboxes.programs["seq"] = prints(f"{OUTPUT}\n")
        await b.write("! seq")
        await b.rest()

        await look(b, "answer:1")
        await look(b, "answer:1", view_id="V1", page=3, words="9")

        [(opened, _, first), (turned, _, second)] = b.surface.outputs
        assert (opened.trigger_id, first) == ("trigger", OUTPUT)
        assert (turned.page, turned.words, second) == (3, "9", OUTPUT)
        assert b.surface.whispers == []


@pytest.mark.parametrize(("key", "user", "says"), [("answer:7", "U2", "not kept any more"), ("answer:1", "UG", "Guests cannot use")])
async def test_whoever_cannot_see_it_is_told_why(key: str, user: str, says: str) -> None:
    async with bench() as b:
        b.sandboxes.programs["seq"] = prints(OUTPUT)
        await b.write("! seq")
        await b.rest()

        await look(b, key, user=user)

        assert b.surface.outputs == []
        [(whom, text)] = b.surface.whispers
        assert (whom, says in text) == (user, True)
