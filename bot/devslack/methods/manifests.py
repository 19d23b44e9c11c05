"""apps.manifest.*, for an app configuration token."""

from __future__ import annotations

from bot.devslack.arguments import require
from bot.devslack.methods.call import Call
from bot.devslack.refusal import ApiRefusalError
from bot.devslack.values import Json


async def export(call: Call) -> Json:
    """apps.manifest.export: the app as it is set up here."""
    app = call.slack.app
    if require(call.arguments, "app_id", "invalid_app_id") != app.id:
        raise ApiRefusalError("invalid_app_id")
    commands = [{"command": command, "should_escape": True} for command in app.slash_commands]
    shortcuts = [{"name": item.name, "type": "message", "callback_id": item.callback_id} for item in app.shortcuts]
    manifest: Json = {
        "_metadata": {"major_version": 2, "minor_version": 1},
        "display_information": {"name": app.name, "description": app.description},
        "features": {"shortcuts": shortcuts, "slash_commands": commands},
        "oauth_config": {"scopes": {"bot": list(app.scopes)}},
        "settings": {
            "event_subscriptions": {"bot_events": list(app.events)},
            "interactivity": {"is_enabled": app.is_interactive},
            "socket_mode_enabled": app.uses_socket_mode,
        },
    }
    return {"ok": True, "manifest": manifest}
