"""Whether the Slack app is set up as `manifests/slack-app.yaml` says: its events, shortcuts, commands, and how Slack reaches the bot.

Slack tells this only to an app configuration token, which a person makes for it, which is good for twelve hours, and which can change
the app: it is asked for by nothing but `doctor`. https://docs.slack.dev/reference/methods/apps.manifest.export
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bot.settings import SlackSettings
from bot.slack.door.signin import SignedIn
from bot.slack.door.web import Answer, Limited, Lost, Refused, Reply
from bot.slack.parse import INVESTIGATE

PREFIX = "xoxe.xoxp-"
HOW_TO_MAKE = "make one at https://api.slack.com/apps under “Your App Configuration Tokens”; it is good for twelve hours"
UNCOMPARED = (
    "Not compared: the Slack app's events, shortcuts, commands and connection. Slack tells them only to an app configuration token: "
    f"{HOW_TO_MAKE}. Set it as SLACK_CONFIG_TOKEN for this one run, or compare the app with manifests/slack-app.yaml by hand."
)
EVENTS = {
    "agent_session_stopped": "Slack's own Stop button in direct messages does nothing",
    "app_home_opened": "the Home stays empty, and direct messages show no suggested questions",
    "app_mention": "mentions are not heard",
    "message.channels": "answers in its threads in public channels are not heard without a mention",
    "message.groups": "answers in its threads in private channels are not heard without a mention",
    "message.im": "direct messages are not heard",
}
"""What the bot listens to, and what happens without it."""
_FIX = "on the app's page “App Manifest”, as in manifests/slack-app.yaml"


async def check_manifest(slack: SignedIn, settings: SlackSettings) -> list[str]:
    """One sentence per difference, or the one that says why there was nothing to compare."""
    token = settings.config_token.get_secret_value().strip()
    if slack.config_web is None or not token.startswith(PREFIX):
        return [f"SLACK_CONFIG_TOKEN is no app configuration token, which begins with {PREFIX}; {HOW_TO_MAKE}."]
    about = await slack.web.send("bots.info", {"bot": slack.bot.bot_id})
    bot = about.data.get("bot") if isinstance(about, Answer) else None
    app_id = bot.get("app_id") if isinstance(bot, Mapping) else None
    if not app_id:
        why = "no answer" if isinstance(about, Answer) else _name(about)
        return [f"Slack did not say which app the bot belongs to ({why}), so its manifest was not compared; run doctor again."]
    reply = await slack.config_web.send("apps.manifest.export", {"app_id": app_id})
    manifest = reply.data.get("manifest") if isinstance(reply, Answer) else None
    return find_differences(manifest, settings) if isinstance(manifest, Mapping) else [_say_unread(reply)]


def find_differences(manifest: Mapping[str, Any], settings: SlackSettings) -> list[str]:
    """One sentence for each difference between an app's manifest and what the bot needs: what it leads to, and the fix."""
    features, rest = _part(manifest, "features"), _part(manifest, "settings")
    return [
        *_compare_events(_part(rest, "event_subscriptions").get("bot_events")),
        *_compare_shortcuts(_list(features.get("shortcuts"))),
        *_compare_commands(_list(features.get("slash_commands")), settings),
        *_compare_connection(rest, settings),
    ]


def _compare_events(found: object) -> list[str]:
    events = {str(event) for event in found} if isinstance(found, list) else set()
    missing = [
        f"The Slack app lacks the event {event}: {without}; add it {_FIX}." for event, without in EVENTS.items() if event not in events
    ]
    more = sorted(events - set(EVENTS))
    return [*missing, *(f"The Slack app has the event {event}, which the bot does not use; remove it {_FIX}." for event in more)]


def _compare_shortcuts(shortcuts: Sequence[Mapping[str, Any]]) -> list[str]:
    own = [shortcut for shortcut in shortcuts if shortcut.get("callback_id") == INVESTIGATE]
    told = []
    if not own:
        told.append(f"The Slack app lacks the shortcut {INVESTIGATE}: messages cannot be handed to the bot; add it {_FIX}.")
    elif own[0].get("type") != "message":
        told.append(f"The Slack app's shortcut {INVESTIGATE} is not one on messages, so it names none; make its type `message` {_FIX}.")
    others = [str(shortcut.get("callback_id") or shortcut.get("name")) for shortcut in shortcuts if shortcut not in own]
    return [*told, *(f"The Slack app has the shortcut {other}, which the bot does not answer; remove it {_FIX}." for other in others)]


def _compare_commands(commands: Sequence[Mapping[str, Any]], settings: SlackSettings) -> list[str]:
    own = [command for command in commands if command.get("command") == settings.command]
    told = []
    if not own:
        told.append(f"The Slack app lacks the command {settings.command} (the setting `slack.command`); add it {_FIX}.")
    elif own[0].get("should_escape") is not True:
        told.append(
            f"The Slack app's command {settings.command} gives people and channels as names that anybody can take; "
            f"set its `should_escape: true` {_FIX}."
        )
    others = [str(command.get("command")) for command in commands if command not in own]
    return [*told, *(f"The Slack app has the command {other}, which the bot does not answer; remove it {_FIX}." for other in others)]


def _compare_connection(rest: Mapping[str, Any], settings: SlackSettings) -> list[str]:
    told = []
    if _part(rest, "interactivity").get("is_enabled") is not True:
        told.append(f"The Slack app has interactivity off: buttons and windows do nothing; set `interactivity.is_enabled: true` {_FIX}.")
    is_socket = rest.get("socket_mode_enabled") is True
    if settings.mode == "socket" and not is_socket:
        told.append(f"The Slack app has Socket Mode off, and the bot uses it: nothing arrives; set `socket_mode_enabled: true` {_FIX}.")
    if settings.mode == "http" and is_socket:
        told.append(
            "The Slack app has Socket Mode on, and the setting `slack.mode` is http: nothing arrives; set `socket_mode_enabled: false` "
            "and the addresses, as the head of manifests/slack-app.yaml says."
        )
    return told


def _say_unread(reply: Reply) -> str:
    if isinstance(reply, Refused):
        return f"Slack does not export the app's manifest for SLACK_CONFIG_TOKEN ({reply.error}); {HOW_TO_MAKE}, in the app's workspace."
    return f"Slack did not export the app's manifest ({_name(reply)}), so it was not compared; run doctor again."


def _name(reply: Reply) -> str:
    match reply:
        case Refused(error):
            return error
        case Limited(seconds):
            return f"it asks to wait {seconds:g} s"
        case Lost(why):
            return why
        case Answer():
            return "it gave no manifest"


def _part(value: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = value.get(name)
    return part if isinstance(part, Mapping) else {}


def _list(value: object) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []
