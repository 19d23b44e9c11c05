"""A turn of two hundred steps over the wires of both services, which refuse every history that the real ones refuse: it is made shorter
again and again, stays valid and within the window, and what was left out can still be read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bot.values.transcript import Answered, Compacted
from tests.fakes import prints
from tests.integration.agent.conftest import WIRES, Open
from tests.unit.threads.harness import RULES, THREAD, bench

STEPS, ROOM = 200, 8_000
SCRIPT = json.dumps(
    {
        "rules": [
            {"when": {"question": "conversation is getting too long"}, "reply": [{"text": "The cart crashes since 10:00."}]},
            {"when": {"answer": "1:then look 150"}, "reply": [{"text": "Done."}]},
            {"when": {"answer": r"then (?P<next>look \d+)"}, "reply": [{"call": {"args": {"command": "${next}"}}}]},
            {"when": {"answer": "then the needle"}, "reply": [{"call": {"name": "read_output", "args": {"output": 150, "grep": "look"}}}]},
            {"when": {"question": "why"}, "reply": [{"call": {"args": {"command": "look 0"}}}]},
        ]
    }
)


def size(request: dict[str, Any]) -> int:
    """Characters of the history in a request."""
    return len(json.dumps(request.get("contents") or request["messages"]))


@pytest.mark.timeout(600)
@pytest.mark.parametrize("service", WIRES)
async def test_a_turn_of_two_hundred_steps_is_taken_by_the_service_to_its_end(open_bench: Open, service: str) -> None:
    wire = await open_bench(SCRIPT, service)
    async with bench() as b:
        b.model = wire.model
        b.rules = RULES.model_copy(update={"model": RULES.model.model_copy(update={"max_steps": 2 * STEPS, "context_tokens": ROOM})})
        for number in range(STEPS):
            following = f"look {number + 1}" if number + 1 < STEPS else "the needle"
            b.sandboxes.programs[f"look {number}"] = prints(f"then {following}\n{'x' * 330}\n")
        await b.write("why?")

        await b.rest()

        entries = await b.entries()

    sizes = [size(request) for request in wire.requests]
    compacted = [entry for entry in entries if isinstance(entry, Compacted)]
    answers = [entry for entry in entries if isinstance(entry, Answered)]
    assert b.surface.texts[THREAD]["answer:1"] == ("Done.", "")
    assert len(b.sandboxes.ran) == STEPS
    assert answers[-1].result.stdout == "1:then look 150"
    assert any(entry.summary == "The cart crashes since 10:00." for entry in compacted)
    assert len(wire.requests) == STEPS + 2 + sum(bool(entry.summary) for entry in compacted)  # nothing was refused and sent again
    assert max(sizes) <= ROOM * 4  # characters of a token, as the service counts
    assert max(sizes[len(sizes) // 2 :]) <= 1.1 * max(sizes[: len(sizes) // 2])  # what a step sends does not grow
