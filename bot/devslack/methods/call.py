"""One call of a Web API method, and how its arguments name channels, messages and people."""

from __future__ import annotations

from dataclasses import dataclass

from bot.devslack.arguments import require
from bot.devslack.local_slack import LocalSlack
from bot.devslack.refusal import ApiRefusalError
from bot.devslack.values import Channel, Json, Person


@dataclass(frozen=True, slots=True)
class Call:
    """The state it acts on and its arguments."""

    slack: LocalSlack
    arguments: Json

    def text(self, name: str) -> str:
        """An optional text argument; empty if it is missing."""
        value = self.arguments.get(name)
        return "" if value is None else str(value)

    def person(self, name: str = "user") -> Person:
        """The person an argument names by id."""
        person = self.slack.people.get(require(self.arguments, name, "user_not_found"))
        if person is None:
            raise ApiRefusalError("user_not_found")
        return person

    def channel(self, *, must_be_in: bool = False) -> Channel:
        """The channel argument, an id. Private channels the bot is not in do not exist for it."""
        channel = self.slack.channels.get(require(self.arguments, "channel", "channel_not_found"))
        if channel is None or (channel.is_private and not self.slack.has_bot(channel)):
            raise ApiRefusalError("channel_not_found")
        if must_be_in and not self.slack.has_bot(channel):
            raise ApiRefusalError("not_in_channel")
        return channel

    def own_message(self, refusal: str) -> tuple[Channel, Json]:
        """The message `channel`/`ts` name, if the app wrote it; `refusal` is the error if it did not."""
        channel = self.channel()
        message = self.slack.messages.get(channel.id, require(self.arguments, "ts", "message_not_found"))
        if message is None:
            raise ApiRefusalError("message_not_found")
        if message.get("bot_id") != self.slack.app.bot_id:
            raise ApiRefusalError(refusal)
        return channel, message
