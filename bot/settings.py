"""All settings: one YAML file plus the environment, read once at start and validated.

The environment wins over the file. The usual names work (`SLACK_BOT_TOKEN`, `GEMINI_API_KEY`, `KUBECONFIG`, …); no other module reads it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, SecretStr, ValidationError, model_validator

from bot.errors import ConfigError
from bot.exec_rules import ExecRule
from bot.settings_agent import BudgetSettings, InstructionSettings, ReadSettings, RunbookSettings, ToolSettings
from bot.settings_base import Group
from bot.settings_channels import ChannelId, ChannelSettings
from bot.settings_mcp import McpSettings, fill_mcp
from bot.settings_model import ModelSettings, fill_models


class SlackHttpSettings(Group):
    """Where Slack's requests arrive in HTTP mode, behind an ingress with TLS."""

    address: str = "127.0.0.1"
    """Address to listen on; `0.0.0.0` in a pod."""
    port: int = Field(default=3000, ge=0, le=65535)
    """Port to listen on; 0 takes a free one."""


class SlackSettings(Group):
    """The Slack app."""

    mode: Literal["socket", "http"] = "socket"
    """`socket`: the bot connects to Slack, nothing has to be reachable from outside. `http`: Slack posts to `/slack/events` at `http`."""

    bot_token: SecretStr = SecretStr("")
    """Bot token (`xoxb-…`). Environment: SLACK_BOT_TOKEN."""
    app_token: SecretStr = SecretStr("")
    """App-level token with `connections:write` (`xapp-…`), for Socket Mode. Environment: SLACK_APP_TOKEN."""
    signing_secret: SecretStr = SecretStr("")
    """Signing secret of the app, for HTTP mode. Environment: SLACK_SIGNING_SECRET."""
    config_token: SecretStr = SecretStr("")
    """App configuration token (`xoxe.xoxp-…`, good for twelve hours), with which `doctor` reads the app's manifest. It can change the
    app: set it for that one run. Environment: SLACK_CONFIG_TOKEN."""
    http: SlackHttpSettings = SlackHttpSettings()
    api_url: str = "https://slack.com/api/"
    """Base address of the Web API; any Slack-compatible server. Environment: SLACK_API_URL."""
    command: str = "/kubectl-ai"
    """The slash command as it is named in the app's manifest."""
    channels: tuple[str, ...] = ()
    """Ids of the channels the bot may work in; empty means every channel it is a member of that is not shared with outsiders."""
    link_hosts: tuple[str, ...] = ()
    """Host names whose addresses in answers stay links, such as `grafana.example.com`. All others are shown as text."""
    connections: int = Field(default=2, ge=1, le=10)
    """Socket Mode connections of this process. Two lose nothing when Slack renews one; ten is Slack's limit per app."""


class PersonSettings(Group):
    """A Slack user mapped to a Kubernetes user."""

    user: str
    """Name for `Impersonate-User`."""
    groups: tuple[str, ...] = ()
    """Names for `Impersonate-Group`; `system:masters` is refused."""


class ClusterSettings(Group):
    """A cluster that threads may talk to."""

    name: str = "cluster"
    """The name people see on cards."""
    kubeconfig: str = ""
    """Path of a kubeconfig; empty means KUBECONFIG, then in-cluster credentials."""
    context: str = ""
    """Context in that kubeconfig; empty means its current one."""
    namespace: str = "default"
    """Namespace that commands use when they name none."""
    reader: str = "system:serviceaccount:kubectl-ai:kubectl-ai-reader"
    """User that reads go as while people are not mapped."""
    writer: str = "system:serviceaccount:kubectl-ai:kubectl-ai-writer"
    """User that dry runs and approved changes go as while people are not mapped."""
    people: Mapping[str, PersonSettings] = Field(default_factory=dict)
    """Slack user id → Kubernetes user. Where set, everything a person asks goes as that user, and people who are not listed are refused."""


class SandboxSettings(Group):
    """Where commands run."""

    kubeconfig: str = ""
    """Kubeconfig of the cluster that runs the sandboxes (the bot's own); empty means KUBECONFIG, then in-cluster credentials."""
    context: str = ""
    """Context in that kubeconfig; empty means its current one."""
    namespace: str = "kubectl-ai-sandboxes"
    """Namespace of claims, templates and pods; nothing else should live in it."""
    warm_pool: str = "kubectl-ai"
    """SandboxWarmPool that claims take from."""
    runtime_class: str = "gvisor"
    """RuntimeClass the template must use. Environment: KUBECTL_AI_RUNTIME_CLASS."""
    image: str = ""
    """If set, the image the template must use; another one is refused. Environment: KUBECTL_AI_SANDBOX_IMAGE."""
    lease_seconds: float = Field(default=1800.0, ge=60)
    """How long a thread's sandbox lives without activity."""
    ready_seconds: float = Field(default=60.0, gt=0)
    """Longest wait for a claim to be ready."""
    command_seconds: float = Field(default=120.0, gt=0)
    """Longest run of one command; its process group is killed then."""
    max_output_bytes: int = Field(default=6_000_000, ge=1000)
    """Output kept of each of stdout and stderr (head and tail)."""


class GatewaySettings(Group):
    """The recording proxy that sandboxes talk to."""

    host: str = "127.0.0.1"
    """Address to listen on: one that sandboxes reach. Environment: GATEWAY_HOST."""
    port: int = Field(default=18443, ge=0, le=65535)
    """Port to listen on; 0 picks a free one."""
    advertise: str = ""
    """Address written into the sandboxes' kubeconfig; empty means `host`. Environment: GATEWAY_ADVERTISE."""
    max_requests: int = Field(default=5000, ge=1)
    """Requests per rehearsal."""
    max_writes: int = Field(default=200, ge=1)
    """Recorded writes per rehearsal."""
    max_seconds: float = Field(default=3600.0, gt=0)
    """Longest life of a rehearsal."""
    max_body_bytes: int = Field(default=3_145_728, ge=1024)
    """Largest request body: the API server's own limit."""
    exec_allow: tuple[ExecRule, ...] = ()
    """Execs that run without approval. Empty: every exec is recorded and asks."""


class ChangeSettings(Group):
    """Who may approve, and for how long."""

    approvers: tuple[str, ...] = ()
    """Slack user ids (`U…`, `W…`) and user group ids (`S…`). Empty means that nobody can approve anything."""
    self_approval: bool = False
    """Whether the asker may approve their own change."""
    lapse_seconds: float = Field(default=900.0, ge=10)
    """How long a change waits for a decision."""
    remind_seconds: float = Field(default=180.0, ge=0)
    """How long before a change lapses its approvers are reminded, at most half of its time. 0 turns reminders off."""
    rollout_seconds: float = Field(default=600.0, ge=0)
    """How long a rollout is watched after a replay."""
    exec_seconds: float = Field(default=120.0, gt=0)
    """Longest run of an approved exec; it is cut off then."""
    undo_seconds: float = Field(default=86_400.0, ge=0)
    """How long after its approval a change can be undone; its requests are kept that long. 0 turns Undo off."""


class StoreSettings(Group):
    """The database."""

    url: str = "sqlite+aiosqlite:///kubectl-ai-slack.db"
    """SQLAlchemy address. Environment: DATABASE_URL."""
    key: SecretStr = SecretStr("")
    """Fernet key (or several, comma-separated, newest first) for request bodies at rest. Environment: STORE_KEY.
    Empty with SQLite: a key file with mode 600 is made beside the database."""


class LogSettings(Group):
    """The program's log."""

    level: str = Field(default="info", pattern="^(debug|info|warning|error)$")
    """debug, info, warning or error. Environment: LOG_LEVEL."""
    format: str = Field(default="auto", pattern="^(auto|json|console)$")
    """json, console, or auto: console on a terminal. Environment: LOG_FORMAT."""


class HealthSettings(Group):
    """The health and metrics listener."""

    host: str = "127.0.0.1"
    """Address for /healthz, /readyz and /metrics. Environment: HEALTH_HOST."""
    port: int = Field(default=0, ge=0, le=65535)
    """Port; 0 turns the listener off."""


class Settings(Group):
    """Everything."""

    slack: SlackSettings = SlackSettings()
    model: ModelSettings = ModelSettings()
    budgets: BudgetSettings = BudgetSettings()
    reads: ReadSettings = ReadSettings()
    instructions: InstructionSettings = InstructionSettings()
    runbooks: RunbookSettings = RunbookSettings()
    tools: ToolSettings = ToolSettings()
    mcp: McpSettings = McpSettings()
    clusters: tuple[ClusterSettings, ...] = (ClusterSettings(),)
    channels: Mapping[ChannelId, ChannelSettings] = Field(default_factory=dict)
    """By channel id (`C…`): what holds there in place of the defaults. Which channels there may be says `slack.channels`."""
    sandbox: SandboxSettings = SandboxSettings()
    gateway: GatewaySettings = GatewaySettings()
    changes: ChangeSettings = ChangeSettings()
    store: StoreSettings = StoreSettings()
    log: LogSettings = LogSettings()
    health: HealthSettings = HealthSettings()

    @model_validator(mode="after")
    def _check_channels(self) -> Settings:
        names = [cluster.name for cluster in self.clusters]
        unknown = [f"{place} ({channel.cluster})" for place, channel in self.channels.items() if channel.cluster not in {"", *names}]
        if unknown:
            raise ValueError(f"channels name clusters that are not in `clusters`: {', '.join(unknown)}; there is {', '.join(names)}")
        closed = [place for place in self.channels if self.slack.channels and place not in self.slack.channels]
        if closed:
            raise ValueError(f"channels names {', '.join(closed)}, which `slack.channels` leaves out; add it there or remove it here")
        return self

    @model_validator(mode="after")
    def _check_prices(self) -> Settings:
        """A budget that cannot be counted is no budget."""
        limited, priced = self.budgets.limited_in_money, self.budgets.prices
        missing = [name for name in self.model.names if name not in priced] if self.model.is_set_up else []
        if limited and missing:
            raise ValueError(
                f"budgets limits the money of {', '.join(limited)}, and there is no price for {', '.join(missing)}: "
                "add it to `budgets.prices`, by the model's name, or limit tokens instead"
            )
        return self


ENVIRONMENT: Mapping[str, tuple[str, str]] = {
    "SLACK_BOT_TOKEN": ("slack", "bot_token"),
    "SLACK_APP_TOKEN": ("slack", "app_token"),
    "SLACK_SIGNING_SECRET": ("slack", "signing_secret"),
    "SLACK_CONFIG_TOKEN": ("slack", "config_token"),
    "SLACK_API_URL": ("slack", "api_url"),
    "MODEL_PROVIDER": ("model", "provider"),
    "KUBECTL_AI_RUNTIME_CLASS": ("sandbox", "runtime_class"),
    "KUBECTL_AI_SANDBOX_IMAGE": ("sandbox", "image"),
    "GATEWAY_HOST": ("gateway", "host"),
    "GATEWAY_ADVERTISE": ("gateway", "advertise"),
    "HEALTH_HOST": ("health", "host"),
    "DATABASE_URL": ("store", "url"),
    "STORE_KEY": ("store", "key"),
    "LOG_LEVEL": ("log", "level"),
    "LOG_FORMAT": ("log", "format"),
}
"""Environment names → setting. `KUBECONFIG` fills every empty `kubeconfig`."""


def default_path() -> Path | None:
    """The settings file that the environment names (KUBECTL_AI_SLACK_CONFIG)."""
    name = os.environ.get("KUBECTL_AI_SLACK_CONFIG", "")
    return Path(name) if name else None


def load(path: Path | None, environment: Mapping[str, str] | None = None, model: Mapping[str, object] | None = None) -> Settings:
    """Reads the file (if given) and the environment; `model` is what a command line says of the model, over both. Raises ConfigError that
    lists every problem at once."""
    environment = os.environ if environment is None else environment
    data = _read(path) if path else {}
    for name, (group, field) in ENVIRONMENT.items():
        if environment.get(name):
            if not isinstance(data.setdefault(group, {}), dict):
                break  # the model reports the malformed group
            data[group][field] = environment[name]
    fill_models(data, environment)
    if model and isinstance(data["model"], dict):
        data["model"] |= model
    fill_mcp(data, environment)
    try:
        settings = Settings.model_validate(data)
    except ValidationError as exc:
        raise ConfigError(_describe(exc, path, has_options=bool(model))) from exc
    return _fill_kubeconfig(settings, environment.get("KUBECONFIG", ""))


def _read(path: Path) -> dict[str, Any]:
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as exc:
        raise ConfigError(f"Cannot read the settings file {path}: {exc.strerror}.") from exc
    except yaml.YAMLError as exc:
        raise ConfigError(f"The settings file {path} is not valid YAML: {exc}.") from exc
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise ConfigError(f"The settings file {path} must hold a mapping such as `slack: {{…}}`.")
    return data


def _describe(error: ValidationError, path: Path | None, *, has_options: bool) -> str:
    problems = []
    for item in error.errors(include_input=False, include_url=False):
        where = ".".join(str(part) for part in item["loc"])
        text = "there is no such setting" if item["type"] == "extra_forbidden" else item["msg"].removeprefix("Value error, ")
        problems.append(f"  {where}: {text}" if where else f"  {text}")
    source = f"the settings file {path}" if path else "the environment"
    source += " or the command line" if has_options else ""
    return f"Correct these settings in {source}:\n" + "\n".join(problems)


def _fill_kubeconfig(settings: Settings, kubeconfig: str) -> Settings:
    if not kubeconfig:
        return settings
    clusters = tuple(c if c.kubeconfig else c.model_copy(update={"kubeconfig": kubeconfig}) for c in settings.clusters)
    sandbox = settings.sandbox
    if not sandbox.kubeconfig:
        sandbox = sandbox.model_copy(update={"kubeconfig": kubeconfig})
    return settings.model_copy(update={"clusters": clusters, "sandbox": sandbox})
