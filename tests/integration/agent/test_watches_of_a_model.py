"""Watches without an end that a model asks for: the real kubectl, gateway and API server."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.gateway.limits import Limits
from bot.local.sandbox import LocalSandboxes
from bot.settings import ClusterSettings
from bot.values.transcript import Answered, ToolResult
from tests.cluster.apiserver import ApiServer
from tests.integration.agent.conftest import Open, calls
from tests.integration.gateway.lab import open_lab
from tests.unit.threads.harness import RULES, THREAD, Bench, bench

pytestmark = pytest.mark.apiserver


@pytest.fixture
async def on_call(seeded: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    """A bot whose commands run on this machine, before a gateway that lets a model follow for one second."""
    monkeypatch.setenv("PATH", f"{seeded.kubectl.parent}:{os.environ['PATH']}")
    sandboxes = LocalSandboxes(lambda kubeconfig: kubeconfig)
    async with open_lab(seeded, tmp_path, Limits(model_follow_seconds=1.0)) as lab, bench() as b:
        b.rules = RULES.model_copy(update={"clusters": (ClusterSettings(name="cluster", namespace="shop"),)})
        b.cluster_name = "cluster"
        b.cluster = lab.cluster  # type: ignore[assignment]
        b.sandboxes = sandboxes  # type: ignore[assignment]
        yield b
    await sandboxes.close()


async def ask(b: Bench, text: str) -> ToolResult:
    """What the one call of the turn came to."""
    await b.write(text)
    await b.rest()
    (answered,) = [e.result for e in await b.entries() if isinstance(e, Answered)]
    return answered


@pytest.mark.parametrize(
    ("command", "shows"),
    [
        ("kubectl get deploy -w", "web"),
        ("kubectl get deploy web --watch -o json", '"name": "web"'),
        ("kubectl get deploy --watch-only", ""),
        ("kubectl events --watch", ""),
        ("kubectl get deploy -w -o name | head -1", "deployment.apps/web"),
    ],
)
async def test_a_watch_that_only_shows_is_ended_after_a_moment_and_what_came_is_the_answer(
    on_call: Bench, open_bench: Open, command: str, shows: str
) -> None:
    service = await open_bench(calls(command))
    on_call.model = service.model

    answer = await ask(on_call, "what happens?")

    assert shows in answer.stdout
    assert "Stopped after" not in answer.note
    assert "watch" in answer.note
    assert "ended after a moment" in service.answers_sent()[0]
    assert on_call.surface.texts[THREAD]["answer:1"] == ("Done.", "")


async def test_a_command_that_waits_for_something_waits_as_long_as_it_was_told(on_call: Bench, open_bench: Open) -> None:
    on_call.model = (await open_bench(calls("kubectl wait deploy/web --for=jsonpath={.spec.paused}=true --timeout=3s"))).model

    answer = await ask(on_call, "does it pause?")

    assert "timed out waiting for the condition" in answer.stderr
    assert answer.note == ""


async def test_a_watch_of_a_person_goes_on_until_the_limit_of_the_command(on_call: Bench) -> None:
    on_call.rules = on_call.rules.model_copy(update={"sandbox": on_call.rules.sandbox.model_copy(update={"command_seconds": 4.0})})

    answer = await ask(on_call, "! kubectl get deploy -w")

    assert answer.note == "Stopped after 4 seconds, the longest that a command may run."
