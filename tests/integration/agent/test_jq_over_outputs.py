"""`read_output` with jq programs: a whole bot whose commands run on this machine, with the real bash and jq."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from bot.agent.ports import ModelReply
from bot.local.sandbox import LocalSandboxes
from bot.settings import ClusterSettings
from bot.values.transcript import Answered, Entry, ToolResult
from tests.fakes import FakeModel, say, use
from tests.integration.gateway.lab import Lab
from tests.unit.threads.harness import RULES, Bench, bench

pytestmark = pytest.mark.skipif(not (shutil.which("bash") and shutil.which("jq")), reason="needs bash and jq: make test-packages")

PODS = [
    {"name": f"web-{n}", "app": {"it's": 'a "name"'}, "restarts": 3 - n, "encoded": "cGFzc3dvcmQ6IGh1bnRlcjItaHVudGVyMg=="}
    for n in range(3)
]
PLAIN = "password: hunter2-hunter2"
"""What is in `encoded`."""
COMMAND = f"cat <<'END'\n{json.dumps({'items': PODS})}\nEND"
NDJSON = """printf '{"level": "%s"}\\n' info error error"""


def name_like_theirs(kubeconfig: str) -> str:
    """As `chat` does, which reads it: there must be one."""
    assert kubeconfig
    return kubeconfig


@pytest.fixture
async def here() -> AsyncIterator[Bench]:
    """A bot with the sandboxes of `chat`."""
    sandboxes = LocalSandboxes(name_like_theirs)
    async with bench() as b:
        b.sandboxes = sandboxes  # type: ignore[assignment]
        yield b
    await sandboxes.close()


async def ask_jq(b: Bench, program: str, command: str = COMMAND) -> ToolResult:
    """What the program makes of what the command printed."""

    def think(rows: Sequence[Entry]) -> ModelReply:
        answers = sum(isinstance(e, Answered) for e in rows)
        return (say("", ("c1", command)), use("c2", "read_output", output=1, jq=program), say("So it is."))[answers]

    b.model = FakeModel(think)
    await b.write("which pods?")
    await b.rest()
    first, second = [e.result for e in await b.entries() if isinstance(e, Answered)]
    assert first.exit_code == 0
    return second


async def list_files(b: Bench) -> str:
    """What lies in the folder of the commands."""
    await b.write("! find . -type f", ts="100.2")
    await b.rest()
    return [e.result for e in await b.entries() if isinstance(e, Answered)][-1].stdout


@pytest.mark.parametrize(
    ("program", "printed"),
    [
        ('[.items[] | select(.restarts > 1) | .name] | join(", ")', "web-0, web-1\n"),
        (".items | map({name, restarts}) | sort_by(.restarts)[0]", '{"name":"web-2","restarts":1}\n'),
        ("reduce .items[] as $pod (0; . + $pod.restarts) # '$(touch stolen)'\n", "6\n"),
        (""".items[0].app["it's"] + "'; `id`" """, """a "name"'; `id`\n"""),
        ('def f: .items | length; f as $n | "\\($n) pods"', "3 pods\n"),
        ("--version", ""),
    ],
)
async def test_any_program_of_jq_works_and_no_word_of_it_gets_to_the_shell(here: Bench, program: str, printed: str) -> None:
    result = await ask_jq(here, program)

    assert result.stdout == printed
    assert result.exit_code == (0 if printed else 3)
    assert here.cluster.opened == 1  # for the command


async def test_several_documents_are_one_input(here: Bench) -> None:
    assert (await ask_jq(here, '[., inputs] | map(select(.level == "error")) | length', NDJSON)).stdout == "2\n"


async def test_jq_s_own_words_about_a_wrong_program_are_the_answer(here: Bench) -> None:
    wrong = await ask_jq(here, ".items | no_such_function")

    assert wrong.exit_code == 3
    assert "no_such_function/0 is not defined" in wrong.stderr
    assert "correct the program" in wrong.note


async def test_what_fails_half_way_is_told_with_what_came_before(here: Bench) -> None:
    failed = await ask_jq(here, ".items[0, 1].name, .items.name")

    assert (failed.exit_code, failed.stdout) == (5, "web-0\nweb-1\n")
    assert "Cannot index array" in failed.stderr


async def test_a_program_that_never_ends_is_ended(here: Bench) -> None:
    here.rules = RULES.model_copy(update={"sandbox": RULES.sandbox.model_copy(update={"command_seconds": 3.0})})

    result = await ask_jq(here, "last(range(infinite))")

    assert result.note.startswith("jq was stopped after 3 seconds")
    assert await list_files(here) == ""


async def test_of_an_endless_answer_head_and_tail_are_kept(here: Bench) -> None:
    here.rules = RULES.model_copy(update={"sandbox": RULES.sandbox.model_copy(update={"max_output_bytes": 2_000})})

    result = await ask_jq(here, "range(100000) | {n: .}")

    assert result.truncated
    assert result.stdout.startswith('{"n":0}\n')
    assert len(result.stdout) < 3_000


async def test_jq_gets_nothing_of_the_cluster_and_of_the_bot(here: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-1")

    result = await ask_jq(here, "$ENV | keys, .KUBECONFIG")

    names, kubeconfig = result.stdout.splitlines()
    assert "SLACK_BOT_TOKEN" not in names
    assert not Path(kubeconfig).exists()


@pytest.mark.apiserver
async def test_a_credential_that_jq_decodes_is_hidden_by_the_mark_that_it_has_in_the_thread(here: Bench, lab: Lab) -> None:
    here.rules = RULES.model_copy(update={"clusters": (ClusterSettings(name="cluster", namespace="shop"),)})
    here.cluster_name = "cluster"
    here.cluster = lab.cluster  # type: ignore[assignment]

    result = await ask_jq(here, ".items[0].encoded | @base64d", f"echo '{PLAIN}' >&2\n{COMMAND}")

    first = next(e.result for e in await here.entries() if isinstance(e, Answered))
    assert result.stdout.startswith("password: [redacted:")
    assert first.stderr.strip() == result.stdout.strip()


async def test_nothing_is_left_behind(here: Bench) -> None:
    await ask_jq(here, ".items | add | keys")

    assert await list_files(here) == ""


async def test_where_jq_is_missing_it_is_said(here: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for program in ("bash", "cat", "rm"):
        (tmp_path / program).symlink_to(shutil.which(program) or os.devnull)
    monkeypatch.setenv("PATH", str(tmp_path))

    result = await ask_jq(here, ".items | add")

    assert result.status == "error"
    assert result.note.startswith("There is no jq where the commands of this thread run; install it there. `lines`, `grep`")
