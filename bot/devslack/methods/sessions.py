"""agents.sessions.setStatus: what an agent's thread is in the middle of, and the Stop button that people have meanwhile."""

from __future__ import annotations

from bot.devslack.arguments import require
from bot.devslack.events import build_event_payload
from bot.devslack.local_slack import LocalSlack
from bot.devslack.methods.call import Call
from bot.devslack.refusal import ApiRefusalError
from bot.devslack.values import Channel, Json, Person

STATES = frozenset({"processing", "active", "suspended", "closed"})
_STOPPED = "agent_session_stopped"


async def set_status(call: Call) -> Json:
    """agents.sessions.setStatus. While it is `processing`, people can stop it, if the app listens to that."""
    channel = call.slack.channels.get(require(call.arguments, "channel_id", "channel_not_found"))
    if channel is None or not call.slack.has_bot(channel):
        raise ApiRefusalError("channel_not_found")
    thread_ts = require(call.arguments, "thread_ts", "invalid_thread_ts")
    if call.slack.messages.get(channel.id, thread_ts) is None:
        raise ApiRefusalError("invalid_thread_ts")
    status = call.text("status")
    if status not in STATES:
        complaint = f"[ERROR] status must be one of {', '.join(sorted(STATES))}"
        raise ApiRefusalError("invalid_arguments", response_metadata={"messages": [complaint]})
    call.slack.sessions[channel.id, thread_ts] = status
    if status == "processing" and _STOPPED not in call.slack.app.events:
        return {"ok": True, "warning": f"missing_{_STOPPED}_event_subscription"}
    return {"ok": True}


def stop(slack: LocalSlack, person: Person, channel: Channel, thread_ts: str) -> bool:
    """A person presses Slack's own Stop: streams of the thread end, and the app is told. False if there is nothing to stop."""
    if slack.sessions.get((channel.id, thread_ts)) != "processing" or _STOPPED not in slack.app.events:
        return False
    ended = []
    for channel_id, ts in list(slack.streams):
        message = slack.messages.get(channel_id, ts)
        if channel_id == channel.id and message is not None and message.get("thread_ts") == thread_ts:
            del slack.streams[channel_id, ts]
            slack.replace(channel_id, message | {"streaming_state": "completed"})
            ended.append(ts)
    event: Json = {
        "type": _STOPPED,
        "channel": channel.id,
        "thread_ts": thread_ts,
        "user": person.id,
        "streaming_message_ts": ended,
        "event_ts": slack.messages.next_ts(),
    }
    slack.deliveries.send_event(build_event_payload(slack, channel, event))
    return True
