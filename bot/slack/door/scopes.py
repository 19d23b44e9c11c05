"""What the Slack app must be allowed to do, and what it asks for; `manifests/slack-app.yaml` says the same, with a reason each."""

from __future__ import annotations

REQUIRED = (
    "app_mentions:read",
    "channels:history",
    "channels:read",
    "chat:write",
    "commands",
    "groups:history",
    "groups:read",
    "im:history",
    "im:read",
    "usergroups:read",
    "users:read",
)
"""Bot scopes that the bot cannot work without."""

WANTED = {
    "assistant:write": "direct messages show no suggested questions",
    "files:write": "long outputs come without a file; their button still shows all of them",
}
"""Bot scopes that something is missing without."""


def find_missing(granted: str | None) -> list[str]:
    """Required scopes that the token lacks. `granted` is Slack's header; a server that sends none is taken at its word."""
    return [] if granted is None else sorted(set(REQUIRED) - _split(granted))


def find_scope_problems(granted: str | None) -> list[str]:
    """One sentence per fault: what is missing, what does not work without it, and the fix."""
    if granted is None:
        return []
    problems = []
    if missing := find_missing(granted):
        problems.append(f"The Slack app lacks the bot scopes {', '.join(missing)}; {_FIX}")
    for scope, without in WANTED.items():
        if scope not in _split(granted):
            problems.append(f"The Slack app lacks the bot scope {scope}: {without}; {_FIX}")
    return problems


_FIX = "put manifests/slack-app.yaml into the app's page “App Manifest”, then install the app again."


def _split(granted: str) -> set[str]:
    return {scope.strip() for scope in granted.split(",")}
