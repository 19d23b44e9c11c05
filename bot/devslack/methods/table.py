"""Which methods there are, the token they take and the scope they need."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bot.devslack.methods import chat, conversations, extras, files, manifests, people, sessions, streams, views
from bot.devslack.methods.call import Call
from bot.devslack.values import Json


@dataclass(frozen=True, slots=True)
class Method:
    """`scopes`: any one of them is enough; none means every token may."""

    answer: Callable[[Call], Awaitable[Json]]
    scopes: tuple[str, ...] = ()
    token_prefix: str = "xoxb-"  # noqa: S105 - the kind of token, not a token


_READ_CHANNELS = ("channels:read", "groups:read", "im:read", "mpim:read")
_READ_HISTORY = ("channels:history", "groups:history", "im:history", "mpim:history")

METHODS: dict[str, Method] = {
    "agents.sessions.rename": Method(sessions.rename, ("chat:write",)),
    "agents.sessions.setStatus": Method(sessions.set_status, ("chat:write",)),
    "apps.connections.open": Method(extras.connections_open, token_prefix="xapp-"),  # noqa: S106
    "apps.manifest.export": Method(manifests.export, token_prefix="xoxe.xoxp-"),  # noqa: S106
    "assistant.threads.setSuggestedPrompts": Method(extras.set_suggested_prompts, ("assistant:write",)),
    "assistant.threads.setStatus": Method(extras.set_status, ("assistant:write", "chat:write")),
    "auth.test": Method(people.auth_test),
    "bots.info": Method(people.bots_info, ("users:read",)),
    "chat.appendStream": Method(streams.append, ("chat:write",)),
    "chat.delete": Method(chat.delete, ("chat:write",)),
    "chat.getPermalink": Method(chat.get_permalink),
    "chat.postEphemeral": Method(chat.post_ephemeral, ("chat:write",)),
    "chat.postMessage": Method(chat.post_message, ("chat:write",)),
    "chat.startStream": Method(streams.start, ("chat:write",)),
    "chat.stopStream": Method(streams.stop, ("chat:write",)),
    "chat.update": Method(chat.update, ("chat:write",)),
    "conversations.history": Method(conversations.history, _READ_HISTORY),
    "conversations.info": Method(conversations.info, _READ_CHANNELS),
    "conversations.list": Method(conversations.list_all, _READ_CHANNELS),
    "conversations.members": Method(conversations.members, _READ_CHANNELS),
    "conversations.open": Method(conversations.open_dm, ("im:write", "channels:manage", "groups:write")),
    "conversations.replies": Method(conversations.replies, _READ_HISTORY),
    "files.completeUploadExternal": Method(files.complete_upload, ("files:write",)),
    "files.getUploadURLExternal": Method(files.get_upload_url, ("files:write",)),
    "files.info": Method(files.info, ("files:read",)),
    "reactions.add": Method(extras.add_reaction, ("reactions:write",)),
    "reactions.remove": Method(extras.remove_reaction, ("reactions:write",)),
    "team.info": Method(people.team_info, ("team:read",)),
    "usergroups.list": Method(people.usergroups_list, ("usergroups:read",)),
    "usergroups.users.list": Method(people.usergroups_users_list, ("usergroups:read",)),
    "users.info": Method(people.users_info, ("users:read",)),
    "users.list": Method(people.users_list, ("users:read",)),
    "views.open": Method(views.open_modal),
    "views.publish": Method(views.publish),
    "views.push": Method(views.push),
    "views.update": Method(views.update),
}
