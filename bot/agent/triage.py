"""The first look at a cluster: a fixed read-only script that lists what is unhealthy, why, and since when."""

from __future__ import annotations

import shlex
from importlib import resources

_SCRIPT = resources.files("bot.agent").joinpath("triage.sh").read_text(encoding="utf-8")


def script(namespace: str) -> str:
    """The bash script for one namespace, or for all of them if `namespace` is empty. It only reads."""
    return f"namespace={shlex.quote(namespace)}\n{_SCRIPT}"
