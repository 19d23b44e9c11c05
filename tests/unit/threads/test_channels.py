"""Defaults of a channel: where its threads look, whether it is quiet, who may ask there."""

from __future__ import annotations

from typing import Any

import pytest

from bot.errors import SurfaceUnavailableError
from bot.settings import ClusterSettings
from bot.settings_channels import ChannelSettings
from bot.threads.inbound.gate import UNCHECKED
from bot.threads.inbound.incoming import Command, Investigation
from bot.values.people import Person
from tests.fakes import prints
from tests.unit.threads.harness import RULES, THREAD, Bench, bench


def setting(b: Bench, **fields: Any) -> None:
    """Gives the channel C1 these settings, and one command to run."""
    b.rules = RULES.model_copy(update={"channels": {"C1": ChannelSettings(**fields)}})
    b.sandboxes.programs["kubectl get pods"] = prints("web-1 Running\n")


@pytest.mark.parametrize(("fields", "place"), [({}, ("prod", "shop")), ({"cluster": "staging"}, ("staging", "test"))])
async def test_threads_of_a_channel_talk_to_its_cluster(fields: dict[str, str], place: tuple[str, str]) -> None:
    async with bench() as b:
        setting(b, **fields)
        clusters = (*RULES.clusters, ClusterSettings(name="staging", namespace="test"))
        b.rules = b.rules.model_copy(update={"clusters": clusters})
        await b.write("status")
        await b.write("! kubectl get pods", ts="101.1")

        await b.rest()

        thread = await b.stores.threads.get(THREAD)
        assert thread is not None
        assert (thread.cluster, thread.namespace) == place


async def test_the_namespace_of_a_channel_wins_over_that_of_its_cluster() -> None:
    async with bench() as b:
        setting(b, namespace="payments")
        await b.write("! kubectl get pods")

        await b.rest()

        thread = await b.stores.threads.get(THREAD)
        assert thread is not None
        assert thread.namespace == "payments"


async def test_a_channel_that_is_quiet_by_the_settings_stays_so() -> None:
    async with bench() as b:
        setting(b, quiet=True)
        await b.write("! kubectl get pods")
        await b.write("! kubectl get pods", ts="101.1", mention=False)
        await b.write("quiet off", ts="102.1", mention=False)
        await b.write("! kubectl get pods", ts="103.1", mention=False)

        await b.rest()

        assert b.sandboxes.ran == ["kubectl get pods"]
        assert "quiet by the settings" in b.surface.texts[THREAD]["notice:quiet:102.1"][0]


async def test_a_quiet_thread_of_a_quiet_channel_says_what_still_holds() -> None:
    async with bench() as b:
        setting(b)
        await b.put(Command("T1", "C1", "U1", "quiet"))
        await b.write("! kubectl get pods")
        await b.write("quiet off", ts="102.1", mention=False)

        await b.rest()

        assert "The whole channel is quiet" in b.surface.texts[THREAD]["notice:quiet:102.1"][0]


async def test_only_its_askers_may_ask_in_a_channel_and_all_others_are_told() -> None:
    async with bench() as b:
        setting(b, askers=("U1", "S1"))
        b.surface.people["U3"] = Person("U3", "T1", "carl")
        await b.write("! kubectl get pods", user="U3")
        await b.put(Command("T1", "C1", "U3", "! kubectl get pods"))
        await b.put(Investigation("T1", "C1", "U3", "100.1", "100.1", "web restarts", "7.1"))
        await b.rest()
        refused = list(b.sandboxes.ran)
        await b.write("! kubectl get pods", user="U2", ts="101.1")  # is in S1
        await b.write("! kubectl get pods", user="U1", ts="102.1")

        await b.rest()

        assert refused == []
        assert [(user, "Only some people may ask" in text) for user, text in b.surface.whispers] == [("U3", True)] * 3
        assert b.sandboxes.ran == ["kubectl get pods"] * 2


async def test_who_cannot_be_looked_up_may_not_ask() -> None:
    async with bench() as b:
        setting(b, askers=("S1",))

        async def unreachable(group_id: str) -> frozenset[str]:
            raise SurfaceUnavailableError("Slack does not answer.")

        b.surface.members_of = unreachable  # type: ignore[method-assign]
        await b.write("! kubectl get pods")

        await b.rest()

        assert b.surface.whispers == [("U1", UNCHECKED)]
        assert b.sandboxes.ran == []
