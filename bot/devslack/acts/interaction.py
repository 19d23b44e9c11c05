"""What all interactive payloads have in common."""

from __future__ import annotations

from bot.devslack.events import VERIFICATION_TOKEN
from bot.devslack.local_slack import LocalSlack
from bot.devslack.values import Channel, Json, Person


def build_interaction(slack: LocalSlack, kind: str, person: Person) -> Json:
    """Type, team, user, app and a fresh trigger id. `team` is ours even if the person is from elsewhere."""
    workspace = slack.workspace
    return {
        "type": kind,
        "team": {"id": workspace.team_id, "domain": workspace.domain},
        "user": {
            "id": person.id,
            "username": person.handle,
            "name": person.handle,
            "team_id": person.team_id or workspace.team_id,
        },
        "api_app_id": slack.app.id,
        "token": VERIFICATION_TOKEN,
        "enterprise": None,
        "is_enterprise_install": False,
        "trigger_id": slack.triggers.issue(person.id),
    }


def build_channel_reference(channel: Channel) -> Json:
    """`{id, name}` as interactive payloads carry it."""
    return {"id": channel.id, "name": "directmessage" if channel.is_im else channel.name}
