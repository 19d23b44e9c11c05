"""Logs as they come from a node: the real kubectl, gateway and API server, and a kubelet of the test's own that writes them."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from bot.gateway.limits import Limits
from bot.local.sandbox import LocalSandboxes
from bot.local.surface import CLIENT, PEOPLE
from bot.mcp_server import desk
from bot.settings import ClusterSettings
from bot.settings_agent import ReadSettings
from bot.slack.rendering.answers import lay_out
from bot.values.transcript import Answered, ToolResult
from tests.cluster.apiserver import ApiServer
from tests.integration.agent.conftest import Open, calls
from tests.integration.agent.kubelet import Kubelet, have_logs
from tests.integration.gateway.lab import open_lab
from tests.unit.store.values import thread
from tests.unit.threads.harness import RULES, THREAD, Bench, bench

pytestmark = pytest.mark.apiserver

LINES = [f"line {number}" for number in range(1, 13)]
MEGABYTES = [f"{number:06} {'x' * 92}" for number in range(120_000)]
"""12 MB."""


@dataclass
class OnCall:
    """A bot, and the node whose logs it reads."""

    bench: Bench
    kubelet: Kubelet

    async def ask(self, text: str) -> ToolResult:
        """What the one call of the turn came to."""
        await self.bench.write(text)
        await self.bench.rest()
        (answered,) = [e.result for e in await self.bench.entries() if isinstance(e, Answered)]
        return answered


@pytest.fixture
async def on_call(seeded: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[OnCall]:
    """A bot whose commands run on this machine, before a gateway that lets a model follow for one second."""
    monkeypatch.setenv("PATH", f"{seeded.kubectl.parent}:{os.environ['PATH']}")
    sandboxes = LocalSandboxes(lambda kubeconfig: kubeconfig)
    async with open_lab(seeded, tmp_path, Limits(model_follow_seconds=1.0)) as lab, have_logs(seeded) as kubelet, bench() as b:
        b.rules = RULES.model_copy(
            update={"clusters": (ClusterSettings(name="cluster", namespace="shop"),), "reads": ReadSettings(log_lines=5)}
        )
        b.cluster_name = "cluster"
        b.cluster = lab.cluster  # type: ignore[assignment]
        b.sandboxes = sandboxes  # type: ignore[assignment]
        kubelet.lines = LINES
        yield OnCall(b, kubelet)
    await sandboxes.close()


def limit_commands(b: Bench, seconds: float) -> None:
    b.rules = b.rules.model_copy(update={"sandbox": b.rules.sandbox.model_copy(update={"command_seconds": seconds})})


@pytest.mark.parametrize("option", ["-f", "--follow", "--follow=true", "-f --tail=5", "-f --since=1h"])
async def test_a_log_that_a_model_follows_is_ended_after_a_moment_and_what_came_is_the_answer(
    on_call: OnCall, open_bench: Open, option: str
) -> None:
    on_call.kubelet.goes_on = True
    service = await open_bench(calls(f"kubectl logs {on_call.kubelet.pod} {option}"))
    on_call.bench.model = service.model

    answer = await on_call.ask("what does it say?")

    assert answer.exit_code == 0
    assert answer.stdout.startswith(LINES[0 if "since" in option else -5])
    assert "later 1\n" in answer.stdout
    assert f"ended after a moment: `kubectl logs --follow` of pod shop/{on_call.kubelet.pod} (app)." in service.answers_sent()[0]
    async with asyncio.timeout(60):
        await on_call.kubelet.left.wait()  # nobody reads on in the background
    assert on_call.bench.surface.texts[THREAD]["answer:1"] == ("Done.", "")


async def test_a_log_that_nothing_is_written_to_is_ended_too(on_call: OnCall, open_bench: Open) -> None:
    on_call.kubelet.lines = []
    service = await open_bench(calls(f"kubectl logs -f {on_call.kubelet.pod}"))
    on_call.bench.model = service.model

    answer = await on_call.ask("what does it say?")

    assert (answer.exit_code, answer.stdout) == (0, "")
    assert "ended after a moment" in answer.note


async def test_a_log_that_a_person_follows_goes_on_until_the_limit_of_the_command_and_that_is_said(on_call: OnCall) -> None:
    on_call.kubelet.goes_on = True
    limit_commands(on_call.bench, 4.0)

    answer = await on_call.ask(f"! kubectl logs -f {on_call.kubelet.pod}")

    assert answer.stdout.startswith("line 1\n")
    assert "later 1\n" in answer.stdout
    assert answer.note == "Stopped after 4 seconds, the longest that a command may run."
    assert "Stopped after 4 seconds" in on_call.bench.surface.texts[THREAD]["answer:1"][1]


async def test_a_huge_log_of_a_person_is_one_message_and_one_file(on_call: OnCall) -> None:
    on_call.kubelet.lines = MEGABYTES

    answer = await on_call.ask(f"! kubectl logs {on_call.kubelet.pod}")

    assert "tailLines" not in on_call.kubelet.asked[0]
    assert answer.truncated
    assert len(answer.stdout) < RULES.sandbox.max_output_bytes + 1_000 < sum(map(len, MEGABYTES))
    assert answer.stdout.startswith(MEGABYTES[0])
    assert answer.stdout.rstrip().endswith(MEGABYTES[-1])
    text, code = on_call.bench.surface.texts[THREAD]["answer:1"]
    layout = lay_out(text, code, "answer:1")
    assert layout is not None
    assert layout.file is not None
    assert len(json.dumps(layout.message.blocks)) < 10_000
    assert MEGABYTES[0] in str(layout.message.blocks)
    assert len(layout.file.content) < 3_100_000
    assert "left out" in layout.file.content


async def test_of_a_huge_log_a_model_reads_the_last_lines(on_call: OnCall, open_bench: Open) -> None:
    on_call.kubelet.lines = MEGABYTES
    on_call.bench.model = (await open_bench(calls(f"kubectl logs {on_call.kubelet.pod}"))).model

    answer = await on_call.ask("what does it say?")

    assert on_call.kubelet.asked[0]["tailLines"] == "5"
    assert answer.stdout.splitlines() == MEGABYTES[-5:]
    assert "only the last 5 lines were read" in answer.note


async def test_an_mcp_client_which_is_a_model_too_gets_no_more_than_one_and_is_told(on_call: OnCall) -> None:
    on_call.kubelet.goes_on = True
    b = on_call.bench
    b.surface.people[CLIENT] = PEOPLE[CLIENT]
    opened = await b.stores.threads.open(replace(thread(), cluster="cluster"))

    done = await desk.rehearse(b.world(), opened, f"kubectl logs -f {on_call.kubelet.pod}")

    assert str(done["stdout"]).startswith(LINES[-5])
    assert "only the last 5 lines were read" in str(done["stderr"])
    assert "ended after a moment" in str(done["stderr"])


async def test_a_proposal_of_an_mcp_client_reads_a_log_as_a_model_does_and_not_whole_as_a_person(on_call: OnCall) -> None:
    b = on_call.bench
    b.surface.people[CLIENT] = PEOPLE[CLIENT]
    opened = await b.stores.threads.open(replace(thread(), cluster="cluster"))

    read = await desk.LocalDesk(b.world(), opened).propose(f"kubectl logs {on_call.kubelet.pod}")

    assert read.output.splitlines() == LINES[-5:]
    assert "only the last 5 lines were read" in read.told
    assert [request["tailLines"] for request in on_call.kubelet.asked] == ["5"]
