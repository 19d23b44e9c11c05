"""What the model is told besides the prompt, and how much it may spend."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from bot.settings_base import Group


class LimitSettings(Group):
    """How much may be used up; 0 is no limit."""

    steps: int = Field(default=0, ge=0)
    """Replies of a model."""
    tokens: int = Field(default=0, ge=0)
    """Tokens that went to a model and came from it."""
    money: float = Field(default=0.0, ge=0)
    """US dollars, by the prices below."""
    seconds: float = Field(default=0.0, ge=0)
    """Time in which a model or a command was at work. Waiting for people does not count."""


class PriceSettings(Group):
    """US dollars per million tokens."""

    input: float = Field(ge=0)
    """Of what is sent."""
    output: float = Field(ge=0)
    """Of what comes back, thinking included."""


class BudgetSettings(Group):
    """How much the model may use. What is over is told in the thread; a person may let a turn or a thread go on, nobody a day."""

    turn: LimitSettings = LimitSettings(seconds=1800)
    """One question. Its replies are also limited by `model.max_steps`."""
    thread: LimitSettings = LimitSettings()
    """One thread, counted anew when somebody writes `continue`."""
    person: LimitSettings = LimitSettings()
    """One person's questions on one day (UTC)."""
    channel: LimitSettings = LimitSettings()
    """One channel on one day."""
    day: LimitSettings = LimitSettings()
    """Everybody on one day."""
    prices: Mapping[str, PriceSettings] = Field(default_factory=dict)
    """Prices by the model's name. Where money is limited, every model of the settings needs one."""

    @property
    def limited_in_money(self) -> tuple[str, ...]:
        """The budgets that limit it."""
        budgets = {"turn": self.turn, "thread": self.thread, "person": self.person, "channel": self.channel, "day": self.day}
        return tuple(name for name, limits in budgets.items() if limits.money)


class ReadSettings(Group):
    """What commands of the model read."""

    log_lines: int = Field(default=5000, ge=0)
    """Last lines of a log that are read if the command names no limit (`--tail`, `--since`, `--since-time`, `--limit-bytes`); the answer
    says so. What goes on for ever (`logs -f`, `get -w`) ends after ten seconds. Commands of people read all. 0 is no limit."""


class InstructionSettings(Group):
    """Instructions of the installer for the model, Markdown."""

    everywhere: str = ""
    """For every thread."""
    channels: Mapping[str, str] = Field(default_factory=dict)
    """By channel id."""
    clusters: Mapping[str, str] = Field(default_factory=dict)
    """By the cluster's name."""


class RunbookSettings(Group):
    """Runbooks that the model may look up."""

    path: str = ""
    """Folder of Markdown files, read once at start; a mounted ConfigMap will do. Empty: none."""
    config_maps: str = ""
    """`namespace/name` of a ConfigMap, or `namespace/label=value` for all with that label, in the first cluster: the keys that end in
    `.md`, read once at start as the cluster's reader. Whoever may write them instructs the model. Empty: none."""


class ToolSettings(Group):
    """Tools of the installer."""

    path: str = ""
    """YAML file, or folder of YAML files, with tools as kubectl-ai defines them: a list of `name`, `description`, `command` and
    `command_desc`. They run in the sandbox, whose image must have the program. Empty: none."""
