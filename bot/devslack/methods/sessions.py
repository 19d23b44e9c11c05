"""agents.sessions.*: what an agent's thread is in the middle of, its title, and the Stop button that people have meanwhile."""

from __future__ import annotations

from bot.devslack import limits
from bot.devslack.arguments import require
from bot.devslack.events import build_event_payload
from bot.devslack.local_slack import LocalSlack
from bot.devslack.methods.call import Call
from bot.devslack.refusal import ApiRefusalError
from bot.devslack.values import Channel, Json, Person, Session

STATES = frozenset({"processing", "active", "suspended", "closed"})
STOPPED = "agent_session_stopped"
"""The event of Slack's own Stop: people have that button where the app listens to this."""
_TITLE_CHANGED = "agent_session_title_changed"


async def set_status(call: Call) -> Json:
    """agents.sessions.setStatus. While it is `processing`, people can stop it, if the app listens to that."""
    channel, thread_ts = _find_thread(call)
    title = _read_title(call) if call.arguments.get("title") is not None else ""
    session = call.slack.sessions.begin(channel.id, thread_ts, read_state(call, "status"), title)
    answer: Json = {"ok": True, "status": session.status, "agent_status": session.status}
    if session.title:
        answer["title"] = session.title
    if session.status == "processing" and STOPPED not in call.slack.app.events:
        answer["warning"] = f"missing_{STOPPED}_event_subscription"
    return answer


async def rename(call: Call) -> Json:
    """agents.sessions.rename: the title under which people find the thread in the history of their direct messages."""
    channel, thread_ts = _find_thread(call)
    title = _read_title(call)
    session = call.slack.sessions.get(channel.id, thread_ts)
    if session is None:
        raise ApiRefusalError("session_not_found")
    call.slack.sessions.put(channel.id, thread_ts, Session(session.status, title))
    return {"ok": True, "title": title}


def read_state(call: Call, name: str) -> str:
    """An argument that must be one of the states."""
    status = call.text(name)
    if status not in STATES:
        raise _invalid(f"{name} must be one of {', '.join(sorted(STATES))}")
    return status


def stop(slack: LocalSlack, person: Person, channel: Channel, thread_ts: str) -> bool:
    """A person presses Slack's own Stop: streams of the thread end, and the app is told. False if there is nothing to stop."""
    session = slack.sessions.get(channel.id, thread_ts)
    if session is None or session.status != "processing" or STOPPED not in slack.app.events:
        return False
    ended = []
    for channel_id, ts in slack.streams.list_open():
        message = slack.messages.get(channel_id, ts)
        if channel_id == channel.id and message is not None and message.get("thread_ts") == thread_ts:
            slack.streams.end(channel_id, ts)
            slack.replace(channel_id, message | {"streaming_state": "completed"})
            ended.append(ts)
    event: Json = {
        "type": STOPPED,
        "channel": channel.id,
        "thread_ts": thread_ts,
        "user": person.id,
        "streaming_message_ts": ended,
        "event_ts": slack.messages.next_ts(),
    }
    slack.deliveries.send_event(build_event_payload(slack, channel, event))
    return True


def retitle(slack: LocalSlack, person: Person, channel: Channel, thread_ts: str, title: str) -> bool:
    """A person gives a session another title; the app is told if it listens to that. False if there is no such session."""
    session = slack.sessions.get(channel.id, thread_ts)
    if session is None:
        return False
    slack.sessions.put(channel.id, thread_ts, Session(session.status, title))
    if _TITLE_CHANGED in slack.app.events:
        event: Json = {
            "type": _TITLE_CHANGED,
            "channel": channel.id,
            "thread_ts": thread_ts,
            "title": title,
            "user": person.id,
            "team_id": slack.workspace.team_id,
            "event_ts": slack.messages.next_ts(),
        }
        previous = {"previous_title": session.title} if session.title else {}
        slack.deliveries.send_event(build_event_payload(slack, channel, event | previous))
    return True


def _find_thread(call: Call) -> tuple[Channel, str]:
    channel = call.slack.channels.get(require(call.arguments, "channel_id", "channel_not_found"))
    if channel is None or not call.slack.has_bot(channel):
        raise ApiRefusalError("channel_not_found")
    thread_ts = require(call.arguments, "thread_ts", "thread_ts_required")
    if call.slack.messages.get(channel.id, thread_ts) is None:
        raise ApiRefusalError("invalid_thread_ts")
    return channel, thread_ts


def _read_title(call: Call) -> str:
    title = call.arguments.get("title")
    if not isinstance(title, str) or not title.strip():
        raise _invalid("title must be a text of at least one character")
    if len(title.encode("utf-16-le")) > 2 * limits.SESSION_TITLE:
        raise _invalid(f"title must have at most {limits.SESSION_TITLE} characters")
    return title


def _invalid(complaint: str) -> ApiRefusalError:
    return ApiRefusalError("invalid_arguments", response_metadata={"messages": [f"[ERROR] {complaint}"]})
