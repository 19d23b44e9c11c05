"""Proposals through the running bot: they go into its inbox, and everything else is its own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bot.mcp_server.desk import SlackDesk
from bot.threads.inbound.incoming import Click
from tests.fakes import prints, scales
from tests.unit.threads import harness
from tests.unit.threads.harness import Bench

SCALE = "kubectl -n shop scale deploy/web --replicas=5"


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async with harness.bench() as made:
        made.sandboxes.programs |= {SCALE: scales(made.cluster, 5), "kubectl get pods": prints("web-1\n")}
        yield made


def make_desk(bench: Bench, user: str = "U1") -> SlackDesk:
    return SlackDesk(bench.stores, team_id="T1", channel_id="C1", user_id=user, now=bench.time)


async def test_the_bot_rehearses_it_and_a_person_approves_it_in_slack(bench: Bench) -> None:
    desk = make_desk(bench)

    queued = await desk.propose(SCALE)
    before = await desk.status(queued.id)
    await bench.rest()
    # As the real surface does when it has posted the root message: the desk goes by that.
    await bench.stores.messages.posted(f"root:{queued.id}", "C1", "900.1", "")
    proposed = await desk.status(queued.id)
    change = await bench.stores.changes.get(1)
    assert change is not None
    await _click(bench, "approve", change.digest)
    await bench.rest()
    done = await desk.status(queued.id)

    assert [report.state for report in (queued, before, proposed, done)] == ["queued", "queued", "proposed", "done"]
    assert {report.id for report in (queued, before, proposed, done)} == {queued.id}
    assert proposed.changes[:2] == ("update Deployment shop/web", "  spec.replicas  3 → 5")
    assert "People decide in the Slack thread." in proposed.told
    assert change.asked_by == "U1"
    assert len(bench.cluster.landed) == 1


async def test_a_command_that_only_reads_comes_to_no_change(bench: Bench) -> None:
    desk = make_desk(bench)

    queued = await desk.propose("kubectl get pods")
    await bench.rest()
    await bench.stores.messages.posted(f"root:{queued.id}", "C1", "900.1", "")
    read = await desk.status(queued.id)

    assert (read.id, read.state, read.output) == (queued.id, "nothing to change", "web-1")


async def test_who_may_not_use_the_bot_proposes_nothing(bench: Bench) -> None:
    desk = make_desk(bench, user="UG")

    queued = await desk.propose(SCALE)
    await bench.rest()
    later = await desk.status(queued.id)

    assert later.state == "queued"
    assert "may not work for this person" in later.told
    assert await bench.stores.changes.get(1) is None


async def _click(bench: Bench, action: str, digest: str) -> None:
    await bench.put(Click("T1", "C1", "U2", action, "900.1", "900.5", "trigger", 1, digest))
