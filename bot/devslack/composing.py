"""Making message objects: the app's own, people's, and Slack's private notes to a person."""

from __future__ import annotations

import uuid

from bot.devslack.blockkit.messages import name_blocks
from bot.devslack.describe import describe_bot_profile
from bot.devslack.local_slack import LocalSlack
from bot.devslack.typed_text import build_rich_text
from bot.devslack.values import SLACKBOT, Channel, Json


def compose_app_message(slack: LocalSlack, arguments: Json, thread_ts: str = "") -> Json:
    """A message of the app from the (checked) arguments of a method or response URL."""
    app = slack.app
    message: Json = {
        "type": "message",
        "user": app.bot_user_id,
        "bot_id": app.bot_id,
        "app_id": app.id,
        "team": slack.workspace.team_id,
        "bot_profile": describe_bot_profile(slack),
        "ts": slack.messages.next_ts(),
    }
    if thread_ts:
        message["thread_ts"] = thread_ts
    return message | compose_content(arguments)


def compose_content(arguments: Json) -> Json:
    """Text, blocks, attachments and metadata, as they are stored."""
    blocks = arguments.get("blocks")
    markdown = arguments.get("markdown_text")
    if markdown:
        blocks = [{"type": "markdown", "text": markdown}]
    content: Json = {"text": arguments.get("text") or markdown or ""}
    if blocks:
        content["blocks"] = name_blocks(blocks)
    if arguments.get("attachments"):
        content["attachments"] = arguments["attachments"]
    if arguments.get("metadata"):
        content["metadata"] = arguments["metadata"]
    return content


def compose_person_message(slack: LocalSlack, person: str, text: str, thread_ts: str = "") -> Json:
    """A message of a person, from text in Slack's encoding."""
    message: Json = {
        "type": "message",
        "user": person,
        "team": slack.people[person].team_id or slack.workspace.team_id,
        "client_msg_id": str(uuid.uuid4()),
        "text": text,
        "blocks": name_blocks([build_rich_text(text)]),
        "ts": slack.messages.next_ts(),
    }
    if thread_ts:
        message["thread_ts"] = thread_ts
    return message


def tell_privately(slack: LocalSlack, person: str, channel: Channel, text: str, thread_ts: str = "") -> None:
    """Slack itself tells one person something."""
    note: Json = {
        "type": "message",
        "user": SLACKBOT,
        "text": text,
        "ts": slack.messages.next_ts(),
        "is_ephemeral": True,
    }
    if thread_ts:
        note["thread_ts"] = thread_ts
    slack.ephemerals.show(person, channel.id, note)
