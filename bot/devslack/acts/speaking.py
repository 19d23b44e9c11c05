"""Saying things: messages and slash commands."""

from __future__ import annotations

from bot.devslack.acts.refusals import ActRefusedError
from bot.devslack.composing import compose_person_message, tell_privately
from bot.devslack.events import VERIFICATION_TOKEN
from bot.devslack.local_slack import LocalSlack
from bot.devslack.refusal import ApiRefusalError
from bot.devslack.responses import answer_person
from bot.devslack.tickets import Grant
from bot.devslack.typed_text import encode_typed
from bot.devslack.values import Channel, Json, Person


def say(slack: LocalSlack, person: Person, channel: Channel, text: str, thread_ts: str = "", *, is_typed: bool = False) -> Json:
    """Post as a person. `is_typed` text gets mentions and links encoded as Slack's client does. Raises ActRefusedError."""
    if not slack.may_see(person.id, channel.id):
        raise ActRefusedError(f"{person.real_name} is not in #{channel.name or channel.id}; invite them or choose another channel.")
    if channel.is_archived:
        raise ActRefusedError(f"#{channel.name or channel.id} is archived; choose another channel.")
    if not text.strip():
        raise ActRefusedError("A message needs text; write something.")
    if thread_ts:
        root = slack.messages.get(channel.id, thread_ts)
        if root is None:
            raise ActRefusedError("That thread is not there any more; write in the channel instead.")
        thread_ts = root.get("thread_ts") or thread_ts
    encoded = encode_typed(text, list_handles(slack)) if is_typed else text
    message = slack.post(channel, compose_person_message(slack, person.id, encoded, thread_ts))
    if not thread_ts:
        slack.mark_read(person.id, channel.id, message["ts"])
    return message


def list_handles(slack: LocalSlack) -> dict[str, str]:
    """What can be typed after `@`, and the mention it becomes."""
    handles = {person.handle: f"<@{person.id}>" for person in slack.people.values()}
    handles |= {group.handle: f"<!subteam^{group.id}>" for group in slack.user_groups.values()}
    handles |= {name: f"<!{name}>" for name in ("here", "channel", "everyone")}
    return handles | {slack.app.name.lower(): f"<@{slack.app.bot_user_id}>"}


async def run_command(slack: LocalSlack, person: Person, channel: Channel, line: str, thread_ts: str = "") -> bool:
    """Send a slash command; false if the app did not answer in time. What it answers, the person sees."""
    command, _, text = line.strip().partition(" ")
    if not slack.may_see(person.id, channel.id):
        raise ActRefusedError(f"{person.real_name} is not in #{channel.name or channel.id}; choose another channel.")
    if thread_ts:
        tell_privately(slack, person.id, channel, f"{command} is not supported in threads. Sorry!", thread_ts)
        return False
    if command not in slack.app.slash_commands:
        tell_privately(
            slack,
            person.id,
            channel,
            f"{command} is not a valid command. In Slack, messages that start with `/` are commands.",
        )
        return False
    if not slack.deliveries.has_app:
        tell_privately(slack, person.id, channel, f'{command} failed with the error "dispatch_failed"')
        return False
    payload = _build_command(slack, person, channel, command, text.strip())
    answer = await slack.deliveries.send_interaction("slash_commands", payload)
    if answer is None:
        tell_privately(slack, person.id, channel, f'{command} failed with the error "operation_timeout"')
        return False
    if answer.get("text") or answer.get("blocks"):
        _show_answer(slack, person, channel, command, answer)
    return True


def _show_answer(slack: LocalSlack, person: Person, channel: Channel, command: str, answer: Json) -> None:
    try:
        answer_person(slack, Grant(person.id, channel.id, slack.config.clock(), uses_left=0), answer)
    except ApiRefusalError as refusal:
        tell_privately(slack, person.id, channel, f'{command} failed with the error "{refusal.error}"')


def _build_command(slack: LocalSlack, person: Person, channel: Channel, command: str, text: str) -> Json:
    workspace = slack.workspace
    name = slack.response_urls.issue(person.id, channel.id)
    return {
        "token": VERIFICATION_TOKEN,
        "team_id": workspace.team_id,
        "team_domain": workspace.domain,
        "channel_id": channel.id,
        "channel_name": "directmessage" if channel.is_im else channel.name,
        "user_id": person.id,
        "user_name": person.handle,
        "command": command,
        "text": encode_typed(text, _list_command_handles(slack)),
        "api_app_id": slack.app.id,
        "is_enterprise_install": "false",
        "response_url": f"{slack.base_url}/commands/response/{name}",
        "trigger_id": slack.triggers.issue(person.id),
    }


def _list_command_handles(slack: LocalSlack) -> dict[str, str]:
    """Commands carry mentions with the name in them (`should_escape`)."""
    handles = list_handles(slack) | {person.handle: f"<@{person.id}|{person.handle}>" for person in slack.people.values()}
    return handles | {slack.app.name.lower(): f"<@{slack.app.bot_user_id}|{slack.app.name}>"}
