"""The state of one local Slack, and what happens when a message appears, changes or goes."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Iterator

from bot.devslack import events
from bot.devslack.config import Config
from bot.devslack.deliveries import Deliveries
from bot.devslack.ephemerals import Ephemerals
from bot.devslack.faults import Faults
from bot.devslack.feed import Feed
from bot.devslack.files import Files, encode_file
from bot.devslack.http_delivery import HttpDelivery
from bot.devslack.journal import Journal
from bot.devslack.messages import Messages
from bot.devslack.rates import Rates
from bot.devslack.sessions import Sessions
from bot.devslack.sockets import Sockets
from bot.devslack.streams import Streams
from bot.devslack.tickets import ResponseUrls, Triggers
from bot.devslack.traffic import Traffic
from bot.devslack.values import Channel, Json, Person, UserGroup
from bot.devslack.views import Views

KEPT_REQUESTS = 10_000


class LocalSlack:
    """Everything one local Slack knows. Lives in one event loop; nothing here waits."""

    def __init__(self, config: Config) -> None:
        workspace = config.workspace
        self.config = config
        self.workspace = workspace
        self.app = workspace.app
        self.base_url = "http://localhost"
        self.people: dict[str, Person] = {person.id: person for person in workspace.people}
        self.user_groups: dict[str, UserGroup] = {group.id: group for group in workspace.user_groups}
        self.channels: dict[str, Channel] = {channel.id: channel for channel in workspace.channels}
        for person in workspace.people:
            self.open_dm(person)
        self.journal = Journal(config.journal)
        self.messages = Messages(config.clock, self.journal)
        self.files = Files(self.journal)
        self.feed = Feed(self.may_see)
        self.ephemerals = Ephemerals(self.feed)
        self.views = Views(workspace, self.feed)
        self.triggers = Triggers(config)
        self.response_urls = ResponseUrls(config)
        self.traffic = Traffic(config.clock)
        self.sockets = Sockets(self.app.id, config.max_connections, self._tell_connections, config.sleep, self.traffic)
        self.http = HttpDelivery(config, self.traffic)
        self.deliveries = Deliveries(config, self.sockets, self.http, self.journal)
        self.faults = Faults()
        self.rates = Rates(config.clock, is_enforced=config.enforce_rates)
        self.requests: deque[Json] = deque(maxlen=KEPT_REQUESTS)
        self.reads: dict[tuple[str, str], str] = {}
        self.statuses: dict[tuple[str, str], tuple[str, float]] = {}
        self.streams = Streams(config.stream_seconds, config.sleep, self.complete_stream)
        self.sessions = Sessions(self.journal, self.feed)
        self.suggestions: dict[str, Json] = {}
        self._unsettled: dict[str, Json] = {}
        self._restore()

    def _restore(self) -> None:
        for record in self.journal.load():
            match record["op"]:
                case "message":
                    self.messages.restore(record["channel"], record["message"])
                case "delete":
                    self.messages.forget(record["channel"], record["ts"])
                case "read":
                    self.reads[(record["person"], record["channel"])] = record["ts"]
                case "file":
                    self.files.restore(record)
                case "session":
                    self.sessions.restore(record)
                case "event":
                    self._unsettled[record["payload"]["event_id"]] = record["payload"]
                case "settled":
                    self._unsettled.pop(record["event_id"], None)
        self.journal.rewrite(self._snapshot())

    def _snapshot(self) -> Iterator[Json]:
        for channel, message in self.messages.all():
            yield {"op": "message", "channel": channel, "message": message}
        for (person, channel), ts in self.reads.items():
            yield {"op": "read", "person": person, "channel": channel, "ts": ts}
        for file in self.files.all_complete():
            yield encode_file(file)
        for session in self.sessions.all():
            yield {"op": "session"} | session
        for payload in self._unsettled.values():
            yield {"op": "event", "payload": payload}

    def resume(self) -> None:
        """Bring the events that an earlier run left behind. Needs the running event loop."""
        for payload in self._unsettled.values():
            self.deliveries.resume_event(payload)
        self._unsettled = {}

    def _tell_connections(self, count: int) -> None:
        self.feed.publish({"type": "connections", "count": count})

    async def close(self) -> None:
        self.feed.close()
        await self.streams.close()
        await self.deliveries.close()
        await self.http.close()
        await self.sockets.close()
        self.journal.close()

    def may_see(self, person: str, channel_id: str) -> bool:
        """True if the person is in the channel."""
        channel = self.channels.get(channel_id)
        return channel is not None and (person == channel.person or person in channel.members)

    def has_bot(self, channel: Channel) -> bool:
        return channel.is_im or channel.has_bot

    def open_dm(self, person: Person) -> Channel:
        """The direct message of a person with the app."""
        channel = Channel(id=f"D{person.id[1:]}", person=person.id)
        return self.channels.setdefault(channel.id, channel)

    def find_channel(self, name: str) -> Channel | None:
        """A channel by id or by name, with or without `#`."""
        if name in self.channels:
            return self.channels[name]
        bare = name.removeprefix("#")
        return next((channel for channel in self.channels.values() if channel.name and channel.name == bare), None)

    def find_person(self, name: str) -> Person | None:
        """A person by id, handle (with or without `@`) or full name."""
        if name in self.people:
            return self.people[name]
        bare = name.removeprefix("@")
        return next((person for person in self.people.values() if bare in {person.handle, person.real_name}), None)

    def change_channel(self, channel: Channel, **fields: object) -> Channel:
        """Replace fields of a channel, for example its members or whether it is shared."""
        changed = dataclasses.replace(channel, **fields)  # type: ignore[arg-type]
        self.channels[channel.id] = changed
        return changed

    def post(self, channel: Channel, message: Json) -> Json:
        """Keep a new message, show it, and tell the app what it is subscribed to."""
        self.messages.put(channel.id, message)
        self.clear_status(channel.id, message.get("thread_ts") or message["ts"])
        self.show(channel.id, message)
        for payload in events.build_message_events(self, channel, message):
            self.deliveries.send_event(payload)
        return message

    def show(self, channel_id: str, message: Json) -> None:
        """Send a new or changed message to the pages, with its thread's root whose counts may have changed."""
        self.feed.publish({"type": "message", "channel": channel_id, "message": self.messages.read(channel_id, message)})
        root_ts = message.get("thread_ts")
        if root_ts and root_ts != message["ts"] and (root := self.messages.get(channel_id, root_ts)):
            self.feed.publish({"type": "message", "channel": channel_id, "message": self.messages.read(channel_id, root)})

    def replace(self, channel_id: str, message: Json) -> None:
        """Keep a changed message and show it."""
        self.messages.put(channel_id, message)
        self.show(channel_id, message)

    def complete_stream(self, channel_id: str, ts: str) -> None:
        """What was streamed is an ordinary message from now on; Slack takes the thread's session for `active` then."""
        self.streams.end(channel_id, ts)
        message = self.messages.get(channel_id, ts)
        if message is not None:
            self.sessions.begin(channel_id, message["thread_ts"], "active")
            self.replace(channel_id, message | {"streaming_state": "completed"})

    def remove(self, channel_id: str, message: Json) -> None:
        """Delete a message."""
        self.streams.end(channel_id, message["ts"])
        self.messages.remove(channel_id, message["ts"])
        self.feed.publish({"type": "deleted", "channel": channel_id, "ts": message["ts"], "thread_ts": message.get("thread_ts")})
        root = self.messages.get(channel_id, message.get("thread_ts") or "")
        if root is not None:
            self.show(channel_id, root)

    def set_status(self, channel_id: str, thread_ts: str, status: str) -> None:
        """What the app says it is doing in a thread; empty text takes it away."""
        self.statuses.pop((channel_id, thread_ts), None)
        if status:
            self.statuses[(channel_id, thread_ts)] = (status, self.config.clock() + self.config.status_seconds)
        self.feed.publish(
            {
                "type": "status",
                "channel": channel_id,
                "thread_ts": thread_ts,
                "status": status,
                "seconds": self.config.status_seconds,
            }
        )

    def clear_status(self, channel_id: str, thread_ts: str) -> None:
        if (channel_id, thread_ts) in self.statuses:
            self.set_status(channel_id, thread_ts, "")

    def suggest(self, channel: Channel, title: str, prompts: list[Json]) -> None:
        """Questions that a person's direct messages offer until there are others."""
        self.suggestions[channel.person] = {"title": title, "prompts": prompts}
        self.feed.publish({"type": "suggestions", "suggestions": self.suggestions[channel.person]}, to=channel.person)

    def mark_read(self, person: str, channel_id: str, ts: str) -> None:
        """Remember how far a person has read a channel; never backwards."""
        if ts > self.reads.get((person, channel_id), ""):
            self.reads[(person, channel_id)] = ts
            self.journal.write({"op": "read", "person": person, "channel": channel_id, "ts": ts})
            self.feed.publish({"type": "read", "channel": channel_id, "ts": ts}, to=person)
