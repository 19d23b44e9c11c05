"""`read_output` with a jq program: what goes into the sandbox, what comes back, and what is said where jq cannot be had."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from bot.agent import findings
from bot.agent.findings import Verdict
from bot.agent.ports import ModelReply
from bot.errors import SandboxError, SandboxUnavailableError
from bot.values.sandbox import Ran
from bot.values.transcript import Answered, Entry, Proposed, ToolResult
from tests.fakes import PASSWORD, FakeModel, FakeRehearsal, prints, say, use
from tests.unit.threads.harness import RULES, Bench, bench
from tests.unit.threads.retracing import change_in, differing, retrace

PODS = '{"items": [{"name": "web-0"}, {"name": "web-1"}]}'
PROGRAM = "[.items[].name] | join(\"'; rm -rf ~; '\")"
PUT, TEXT = "/home/agent/.read-output.jq", "/home/agent/.read-output.json"
JQ = f'program=$(<{PUT}); exec <{TEXT}; rm -f {PUT} {TEXT}; jq -rc " $program"'
PATHS = "`lines`, `grep` and plain paths such as `.items[].metadata.name` work without it."


def look_into(rows: Sequence[Entry]) -> ModelReply:
    """A model that gets the pods, asks jq about them, and then is done."""
    answers = sum(isinstance(e, Answered) for e in rows)
    return (say("", ("c1", "get pods")), use("c2", "read_output", output=1, jq=PROGRAM), say("So it is."))[answers]


async def ask(b: Bench) -> ToolResult:
    """What jq's call came to."""
    b.model = FakeModel(look_into)
    b.sandboxes.programs["get pods"] = prints(PODS)
    await b.write("which pods?")
    await b.rest()
    return [e.result for e in await b.entries() if isinstance(e, Answered)][1]


async def test_a_program_is_run_by_jq_over_the_output_and_neither_is_part_of_the_command() -> None:
    async with bench() as b:
        given: list[str] = []

        async def run(rehearsal: FakeRehearsal) -> Ran:
            given.append(rehearsal.kubeconfig)
            return Ran(0, "web-0 web-1\n", "", 0.2)

        b.sandboxes.programs[JQ] = run

        result = await ask(b)

        assert b.sandboxes.files == {".read-output.json": PODS.encode(), ".read-output.jq": PROGRAM.encode()}
        assert b.sandboxes.ran == ["get pods", JQ]
        assert given == [""]
        assert b.cluster.opened == 1  # the rehearsal of `get pods`
        assert (result.status, result.exit_code, result.stdout, result.seconds) == ("ok", 0, "web-0 web-1\n", 0.2)
        assert result.note == "What jq made of output 1."
        assert result.command == f"read_output 1 {PROGRAM}"
        assert not any(isinstance(e, Proposed) for e in await b.entries())


async def test_what_jq_says_against_a_program_is_told() -> None:
    async with bench() as b:

        async def run(_: FakeRehearsal) -> Ran:
            return Ran(5, "web-0\n", "jq: error (at <file>:1): Cannot iterate over null\n", 0.1)

        b.sandboxes.programs[JQ] = run

        result = await ask(b)

        assert (result.status, result.exit_code, result.stdout) == ("ok", 5, "web-0\n")
        assert result.stderr == "jq: error (at <file>:1): Cannot iterate over null\n"
        assert result.note == "jq could not do that with output 1; correct the program by what it says."


async def test_a_program_that_never_ends_is_ended_and_told() -> None:
    async with bench() as b:
        b.rules = RULES.model_copy(update={"sandbox": RULES.sandbox.model_copy(update={"command_seconds": 7.0})})

        async def run(_: FakeRehearsal) -> Ran:
            return Ran(124, "", "", 7.0, timed_out=True)

        b.sandboxes.programs[JQ] = run

        assert (await ask(b)).note == "jq was stopped after 7 seconds, the longest that it may run; ask for less."


async def test_a_credential_that_jq_decodes_is_hidden() -> None:
    async with bench() as b:

        async def run(_: FakeRehearsal) -> Ran:
            return Ran(5, f"{PASSWORD}\n", f"jq: error: {PASSWORD}\n", 0.1)

        b.sandboxes.programs[JQ] = run

        result = await ask(b)

        assert (result.stdout, result.stderr) == ("[redacted]\n", "jq: error: [redacted]\n")


async def test_where_there_is_no_jq_it_is_said_what_works_without() -> None:
    async with bench() as b:
        result = await ask(b)

        assert (result.status, result.exit_code) == ("error", None)
        assert result.note == f"There is no jq where the commands of this thread run; install it there. {PATHS}"


@pytest.mark.parametrize("error", [SandboxError("No sandbox is isolated here."), SandboxUnavailableError("No sandbox is free.")])
async def test_where_no_sandbox_is_to_be_had_it_is_said_what_works_without(error: SandboxError) -> None:
    async with bench() as b:

        async def leave(_: FakeRehearsal) -> Ran:
            b.sandboxes.errors = [error] * 10
            return Ran(0, PODS, "", 0.1)

        b.model = FakeModel(look_into)
        b.sandboxes.programs["get pods"] = leave
        await b.write("which pods?")
        await b.rest()

        result = [e.result for e in await b.entries() if isinstance(e, Answered)][1]
        assert (result.status, result.note) == ("error", f"{error} {PATHS}")


async def test_a_new_sandbox_is_told_to_the_model() -> None:
    async with bench() as b:

        async def lose(_: FakeRehearsal) -> Ran:
            b.sandboxes.claims.clear()
            return Ran(0, PODS, "", 0.1)

        b.model = FakeModel(look_into)
        b.sandboxes.programs |= {"get pods": lose, JQ: prints("web-0\n")}
        await b.write("which pods?")
        await b.rest()

        result = [e.result for e in await b.entries() if isinstance(e, Answered)][1]
        assert result.note.startswith("This thread has a new sandbox: files that earlier commands made are gone. What jq made")


async def test_the_audit_log_has_a_line_of_each_command_and_each_program() -> None:
    async with bench() as b:
        before, _ = await b.stores.audit.verify()
        b.sandboxes.programs[JQ] = prints("web-0\n")

        await ask(b)

        assert await b.stores.audit.verify() == (before + 2, "")


async def test_what_jq_printed_is_taken_as_given_when_a_turn_is_traced_again() -> None:
    async with bench() as b:
        b.sandboxes.programs[JQ] = prints("web-0\n")
        await ask(b)

        place = [place for place, e in enumerate(await b.entries()) if isinstance(e, Answered)][1]
        assert not differing(await retrace(b))
        assert (await retrace(b))[place] == findings.PRINTED
        assert await change_in(b, place, stdout="web-9\n") == findings.PRINTED
        assert (await change_in(b, place, command="read_output 1 .")).verdict is Verdict.DIFFERS


async def test_what_is_read_without_jq_is_still_computed_again() -> None:
    def think(rows: Sequence[Entry]) -> ModelReply:
        reply = look_into(rows)
        return replace(
            reply, calls=tuple(replace(c, arguments={**c.arguments, "jq": ".items[].name"}) for c in reply.calls if c.id == "c2")
        )

    async with bench() as b:
        b.sandboxes.programs["get pods"] = prints(PODS)
        b.model = FakeModel(lambda rows: think(rows) if any(isinstance(e, Answered) for e in rows) else look_into(rows))
        await b.write("which pods?")
        await b.rest()

        place = [place for place, e in enumerate(await b.entries()) if isinstance(e, Answered)][1]
        assert b.sandboxes.ran == ["get pods"]
        assert (await retrace(b))[place] == findings.EQUAL
        assert (await change_in(b, place, stdout="web-9")).verdict is Verdict.DIFFERS
