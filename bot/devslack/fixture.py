"""The workspace people find by default, and reading another one from YAML."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml

from bot.devslack.values import App, Channel, Person, Shortcut, UserGroup, Workspace
from bot.errors import ConfigError

SCOPES = (
    "app_mentions:read",
    "assistant:write",
    "channels:history",
    "channels:read",
    "chat:write",
    "commands",
    "files:read",
    "files:write",
    "groups:history",
    "groups:read",
    "im:history",
    "im:read",
    "im:write",
    "reactions:write",
    "team:read",
    "usergroups:read",
    "users:read",
)
EVENTS = ("agent_session_stopped", "app_mention", "message.channels", "message.groups", "message.im", "app_home_opened")

T = TypeVar("T")

ANA, BEN, GIL, MIA = "U01ANA", "U01BEN", "U01GIL", "U01MIA"


def build_default_workspace() -> Workspace:
    """Two people on call, a member, a guest; #oncall and #random; the user group @oncall."""
    app = App(
        id="A01KUBECTL",
        bot_id="B01KUBECTL",
        bot_user_id="U01KUBECTL",
        name="kubectl-ai",
        description="Rehearses every command in a sandbox before it is real",
        slash_commands=("/kubectl-ai",),
        shortcuts=(Shortcut("investigate", "Investigate with kubectl-ai"),),
        scopes=SCOPES,
        events=EVENTS,
    )
    people = (
        Person(id=ANA, handle="ana", real_name="Ana Ops", title="On call"),
        Person(id=BEN, handle="ben", real_name="Ben Oncall", title="On call"),
        Person(id=MIA, handle="mia", real_name="Mia Member", title="Shop team"),
        Person(id=GIL, handle="gil", real_name="Gil Guest", title="Guest", is_restricted=True),
    )
    everybody = tuple(person.id for person in people)
    channels = (
        Channel(id="C01ONCALL", name="oncall", topic="What is broken, and who looks at it", members=everybody),
        Channel(id="C01RANDOM", name="random", topic="Everything else", members=everybody),
    )
    groups = (UserGroup(id="S01ONCALL", handle="oncall", name="On call", users=(ANA, BEN)),)
    return Workspace(
        team_id="T01LOCAL",
        name="Local Slack",
        domain="local",
        app=app,
        people=people,
        channels=channels,
        user_groups=groups,
    )


def read_workspace(path: Path) -> Workspace:
    """Read a workspace from a YAML file shaped like the `Workspace` value. Raises ConfigError."""
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as exc:
        raise ConfigError(f"The workspace file {path} cannot be read ({exc}); give a readable YAML file.") from exc
    return build_workspace(document)


def build_workspace(document: Any) -> Workspace:
    """Build a workspace from plain mappings and lists. What is left out comes from the default one."""
    if not isinstance(document, Mapping):
        raise ConfigError("The workspace file must hold a mapping with people, channels, user_groups and app.")
    base = build_default_workspace()
    try:
        app = dict(document.get("app") or {})
        if "shortcuts" in app:
            app["shortcuts"] = tuple(Shortcut(**item) for item in app["shortcuts"])
        defaults = {name: getattr(base.app, name) for name in App.__slots__}
        return Workspace(
            team_id=document.get("team_id", base.team_id),
            name=document.get("name", base.name),
            domain=document.get("domain", base.domain),
            app=App(**(defaults | {name: _freeze(value) for name, value in app.items()})),
            people=_build_each(Person, document, "people", base.people),
            channels=_build_each(Channel, document, "channels", base.channels),
            user_groups=_build_each(UserGroup, document, "user_groups", base.user_groups),
        )
    except TypeError as exc:
        raise ConfigError(f"The workspace file has a field that does not fit: {exc}.") from exc


def _build_each(kind: type[T], document: Mapping[str, Any], name: str, default: tuple[T, ...]) -> tuple[T, ...]:
    if name not in document:
        return default
    return tuple(kind(**{key: _freeze(value) for key, value in item.items()}) for item in document[name])


def _freeze(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
