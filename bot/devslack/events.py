"""What the app is told: the event payloads of the Events API."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from bot.devslack.values import Channel, Json, Person

if TYPE_CHECKING:
    from bot.devslack.local_slack import LocalSlack

VERIFICATION_TOKEN = "local-verification"  # noqa: S105 - Slack's deprecated, meaningless `token` field
SUBSCRIPTIONS = {"channel": "message.channels", "group": "message.groups", "im": "message.im"}


def build_message_events(slack: LocalSlack, channel: Channel, message: Json) -> list[Json]:
    """The payloads one new message causes: `message`, and `app_mention` if it mentions the app in a channel."""
    if not slack.has_bot(channel):
        return []
    event = build_message_event(slack, channel, message)
    payloads = []
    if SUBSCRIPTIONS[channel.kind] in slack.app.events:
        payloads.append(build_event_payload(slack, channel, event))
    mentions = f"<@{slack.app.bot_user_id}" in str(message.get("text", ""))
    is_own = message.get("user") == slack.app.bot_user_id
    if mentions and not is_own and not channel.is_im and "app_mention" in slack.app.events:
        mention = {name: value for name, value in event.items() if name != "channel_type"} | {"type": "app_mention"}
        payloads.append(build_event_payload(slack, channel, mention))
    return payloads


def build_message_event(slack: LocalSlack, channel: Channel, message: Json) -> Json:
    """The `message` event of a message."""
    read = slack.messages.read(channel.id, message)
    hidden = {"metadata", "reactions"}
    event = {name: value for name, value in read.items() if name not in hidden}
    return event | {"channel": channel.id, "event_ts": message["ts"], "channel_type": channel.kind}


def build_home_opened(slack: LocalSlack, person: Person, tab: str) -> Json | None:
    """`app_home_opened` for a person who looks at the app's tab `home` or `messages`; None if the app does not listen."""
    if "app_home_opened" not in slack.app.events:
        return None
    channel = slack.open_dm(person)
    event: Json = {
        "type": "app_home_opened",
        "user": person.id,
        "channel": channel.id,
        "tab": tab,
        "event_ts": slack.messages.next_ts(),
    }
    if tab == "home" and (view := slack.views.home(person.id)):
        event["view"] = view
    return build_event_payload(slack, channel, event)


def build_event_payload(slack: LocalSlack, channel: Channel, event: Json) -> Json:
    """The `event_callback` around an event."""
    team = slack.workspace.team_id
    return {
        "token": VERIFICATION_TOKEN,
        "team_id": team,
        "context_team_id": team,
        "context_enterprise_id": None,
        "api_app_id": slack.app.id,
        "event": event,
        "type": "event_callback",
        "event_id": f"Ev{secrets.token_hex(6).upper()}",
        "event_time": int(slack.config.clock()),
        "authorizations": [
            {
                "enterprise_id": None,
                "team_id": team,
                "user_id": slack.app.bot_user_id,
                "is_bot": True,
                "is_enterprise_install": False,
            }
        ],
        "is_ext_shared_channel": channel.is_ext_shared,
        "event_context": secrets.token_urlsafe(24),
    }
