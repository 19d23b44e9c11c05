"""What a command prints is looked through for credentials before anything else happens to it."""

from __future__ import annotations

import json

from bot.values.sandbox import Ran
from bot.values.transcript import Answered, Proposed
from tests.fakes import PASSWORD, FakeRehearsal
from tests.unit.threads.harness import THREAD, bench


async def test_neither_stdout_nor_stderr_is_stored_or_shown_with_a_credential() -> None:
    async def leak(_rehearsal: FakeRehearsal) -> Ran:
        return Ran(1, f"key: {PASSWORD}\n", f"wrong key {PASSWORD}\n", 0.1)

    async with bench() as b:
        b.sandboxes.programs["leak"] = leak
        await b.write("! leak")

        await b.rest()

        (answer,) = [e.result for e in await b.entries() if isinstance(e, Answered)]
        assert (answer.stdout, answer.stderr) == ("key: [redacted]\n", "wrong key [redacted]\n")
        assert PASSWORD not in json.dumps(b.surface.texts[THREAD])


async def test_the_output_of_a_command_that_recorded_writes_is_redacted_too() -> None:
    async with bench() as b:

        async def leak(rehearsal: FakeRehearsal) -> Ran:
            rehearsal.record(b.cluster.scale(3))
            return Ran(0, f"{PASSWORD}\n", "", 0.1)

        b.sandboxes.programs["leak"] = leak
        await b.write("! leak")

        await b.rest()

        (proposed,) = [e for e in await b.entries() if isinstance(e, Proposed)]
        assert proposed.result.stdout == "[redacted]\n"
