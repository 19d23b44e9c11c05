"""What the settings say of a channel: the cluster and namespace of its threads, whether it is quiet, who may ask there."""

from __future__ import annotations

from bot.errors import SurfaceError
from bot.settings_channels import ChannelSettings
from bot.threads.inbound import gate
from bot.threads.stores import Thread
from bot.threads.world import World
from bot.values.people import ThreadKey

_NO_DEFAULTS = ChannelSettings()
STILL_QUIET = "The channel is quiet by the settings, so I go on to answer only when I am mentioned; `channels` in my settings ends that."


def settings_of(world: World, channel_id: str) -> ChannelSettings:
    return world.settings.channels.get(channel_id, _NO_DEFAULTS)


def new_thread(world: World, key: ThreadKey, owner: str) -> Thread:
    """A thread as it begins; not stored yet."""
    place = settings_of(world, key.channel_id)
    cluster = place.cluster or next(iter(world.clusters))
    return Thread(
        id=key.id,
        team_id=key.team_id,
        channel_id=key.channel_id,
        thread_ts=key.thread_ts,
        cluster=cluster,
        namespace=place.namespace or world.namespace_of(cluster),
        owner=owner,
    )


async def is_quiet(world: World, thread_id: str, channel_id: str) -> bool:
    """Whether the bot speaks only when it is mentioned."""
    return settings_of(world, channel_id).quiet or await world.stores.quiet.holds((thread_id, channel_id))


async def why_not_ask(world: World, user_id: str, channel_id: str) -> str:
    """Why the person may not ask in this channel, or ''. Groups are looked up now; who cannot be checked is refused."""
    askers = settings_of(world, channel_id).askers
    if not askers:
        return ""
    try:
        if user_id in await gate.members(world.surface, askers):
            return ""
    except SurfaceError:
        return gate.UNCHECKED
    return "Only some people may ask me in this channel, and you are not among them; ask in another channel, or one of them."
