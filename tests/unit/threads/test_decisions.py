"""Who may press what, and what becomes of it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from bot.changes.change import Change, State
from bot.changes.ports import AuditLine
from bot.errors import SurfaceUnavailableError, UpstreamUnavailableError
from bot.threads.inbound.gate import UNCHECKED
from bot.threads.inbound.incoming import Reason
from bot.values.people import Person
from bot.values.requests import ApiRequest, ApiResponse, Identity
from tests.fakes import FakeCluster, scales
from tests.unit.threads.harness import RULES, THREAD, Bench, bench


@asynccontextmanager
async def proposed() -> AsyncIterator[Bench]:
    """A bench with change 1, asked by U1, waiting for U2 (the one member of S1)."""
    async with bench() as b:
        b.sandboxes.programs["kubectl scale"] = scales(b.cluster, 5)
        await b.write("! kubectl scale")
        await b.rest()
        yield b


async def change_of(b: Bench) -> Change:
    change = await b.stores.changes.get(1)
    assert change is not None
    return change


async def test_an_approver_approves_and_the_write_is_sent_once() -> None:
    async with proposed() as b:
        await b.click("approve", 1, user="U2")
        await b.click("approve", 1, user="U2")

        await b.rest()

        assert (await change_of(b)).decided_by == "U2"
        assert [patch["spec"] for patch in b.cluster.landed] == [{"replicas": 5}]
        assert b.surface.cards[1][-1].state is State.DONE
        assert b.surface.whispers == []
        assert (await b.stores.audit.verify())[1] == ""


@pytest.mark.parametrize(
    ("user", "digest", "says"),
    [
        ("U1", None, "You are not among those who may approve"),
        ("U3", None, "You are not among those who may approve"),
        ("UG", None, "Guests cannot use kubectl-ai"),
        ("U2", "another", "does not belong to change 1"),
    ],
)
async def test_whoever_may_not_approve_is_told_privately(user: str, digest: str | None, says: str) -> None:
    async with proposed() as b:
        b.surface.people["U3"] = Person("U3", "T1", "carl")
        await b.click("approve", 1, user=user, digest=digest)

        await b.rest()

        [(whom, text)] = b.surface.whispers
        assert (whom, says in text) == (user, True)
        assert (await change_of(b)).state is State.PROPOSED
        assert b.cluster.landed == []


async def test_the_asker_cannot_approve_unless_the_settings_say_so() -> None:
    async with proposed() as b:
        b.surface.groups["S1"] = frozenset({"U1", "U2"})
        await b.click("approve", 1, user="U1")
        await b.rest()
        before = (await change_of(b)).state
        b.rules = RULES.model_copy(update={"changes": RULES.changes.model_copy(update={"self_approval": True})})
        await b.click("approve", 1, user="U1")

        await b.rest()

        assert before is State.PROPOSED
        assert "somebody else has to approve" in b.surface.whispers[0][1]
        assert b.surface.cards[1][-1].state is State.DONE


async def test_without_approvers_nobody_approves() -> None:
    async with proposed() as b:
        b.rules = RULES.model_copy(update={"changes": RULES.changes.model_copy(update={"approvers": ()})})
        await b.click("approve", 1)

        await b.rest()

        assert "Nobody may approve" in b.surface.whispers[0][1]
        assert b.cluster.landed == []


async def test_a_late_click_is_refused_and_the_card_lapses() -> None:
    async with proposed() as b:
        b.time.now += 1000
        await b.click("approve", 1)

        await b.rest()

        assert b.cluster.landed == []
        assert b.surface.cards[1][-1].state is State.EXPIRED
        assert "lapsed" in b.surface.whispers[0][1]


async def test_a_click_while_the_chat_is_down_is_refused_and_told_later() -> None:
    async with proposed() as b:
        b.surface.is_down = True
        await b.click("approve", 1)
        await b.rest()
        b.surface.is_down = False
        b.time.now += 30

        await b.rest()

        assert (await change_of(b)).state is State.PROPOSED
        assert ["press again" in text for _, text in b.surface.whispers] == [True]
        assert b.cluster.landed == []


async def test_a_person_who_cannot_be_checked_is_refused_and_told() -> None:
    async with proposed() as b:

        async def unreachable(group_id: str) -> frozenset[str]:
            raise SurfaceUnavailableError("Slack does not answer.")

        b.surface.members_of = unreachable  # type: ignore[method-assign]
        await b.click("approve", 1)

        await b.rest()

        assert b.surface.whispers == [("U2", UNCHECKED)]
        assert (await change_of(b)).state is State.PROPOSED


async def test_an_object_that_moved_supersedes_the_card_and_nothing_is_written() -> None:
    async with proposed() as b:
        b.cluster.object["spec"]["replicas"] = 4
        b.cluster.object["metadata"]["resourceVersion"] = "50"
        await b.click("approve", 1)
        await b.rest()
        landed_before = list(b.cluster.landed)
        await b.click("approve", 1)
        await b.click("approve", 2)

        await b.rest()

        fresh = b.surface.cards[2][0]
        assert landed_before == []
        assert b.surface.cards[1][-1].state is State.SUPERSEDED
        assert b.surface.cards[1][-1].superseded_by == 2
        assert [(field.old, field.new) for field in fresh.diffs[0].fields] == [(4, 5)]
        assert [patch["spec"] for patch in b.cluster.landed] == [{"replicas": 5}]
        assert b.surface.cards[2][-1].state is State.DONE


async def test_an_api_server_that_is_away_is_waited_for_during_the_replay() -> None:
    class Flaky(FakeCluster):
        failures = 3

        async def send(self, request: ApiRequest, identity: Identity | None, *, dry_run: bool) -> ApiResponse:
            if self.failures:
                self.failures -= 1
                raise UpstreamUnavailableError("The API server does not answer.")
            return await super().send(request, identity, dry_run=dry_run)

    async with proposed() as b:
        b.cluster = Flaky()
        await b.click("approve", 1)

        await b.rest()

        assert b.surface.cards[1][-1].state is State.DONE
        assert len(b.cluster.landed) == 1


async def test_a_change_of_a_cluster_that_is_gone_fails_with_the_reason() -> None:
    async with proposed() as b:
        b.cluster_name = "other"
        await b.stores.changes.move(1, [State.PROPOSED], State.APPROVED, AuditLine("approved", "U2", THREAD, {}), decided_by="U2")

        await b.rest()

        assert (b.surface.cards[1][-1].state, b.surface.cards[1][-1].reason) == (
            State.FAILED,
            "The cluster prod is not in the settings any more.",
        )


async def approve(b: Bench) -> None:
    await b.write("approve 1", user="U2", mention=False)
    await b.rest()


async def test_what_cannot_be_shown_whole_is_not_approved_in_words() -> None:
    async with proposed() as b:
        b.surface.cut.add(1)
        drawn = len(b.surface.cards[1])

        await approve(b)

        assert (await change_of(b)).state is State.PROPOSED
        assert ["cannot be shown whole now, so nothing was approved" in text for _, text in b.surface.whispers] == [True]
        assert len(b.surface.cards[1]) == drawn + 1
        assert b.cluster.landed == []


async def test_a_button_is_on_the_card_alone_so_whoever_presses_it_has_seen_it() -> None:
    """Also where the press comes before Slack's answer that the card was posted."""
    async with proposed() as b:
        b.surface.cut.add(1)

        await b.click("approve", 1)
        await b.rest()

        assert (await change_of(b)).state is State.DONE


async def test_what_is_shown_whole_only_now_is_approved_by_who_asks_once_more() -> None:
    async with proposed() as b:
        b.surface.cut.add(1)
        b.surface.on_show = b.surface.cut.clear
        await approve(b)
        before = (await change_of(b)).state

        await approve(b)

        assert before is State.PROPOSED
        assert ["was not shown whole until now" in text for _, text in b.surface.whispers] == [True]
        assert b.surface.cards[1][-1].state is State.DONE


async def test_a_card_that_is_refused_again_ends_in_a_sentence_and_does_not_stop_a_denial() -> None:
    async with proposed() as b:
        b.surface.cut.add(1)
        b.surface.refused_keys.add("change:1")
        await approve(b)
        b.surface.refused_keys.clear()
        await b.write("deny 1 unseen", user="U2", mention=False)

        await b.rest()

        assert ["cannot be shown whole now" in text for _, text in b.surface.whispers] == [True]
        assert (await change_of(b)).state is State.DENIED


async def test_deny_asks_why_and_the_reason_is_kept() -> None:
    async with proposed() as b:
        await b.click("deny", 1)
        await b.rest()
        asked = list(b.surface.modals)
        await b.put(Reason("T1", "U2", 1, (await change_of(b)).digest, "not during the sale"))

        await b.rest()

        assert asked == [("reason", 1)]
        card = b.surface.cards[1][-1]
        assert (card.state, card.decided_by, card.reason) == (State.DENIED, "U2", "not during the sale")
        assert b.cluster.landed == []


async def test_a_reason_that_is_too_long_says_how_much_is_left_out() -> None:
    async with proposed() as b:
        await b.put(Reason("T1", "U2", 1, (await change_of(b)).digest, "no " * 2000))

        await b.rest()

        assert b.surface.cards[1][-1].reason.endswith("… (2000 more characters are in the message)")


async def test_a_stranger_cannot_deny_by_a_forged_dialog() -> None:
    async with proposed() as b:
        b.surface.people["U3"] = Person("U3", "T1", "carl")
        await b.put(Reason("T1", "U3", 1, (await change_of(b)).digest, "no"))
        await b.put(Reason("T9", "U2", 1, (await change_of(b)).digest, "no"))

        await b.rest()

        assert (await change_of(b)).state is State.PROPOSED
        assert [user for user, _ in b.surface.whispers] == ["U3", "U2"]


async def test_details_open_for_every_member() -> None:
    async with proposed() as b:
        await b.click("details", 1, user="U1")

        await b.rest()

        assert b.surface.modals == [("details", 1)]


async def test_a_button_of_another_thread_does_nothing() -> None:
    async with proposed() as b:
        await b.click("approve", 7)

        await b.rest()

        assert "belongs to no change" in b.surface.whispers[0][1]


async def test_refusals_are_in_the_audit_log() -> None:
    async with proposed() as b:
        before, _ = await b.stores.audit.verify()
        await b.click("approve", 1, user="U1")

        await b.rest()

        assert await b.stores.audit.verify() == (before + 1, "")


class MappedCluster(FakeCluster):
    """People are Kubernetes users here; only `allowed` ones may write."""

    def __init__(self, allowed: set[str]) -> None:
        super().__init__()
        self.allowed = allowed
        self.reviews: list[dict[str, object]] = []

    def identity(self, person: Person) -> Identity | None:
        return Identity(f"{person.name}@example.com")

    async def send(self, request: ApiRequest, identity: Identity | None, *, dry_run: bool) -> ApiResponse:
        if not request.path.endswith("selfsubjectaccessreviews"):
            return await super().send(request, identity, dry_run=dry_run)
        assert identity is not None
        self.reviews.append(json.loads(request.body)["spec"]["resourceAttributes"])
        return ApiResponse(201, {}, b"", {"status": {"allowed": identity.user in self.allowed}})


@pytest.mark.parametrize(("allowed", "state"), [({"bob@example.com"}, State.DONE), (set(), State.PROPOSED)])
async def test_a_mapped_approver_needs_the_rights_in_the_cluster(allowed: set[str], state: State) -> None:
    async with proposed() as b:
        cluster = MappedCluster(allowed)
        b.cluster = cluster
        await b.click("approve", 1)

        await b.rest()

        assert (await change_of(b)).state is state
        assert [(r["verb"], r["group"], r["resource"], r["namespace"], r["name"]) for r in cluster.reviews] == [
            ("patch", "apps", "deployments", "shop", "web")
        ]
        assert ["may not patch deployments.apps in shop" in text for _, text in b.surface.whispers] == ([] if allowed else [True])
