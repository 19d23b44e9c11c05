"""What a command asked for and was refused: kept beside its change, in words that whoever approves reads."""

from __future__ import annotations

from dataclasses import replace

from bot.changes import propose, refusals
from bot.changes.change import State
from bot.changes.ports import NewChange
from bot.values.requests import RecordedWrite, Recording, RefusedRequest
from tests.unit.changes.bench import WEB, Bench, config, scale
from tests.unit.changes.builders import NOW, RULES, change_of, deployment
from tests.unit.changes.memory import MemoryChanges

PATH = "/apis/apps/v1/namespaces/shop/deployments"
QUOTA = RefusedRequest("POST", PATH, "exceeded quota: pods", 403, "Deployment shop/x")
UNTITLED = RefusedRequest("POST", "/api/v1/namespaces/shop/pods/p/portforward", "Port forwarding cannot be rehearsed.")


def build(*refused: RefusedRequest, writes: tuple[RecordedWrite, ...] = ()) -> NewChange:
    return propose.build(
        Recording(writes or (config(),), refused=refused),
        thread_id="T1:C1:100.1",
        call_id="call-1",
        turn=1,
        cluster="prod",
        command="kubectl apply -f all.yaml",
        asked_by="U1",
        settings=RULES,
        now=NOW,
    )


def test_one_request_is_one_line() -> None:
    assert refusals.lines((), 3) == []
    assert refusals.lines((QUOTA,), 3) == [
        "1 request was refused and is not part of this change: POST Deployment shop/x – exceeded quota: pods"
    ]


def test_of_several_the_first_are_named_and_the_others_counted() -> None:
    refused = [replace(QUOTA, title=f"Deployment shop/x{number}") for number in range(5)]

    assert refusals.lines(refused, 2) == [
        "5 requests were refused and are not part of this change:",
        "POST Deployment shop/x0 – exceeded quota: pods",
        "POST Deployment shop/x1 – exceeded quota: pods",
        "… 3 more, see Details",
    ]
    assert "more" not in "".join(refusals.lines(refused, 5))


def test_no_reason_passes_for_another_request() -> None:
    nasty = replace(QUOTA, reason="no\nPOST Deployment shop/y – fine")

    assert refusals.describe_fully(nasty).split("\n") == [
        "POST Deployment shop/x – no",
        "  POST Deployment shop/y – fine",
        f"  POST {PATH} → HTTP 403",
    ]
    assert refusals.describe_fully(UNTITLED) == f"POST {UNTITLED.path} – Port forwarding cannot be rehearsed."


def test_a_change_keeps_each_refusal_of_its_command_once() -> None:
    assert build(QUOTA, UNTITLED, QUOTA).refused == (QUOTA, UNTITLED)


def test_an_edited_command_brings_its_own_refusals() -> None:
    before = MemoryChanges().add(build(QUOTA))

    assert propose.replace_edited(before, build(UNTITLED)).refused == (UNTITLED,)
    assert propose.replace_edited(before, build()).refused == ()


async def test_a_change_whose_object_moved_keeps_the_refusals_of_its_command() -> None:
    bench = Bench()
    bench.cluster.put(WEB, deployment(3))
    change = await bench.approve(scale(5))
    bench.changes.rows[change.id] = replace(bench.changes.rows[change.id], refused=(QUOTA,))
    bench.cluster.put(WEB, deployment(4))

    superseded = await bench.replay(change)

    assert superseded.state is State.SUPERSEDED
    assert bench.changes.rows[superseded.superseded_by or 0].refused == (QUOTA,)


def test_what_is_refused_is_not_sent_so_the_digest_does_not_depend_on_it() -> None:
    assert build(QUOTA).digest == build().digest == change_of([config()]).digest
