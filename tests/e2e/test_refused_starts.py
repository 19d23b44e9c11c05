"""What keeps the bot from starting: one clear sentence each, with what to do, exit code 2, and nothing begun."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.devslack.driver import Driver
from tests.cluster.apiserver import start_apiserver
from tests.e2e.conftest import Bot, Bots, Cluster
from tests.e2e.parts import Process, until
from tests.e2e.test_main_job import Oncall

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]


async def refuse(bot: Bot, **environment: str) -> str:
    """What the bot says when it ends at its start."""
    bot.process.environment.update(environment)
    bot.process.start()
    await until("the bot has ended", lambda: not bot.process.is_alive)
    assert bot.process.process is not None
    assert bot.process.process.returncode == 2, bot.process.output[-2000:]
    assert (await bot.slack.ask("log"))["connections"] == 0
    assert "Traceback" not in bot.process.output
    assert not bot.database.path.exists()
    return bot.process.output


async def test_bad_settings(bots: Bots) -> None:
    bot = bots.make(has_model=False, more={"changes": {"approver": ["U1"]}})

    said = await refuse(bot)

    assert "changes.approver: there is no such setting" in said


async def test_no_model_key(bots: Bots) -> None:
    bot = bots.make(has_model=True, model={"GEMINI_API_KEY": "", "GOOGLE_API_KEY": "", "OPENAI_API_KEY": ""})

    said = await refuse(bot)

    assert "GEMINI_API_KEY" in said


@pytest.fixture
def absent(cluster: Cluster) -> Iterator[str]:
    """The name of a RuntimeClass that the bot may get, and that is not there."""
    role = ("clusterrole", "may-get-absent", "--verb=get", "--resource=runtimeclasses.node.k8s.io", "--resource-name=absent")
    binding = ("clusterrolebinding", "may-get-absent", "--clusterrole=may-get-absent", "--serviceaccount=kubectl-ai:kubectl-ai-slack")
    try:
        cluster.kubectl("create", *role)
        cluster.kubectl("create", *binding)
        yield "absent"
    finally:
        cluster.kubectl("delete", "clusterrole/may-get-absent", "clusterrolebinding/may-get-absent", "--ignore-not-found")


async def test_a_missing_runtime_class(bots: Bots, absent: str) -> None:
    bot = bots.make(has_model=False)

    said = await refuse(bot, KUBECTL_AI_RUNTIME_CLASS=absent)

    assert "The cluster has no RuntimeClass absent: install gVisor on the nodes" in said


async def test_a_runtime_class_that_may_not_be_looked_at(bots: Bots) -> None:
    bot = bots.make(has_model=False)

    said = await refuse(bot, KUBECTL_AI_RUNTIME_CLASS="typo")

    assert "The bot may not get the RuntimeClass typo: correct its name (KUBECTL_AI_RUNTIME_CLASS), or put it into" in said


async def test_no_program_of_others_is_started_for_a_bot_that_cannot_start(bots: Bots, tmp_path: Path) -> None:
    started = tmp_path / "started"
    server = {"name": "notes", "command": "touch", "args": [str(started)]}
    bot = bots.make(has_model=True, model={"GEMINI_API_KEY": ""}, more={"mcp": {"servers": [server]}})

    await refuse(bot)

    assert not started.exists()


async def test_no_rights(bots: Bots, cluster: Cluster, tmp_path: Path) -> None:
    token = cluster.kubectl("-n", "default", "create", "token", "default", "--duration=1h").strip()
    bot = bots.make(
        has_model=False, more={"sandbox": {"kubeconfig": str(write_kubeconfig(cluster.kubeconfig, {"token": token}, tmp_path))}}
    )

    said = await refuse(bot)

    assert "The bot lacks rights in the namespace kubectl-ai-sandboxes" in said
    assert "apply manifests/sandbox/role.yaml" in said


async def test_no_agent_sandbox(bots: Bots, tmp_path: Path) -> None:
    """On an API server that has nothing but Kubernetes."""
    server = start_apiserver(tmp_path / "bare")
    try:
        bot = bots.make(has_model=False, api=str(server.kubeconfig), more={"sandbox": {"kubeconfig": str(server.kubeconfig)}})

        said = await refuse(bot)
    finally:
        server.stop(wipe=True)

    assert "The cluster has no sandboxclaims, sandboxtemplates, sandboxwarmpools of v1beta1: install agent-sandbox 0.5 or newer" in said


async def test_a_cluster_that_does_not_answer(bots: Bots, cluster: Cluster, tmp_path: Path) -> None:
    nowhere = str(write_kubeconfig(cluster.kubeconfig, {"token": "any"}, tmp_path, server="https://127.0.0.1:1"))
    bot = bots.make(has_model=False, api=nowhere, more={"sandbox": {"kubeconfig": nowhere}})

    said = await refuse(bot)

    assert "127.0.0.1:1" in said


async def test_slack_does_not_know_the_token(bots: Bots, slack: Driver) -> None:
    bot = bots.make(has_model=False)
    await slack.act("fault", method="auth.test", kind="error", error="invalid_auth", times=5)

    said = await refuse(bot)

    assert "SLACK_BOT_TOKEN" in said


def write_kubeconfig(original: str, user: dict[str, Any], folder: Path, server: str = "") -> Path:
    """The administrator's kubeconfig with another user, or another address."""
    config = yaml.safe_load(Path(original).read_text())
    config["users"] = [{"name": config["users"][0]["name"], "user": user}]
    if server:
        config["clusters"][0]["cluster"]["server"] = server
    path = folder / "other.kubeconfig"
    path.write_text(yaml.safe_dump(config))
    return path


async def test_doctor_beside_a_bot_that_runs_is_not_in_its_way(bots: Bots, slack: Driver, namespace: str) -> None:
    """Same settings, same port, same database: it takes no event, and all is well."""
    bot = bots.make(namespace=namespace, has_model=False)
    await bot.start()
    people = Oncall(slack)

    doctor = Process("doctor", [*bot.process.command[:3], "doctor", *bot.process.command[4:]], bot.process.environment, tmp(bot))
    doctor.start()
    thread = await people.ask(f"kubectl -n {namespace} get deployments")
    await until("doctor has ended", lambda: not doctor.is_alive)
    await people.says(thread, "web")

    assert doctor.process is not None
    assert doctor.process.returncode == 0, doctor.output[-2000:]
    assert "All is well" in doctor.output
    log = await slack.ask("log")
    assert log["connections"] == 2
    assert {delivery["attempt"] for delivery in log["deliveries"]} == {0}


def tmp(bot: Bot) -> Path:
    return bot.process.log.with_name("doctor.log")
