"""All that threads need, in one place."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from bot.agent.custom_tools import CustomTool
from bot.agent.ports import Model, ServedTool, Tool
from bot.agent.runbooks import Runbook
from bot.agent.tools import tools
from bot.changes.sending import Call, call_nothing
from bot.errors import ConfigError
from bot.settings import Settings
from bot.threads.ports import Clock, Cluster, Sandboxes, Surface
from bot.threads.signals import Signals
from bot.threads.stores import Stores, Thread

BOT = "kubectl-ai"
"""The actor of audit lines about what the bot does by itself."""


@dataclass(frozen=True, slots=True)
class World:
    """The ports and the settings."""

    settings: Settings
    stores: Stores
    surface: Surface
    sandboxes: Sandboxes
    clusters: Mapping[str, Cluster]
    """By name; the first is the one that new threads get."""
    models: tuple[Model, ...] = ()
    """The model that is asked, and after it the one that is asked instead when it gives no reply."""
    more_models: tuple[Model, ...] = ()
    """Those that a thread may have instead, besides."""
    clock: Clock = time.time
    signals: Signals = field(default_factory=Signals)
    pace: float = 1.0
    """Factor on the pauses between attempts."""
    kubernetes_versions: Mapping[str, str] = field(default_factory=dict)
    """By the cluster's name; what the model is told."""
    is_sandboxed: bool = True
    """Whether commands run in a sandbox, and not on the machine of the person who asks; models are told."""
    kubectl_version: Callable[[], str] = lambda: ""
    """The version of kubectl in the sandboxes; '' while it is not known."""
    runbooks: tuple[Runbook, ...] = ()
    custom_tools: tuple[CustomTool, ...] = ()
    served_tools: tuple[ServedTool, ...] = ()
    """Of MCP servers."""
    call_tool: Call = call_nothing
    """Calls one of them."""

    def cluster_of(self, thread: Thread) -> Cluster:
        """Raises ConfigError if the thread's cluster is no longer in the settings."""
        cluster = self.clusters.get(thread.cluster)
        if cluster is None:
            raise ConfigError(f"This thread talks to the cluster {thread.cluster}, which is not in the settings; start a new thread.")
        return cluster

    def models_of(self, thread: Thread) -> tuple[Model, ...]:
        """As `models`, with the one that was chosen for the thread first, if it is still there."""
        chosen = next((model for model in self.all_models if model.name == thread.model), None)
        if chosen is None or chosen in self.models[:1]:
            return self.models
        return (chosen, *(model for model in self.models[1:] if model is not chosen))

    @property
    def tools(self) -> tuple[Tool, ...]:
        """What models may call."""
        more = [*(custom.tool for custom in self.custom_tools), *(served.tool for served in self.served_tools)]
        return tools(has_runbooks=bool(self.runbooks), more=more, is_sandboxed=self.is_sandboxed)

    def find_served(self, name: str) -> ServedTool | None:
        """The tool of an MCP server that models call by this name."""
        return next((served for served in self.served_tools if served.tool.name == name), None)

    @property
    def all_models(self) -> tuple[Model, ...]:
        """Every model that a thread may have."""
        return (*self.models, *self.more_models)

    def namespace_of(self, cluster: str) -> str:
        """The namespace that commands use in this cluster when they name none."""
        return next((c.namespace for c in self.settings.clusters if c.name == cluster), "default")
