"""Fixtures: the running test cluster with the bot's manifests, a local Slack, a scripted model, the bot's process, a browser page."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import yaml

from bot.demo import install, launch, places
from bot.devslack.driver import Driver
from bot.sandbox.claims import name_claim
from tests.e2e.parts import ROOT, AuditLog, Database, Process, bot_process, free_port, until

ON_CALL = "S01ONCALL"
GATEWAY = "10.244.0.1"


@dataclass(frozen=True)
class Cluster:
    """The full test cluster: as its administrator, and as the installed bot."""

    kubeconfig: str
    bot_kubeconfig: str
    path: str
    audit_log: Path

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """Runs kubectl as the administrator; its output. Fails loudly."""
        done = subprocess.run(
            ["kubectl", *arguments],
            input=stdin,
            env={**os.environ, "KUBECONFIG": self.kubeconfig, "PATH": self.path},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def audit(self) -> AuditLog:
        return AuditLog(self.audit_log)


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    """Up already when `make test` runs; started here otherwise, and then left running."""
    if reason := os.environ.get("KUBECTL_AI_SLACK_NO_CLUSTER"):
        pytest.skip(f"no cluster on this machine ({reason})")
    if os.geteuid() != 0:
        pytest.skip("the cluster needs root: run `make test` as root")
    tool = [sys.executable, "-m", "tests.cluster"]
    for phase in ("build", "up"):
        subprocess.run([*tool, phase], cwd=ROOT, check=True)
    out = subprocess.run([*tool, "env"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    facts = places.read_environment(out)
    environment = {**os.environ, **facts}
    state = tmp_path_factory.mktemp("bot")

    async def prepare() -> Path:
        await install.install(places.own(environment), state)
        return await install.write_bot_kubeconfig(environment, state / "bot.kubeconfig")

    bot_kubeconfig = asyncio.run(prepare())
    audit = Path(facts.get("AUDIT_LOG") or Path(facts["KUBECONFIG"]).parent / "logs" / "audit.log")
    return Cluster(facts["KUBECONFIG"], str(bot_kubeconfig), facts["PATH"], audit)


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    """A namespace of its own with one Deployment `web` of one replica, where the bot's writer may write."""
    with make_namespace(cluster) as name:
        yield name


@contextmanager
def make_namespace(cluster: Cluster) -> Iterator[str]:
    name = f"e2e-{uuid.uuid4().hex[:8]}"
    cluster.kubectl("create", "namespace", name)
    cluster.kubectl("-n", name, "create", "rolebinding", "writer", "--clusterrole=edit", "--serviceaccount=kubectl-ai:kubectl-ai-writer")
    cluster.kubectl("-n", name, "apply", "-f", "-", stdin=WEB)
    cluster.kubectl("-n", name, "rollout", "status", "deploy/web", "--timeout=180s")
    try:
        yield name
    finally:
        cluster.kubectl("delete", "namespace", name, "--wait=false")


WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
      - name: web
        image: kas.local/web:1
        imagePullPolicy: Never
        ports: [{containerPort: 8080}]
        readinessProbe: {httpGet: {path: /, port: 8080}, periodSeconds: 1}
"""


@pytest_asyncio.fixture
async def slack(tmp_path: Path) -> AsyncIterator[Driver]:
    """A local Slack in a process of its own; what people do there."""
    port = free_port()
    process = Process("slack", [sys.executable, "-m", "bot.devslack", "--port", str(port)], {}, tmp_path / "slack.log")
    process.start()
    async with Driver(f"http://127.0.0.1:{port}") as driver:

        async def is_up() -> bool:
            try:
                return bool(await driver.ask("log"))
            except OSError:
                return False

        await until("the local Slack answers", is_up)
        yield driver
    process.stop()


@pytest_asyncio.fixture
async def script(tmp_path: Path) -> AsyncIterator[Script]:
    """The scripted model; give it its rules before the bot asks."""
    model = Script(tmp_path / "script.yaml", free_port(), tmp_path / "model.log")
    yield model
    model.stop()


class Script:
    """A scripted model behind Gemini's own wire format."""

    def __init__(self, path: Path, port: int, log: Path) -> None:
        self.path = path
        self.port = port
        command = [sys.executable, "-m", "bot.agent.models.scripted", "--script", str(path), "--port", str(port)]
        self._process = Process("model", command, {}, log)

    def play(self, script: dict[str, Any]) -> None:
        self.path.write_text(yaml.safe_dump(script))
        self._process.start()

    def stop(self) -> None:
        self._process.stop()

    @property
    def environment(self) -> dict[str, str]:
        return {"GOOGLE_GEMINI_BASE_URL": f"http://127.0.0.1:{self.port}", "GEMINI_API_KEY": "scripted", "GEMINI_MODEL": "scripted"}


@dataclass
class Bot:
    """The bot's process and its database."""

    process: Process
    database: Database
    slack: Driver

    async def start(self) -> None:
        self.process.start()

        async def is_connected() -> bool:
            assert self.process.is_alive, self.process.output[-4000:]
            return int((await self.slack.ask("log"))["connections"]) >= 2

        await until("the bot is connected over Socket Mode", is_connected)

    def kill9(self) -> None:
        self.process.kill9()


class Bots:
    """Makes bots: each with its own gateway port, settings and database."""

    def __init__(self, cluster: Cluster, slack: Driver, script: Script, folder: Path) -> None:
        self._cluster, self._slack, self._script, self._folder = cluster, slack, script, folder
        self.made: list[Bot] = []

    def make(
        self,
        *,
        namespace: str = "default",
        api: str = "",
        has_model: bool = True,
        model: dict[str, str] | None = None,
        exec_allow: tuple[dict[str, Any], ...] = (),
        more: dict[str, Any] | None = None,
        **changes: Any,
    ) -> Bot:
        """`api` is a kubeconfig that the gateway and the replay use instead of the cluster's own; `model` the environment that
        leads to another model than the scripted process; `exec_allow` what the gateway lets through; `more` other groups of settings."""
        kubeconfig = self._cluster.bot_kubeconfig
        port = free_port(GATEWAY, 18400, 18999)
        settings: dict[str, Any] = {
            "slack": {"bot_token": launch.BOT_TOKEN, "app_token": launch.APP_TOKEN, "api_url": self._slack.api_url},
            "clusters": [{"name": "test", "namespace": namespace, "kubeconfig": api or kubeconfig}],
            "sandbox": {"kubeconfig": kubeconfig},
            "gateway": {"host": GATEWAY, "port": port, "exec_allow": list(exec_allow)},
            "changes": {"approvers": [ON_CALL], **changes},
            "model": {"required": has_model},
            **(more or {}),
        }
        environment = {"PATH": self._cluster.path, "LOG_FORMAT": "json", "KUBECONFIG": ""}
        environment |= (model or self._script.environment) if has_model else {"GEMINI_API_KEY": ""}
        process, database = bot_process(self._folder, settings, environment)
        bot = Bot(process, database, self._slack)
        self.made.append(bot)
        return bot


@pytest_asyncio.fixture
async def bots(cluster: Cluster, slack: Driver, script: Script, tmp_path: Path) -> AsyncIterator[Bots]:
    made = Bots(cluster, slack, script, tmp_path)
    yield made
    for bot in made.made:
        bot.process.stop()
        release_sandboxes(cluster, bot)
    if artefacts := os.environ.get("KUBECTL_AI_SLACK_ARTEFACTS"):
        for bot in made.made:
            shutil.copy(bot.process.log, Path(artefacts) / f"{tmp_path.name}-bot.log")


def release_sandboxes(cluster: Cluster, bot: Bot) -> None:
    """A bot that stops keeps its threads' sandboxes until their leases end; here, that would soon be all that the quota allows."""
    claims = [name_claim(row["id"]) for row in bot.database.rows("SELECT id FROM threads")]
    if claims:
        cluster.kubectl("-n", "kubectl-ai-sandboxes", "delete", "sandboxclaim", "--ignore-not-found", "--wait=false", *claims)
