"""Slack's payloads → what came in, with a key that is the same for every redelivery. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from bot.slack import glances
from bot.slack.rendering.cards import APPROVE, CONTINUE, DENY, DETAILS, EDIT, STOP, UNDO
from bot.slack.rendering.details import EDIT_BLOCK, EDIT_CALLBACK, EDIT_INPUT, REASON_BLOCK, REASON_CALLBACK, REASON_INPUT
from bot.threads.inbound.incoming import Click, Command, Edit, Incoming, Investigation, Message, Opened, Reason

Payload = Mapping[str, Any]

_SAID = frozenset({None, "thread_broadcast", "file_share"})
"""Message subtypes that are a person speaking; all others are Slack reporting something."""
_OF_TURNS = frozenset({STOP, CONTINUE})
_ACTIONS = frozenset({APPROVE, DENY, DETAILS, EDIT, UNDO}) | _OF_TURNS
INVESTIGATE = "investigate"
"""Callback id of the message shortcut, as the manifest has it."""
_MARKUP = re.compile(r"<([^<>|\n]+)(?:\|([^<>\n]*))?>")
_SCHEME = re.compile(r"^(?:https?://|mailto:|tel:)")


@dataclass(frozen=True, slots=True)
class Bot:
    """Who we are, from `auth.test`."""

    user_id: str
    bot_id: str
    team_id: str
    url: str = ""
    """Address of the workspace, ending in a slash: permalinks begin with it."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """Something to store. Redeliveries have the same key."""

    key: str
    incoming: Incoming
    answer: Payload | None = None
    """What the acknowledgement says, if anything: what becomes of a modal that was submitted."""


def parse(body: Payload, bot: Bot) -> Parsed | None:
    """What a payload means for us; None for what is not for us (own messages, other bots, edits, unknown kinds)."""
    try:
        match body.get("type"):
            case "event_callback":
                return _parse_event(body, bot)
            case "block_actions":
                return _parse_click(body, bot)
            case "message_action":
                return _parse_shortcut(body, bot)
            case "view_submission":
                return _parse_submission(body, bot)
            case None if "command" in body:
                return _parse_command(body, bot)
    except (LookupError, TypeError, AttributeError, ValueError):
        return None  # a shape that Slack does not document; what is not understood is not acted on
    return None


def _parse_event(body: Payload, bot: Bot) -> Parsed | None:
    event = body["event"]
    if event.get("type") == "app_home_opened":
        opened = Opened(bot.team_id, event["user"], event["channel"], "home" if event.get("tab") == "home" else "messages")
        return Parsed(f"event:{body['event_id']}", opened)
    if event.get("type") == "agent_session_stopped":
        channel, ts = event["channel"], event["thread_ts"]
        is_external = _is_event_external(body, event, bot)
        return Parsed(f"event:{body['event_id']}", Click(bot.team_id, channel, event["user"], STOP, ts, ts, "", is_external=is_external))
    if event.get("type") not in {"message", "app_mention"} or not _is_said_by_person(event, bot):
        return None
    text = event.get("text") or ""
    message = Message(
        team_id=bot.team_id,
        channel_id=event["channel"],
        user_id=event["user"],
        ts=event["ts"],
        thread_ts=event.get("thread_ts") or event["ts"],
        text=read_text(text, bot.user_id),
        is_mention=event["type"] == "app_mention" or f"<@{bot.user_id}" in text,
        is_direct=event.get("channel_type") == "im" or str(event["channel"]).startswith("D"),
        is_external=_is_event_external(body, event, bot),
        has_files=bool(event.get("files")),
    )
    return Parsed(f"event:{body['event_id']}", message)


def _is_said_by_person(event: Payload, bot: Bot) -> bool:
    return (
        event.get("subtype") in _SAID
        and not event.get("hidden")
        and not event.get("bot_id")
        and not event.get("bot_profile")
        and bool(event.get("user"))
        and event["user"] not in {bot.user_id, "USLACKBOT"}
        and bool(event.get("ts"))
    )


def _is_event_external(body: Payload, event: Payload, bot: Bot) -> bool:
    """Any sign of another workspace counts; whoever passes is asked about again with `users.info`."""
    teams = {event.get(name) for name in ("team", "user_team", "source_team")} | {body.get("context_team_id"), body.get("team_id")}
    return bool(body.get("is_ext_shared_channel")) or bool(teams - {None, "", bot.team_id})


def _parse_shortcut(body: Payload, bot: Bot) -> Parsed | None:
    message = body["message"]
    if body.get("callback_id") != INVESTIGATE:
        return None
    asked = Investigation(
        team_id=bot.team_id,
        channel_id=body["channel"]["id"],
        user_id=body["user"]["id"],
        message_ts=message["ts"],
        thread_ts=message.get("thread_ts") or message["ts"],
        text=read_text(collect_text(message), bot.user_id),
        action_ts=str(body["action_ts"]),
        is_external=_is_actor_external(body, bot),
    )
    return Parsed(f"shortcut:{asked.user_id}:{asked.message_ts}:{asked.action_ts}", asked)


def collect_text(message: Payload) -> str:
    """What a message says, also where an alert says it: in attachments and blocks. Each line once."""
    parts = [message.get("text") or ""]
    for attachment in message.get("attachments") or []:
        fields = [f"{field.get('title', '')}: {field.get('value', '')}" for field in attachment.get("fields") or []]
        said = [attachment.get(name) or "" for name in ("pretext", "title", "text")]
        parts += [*said, *fields] if any([*said, *fields]) else [attachment.get("fallback") or ""]
        parts += _collect_block_text(attachment.get("blocks") or [])
    parts += _collect_block_text(message.get("blocks") or [])
    told = parts[0]
    lines = [line for part in parts[1:] for line in part.split("\n") if line.strip() and line.strip() not in told]
    return "\n".join(part for part in (told, *dict.fromkeys(lines)) if part.strip())


def _collect_block_text(value: object) -> list[str]:
    if isinstance(value, list):
        return [text for item in value for text in _collect_block_text(item)]
    if not isinstance(value, dict):
        return []
    if str(value.get("type", "")).startswith("rich_text") or value.get("type") == "actions":
        return []  # a person's rich text says what their text says; buttons say nothing
    own = [value["text"]] if isinstance(value.get("text"), str) else []
    return own + [text for item in value.values() if isinstance(item, dict | list) for text in _collect_block_text(item)]


def _parse_command(body: Payload, bot: Bot) -> Parsed:
    command = Command(
        team_id=bot.team_id,
        channel_id=body["channel_id"],
        user_id=body["user_id"],
        text=read_text(body.get("text") or "", bot.user_id),
        is_external=body.get("team_id") not in {None, "", bot.team_id},
        is_direct=body["channel_id"].startswith("D"),
    )
    return Parsed(f"command:{body['trigger_id']}", command)


def _parse_click(body: Payload, bot: Bot) -> Parsed | None:
    action = body["actions"][0]
    if action.get("action_id") in glances.OPENING:
        return Parsed(*glances.read_opening(body, bot.team_id, is_external=_is_actor_external(body, bot)))
    if action.get("action_id") in glances.TURNING:
        return Parsed(*glances.read_turning(body, bot.team_id, is_external=_is_actor_external(body, bot)))
    if (body.get("view") or {}).get("type") == "home":
        return _parse_home_click(body, bot)
    message, container, user = body.get("message") or {}, body.get("container") or {}, body["user"]
    ts = message.get("ts") or container.get("message_ts")
    if action.get("action_id") not in _ACTIONS or not ts:
        return None
    target = _read_target(action.get("value"))
    if action["action_id"] not in _OF_TURNS and not target:
        return None
    channel = (body.get("channel") or {}).get("id") or container["channel_id"]
    click = Click(
        team_id=bot.team_id,
        channel_id=channel,
        user_id=user["id"],
        action=action["action_id"],
        thread_ts=message.get("thread_ts") or container.get("thread_ts") or ts,
        message_ts=ts,
        trigger_id=body.get("trigger_id") or "",
        change_id=target[0] if target else 0,
        digest=target[1] if target else "",
        is_external=_is_actor_external(body, bot),
    )
    return Parsed(f"click:{user['id']}:{ts}:{click.action}:{action['action_ts']}", click)


def _parse_home_click(body: Payload, bot: Bot) -> Parsed | None:
    action, user = body["actions"][0], body["user"]["id"]
    target = _read_target(action.get("value"))
    if action.get("action_id") not in _ACTIONS - _OF_TURNS or not target:
        return None
    trigger, is_external = body.get("trigger_id") or "", _is_actor_external(body, bot)
    click = Click(bot.team_id, "", user, action["action_id"], "", "", trigger, *target, is_external=is_external, is_home=True)
    return Parsed(f"click:{user}:{body['view']['id']}:{click.action}:{click.change_id}:{action['action_ts']}", click)


def _parse_submission(body: Payload, bot: Bot) -> Parsed | None:
    view = body["view"]
    if glances.is_window(view):
        return Parsed(*glances.read_filter(body, bot.team_id, is_external=_is_actor_external(body, bot)))
    target = _read_target(view.get("private_metadata"))
    key = f"view:{view['id']}:{view.get('hash', '')}"
    if view.get("callback_id") == EDIT_CALLBACK and target:
        written = _read_input(view, EDIT_BLOCK, EDIT_INPUT).replace("\u00a0", " ")
        is_external = _is_actor_external(body, bot)
        return Parsed(key, Edit(bot.team_id, body["user"]["id"], *target, written.strip(), key, is_external=is_external))
    if view.get("callback_id") != REASON_CALLBACK or not target:
        return None
    reason = Reason(
        team_id=bot.team_id,
        user_id=body["user"]["id"],
        change_id=target[0],
        digest=target[1],
        text=_read_input(view, REASON_BLOCK, REASON_INPUT).strip(),
        is_external=_is_actor_external(body, bot),
        is_home=orjson.loads(view["private_metadata"]).get("home") is True,
    )
    return Parsed(key, reason)


def _read_input(view: Payload, block: str, action: str) -> str:
    return view["state"]["values"].get(block, {}).get(action, {}).get("value") or ""


def _is_actor_external(body: Payload, bot: Bot) -> bool:
    """In a shared channel the payload's `team` is ours while the person's `team_id` is theirs."""
    teams = {(body.get("team") or {}).get("id"), body["user"].get("team_id")}
    return bool(teams - {None, "", bot.team_id})


def _read_target(value: object) -> tuple[int, str] | None:
    """The change number and digest a button or modal carries."""
    if not isinstance(value, str):
        return None
    try:
        data = orjson.loads(value)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(data, dict) or not isinstance(data.get("id"), int) or not isinstance(data.get("digest"), str):
        return None
    return data["id"], data["digest"]


def read_text(text: str, bot_user_id: str) -> str:
    """What a person typed: our mention removed, links and escapes undone, code kept as it is, hard spaces made ordinary.

    Slack's clients turn host names into links even inside a label selector, and put hard spaces where people paste."""
    without = re.sub(rf"[ \t]*<@{re.escape(bot_user_id)}(?:\|[^<>]*)?>[ \t]?[:,]?[ \t]*", " ", text)
    plain = _MARKUP.sub(_read_markup, without)
    return plain.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&").replace("\u00a0", " ").strip()


def _read_markup(match: re.Match[str]) -> str:
    target, label = match[1], match[2] or ""
    if target.startswith("@"):
        return f"@{label or target[1:]}"
    if target.startswith("#"):
        return f"#{label or target[1:]}"
    if target.startswith("!"):
        kind, _, rest = target[1:].partition("^")
        return label or (f"@{rest}" if kind == "subteam" else f"@{kind}")
    if not label or target.endswith(label):
        return label or _SCHEME.sub("", target) if target.startswith(("mailto:", "tel:")) else label or target
    return f"{label} ({target})"
