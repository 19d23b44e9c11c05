"""What can be taken back, and how; the round trips are in the integration tests."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from bot.changes import live, undo, undo_rehearsal
from bot.changes.change import Change, Send, SendState, State
from bot.changes.undo import Left, Step
from bot.errors import ChangeError
from bot.values.requests import RecordedWrite
from tests.unit.changes.bench import WEB, Bench, config, delete, image, scale
from tests.unit.changes.builders import JSON, change_of, deployment, write
from tests.unit.changes.memory import MemoryChanges


async def carried_out(bench: Bench, *writes: RecordedWrite) -> Change:
    return await bench.replay(await bench.approve(*writes))


@pytest.mark.parametrize(
    ("written", "why"),
    [
        (write("patch", "secrets", "s", {}, before={}, after={}), "no copy of a Secret is kept."),
        (write("create", "secrets", "", {}), ""),
        (write("patch", "secrets", "s", {}), "no copy of a Secret is kept."),
        (delete("secrets"), "no copy of a Secret is kept."),
        (delete("pods"), "a pod that was stopped does not come back."),
        (write("create", "pods", "p", {}, subresource="eviction"), "a pod that was stopped does not come back."),
        (write("create", "pods", "p", {}, subresource="exec"), "what a command did in a container is not known."),
        (write("patch", "deployments", "web", {}, subresource="status", before={}), "what was written to `status` is not kept apart."),
        (write("patch", "deployments", "web", {}, before={"a": 1}, has_preview=False), "the server could not preview what it changes."),
        (write("delete", "configmaps", "c", before=None), "what there was before is not known."),
        (write("deletecollection", "configmaps", before={"kind": "List"}), "which objects it deletes is not known."),
        (write("delete", "configmaps", "c", before={"metadata": {"deletionTimestamp": "x"}}), "it was being deleted already."),
        (write("delete", "configmaps", "c", before={"data": {"a": "[redacted:0a]"}}), "parts of what there was before are hidden."),
        (write("update", "configmaps", "c", {}, before={"data": {}}, after={"data": {}}), ""),
        (write("create", "configmaps", "", {}, after={}), ""),
        (write("create", "configmaps", "", {}, after={}, has_preview=False), ""),
    ],
)
def test_what_cannot_be_taken_back_has_a_reason(written: RecordedWrite, why: str) -> None:
    assert undo.obstacle(written) == why


async def test_writes_of_one_object_are_taken_back_as_one_and_the_last_made_goes_first() -> None:
    bench = Bench()
    bench.cluster.put(WEB, deployment(3))
    done = await carried_out(bench, config("one"), config("two"), scale(5))

    rehearsed = await undo_rehearsal.rehearse(done, bench.cluster, None)

    assert [(w.request.method, w.info.name) for w in rehearsed.writes] == [("PATCH", "web"), ("DELETE", "two"), ("DELETE", "one")]
    assert rehearsed.left == ()


def test_a_change_that_made_and_removed_one_object_leaves_nothing_to_undo() -> None:
    made, gone = config("c"), write("delete", "configmaps", "c", {}, kind=JSON, before={"data": {"a": "1"}})
    sends = (Send(0, SendState.LANDED, "", 201), Send(1, SendState.LANDED, "u/1", 200))
    change = replace(MemoryChanges().add(change_of([made, gone])), state=State.DONE, sends=sends)

    assert undo.targets(change) == ([], [])


async def test_only_what_landed_is_taken_back() -> None:
    bench = Bench()
    bench.cluster.put(WEB, deployment(3))
    done = await carried_out(bench, config("one"), scale(5))
    partly = replace(done, state=State.PARTIAL, sends=done.sends[:1])

    rehearsed = await undo_rehearsal.rehearse(partly, bench.cluster, None)

    assert [w.info.name for w in rehearsed.writes] == ["one"]


async def test_an_undo_is_rehearsed_without_writing_anything() -> None:
    bench = Bench()
    bench.cluster.put(WEB, deployment(3))
    done = await carried_out(bench, image())
    persisted = len(bench.cluster.persisted)

    rehearsed = await undo_rehearsal.rehearse(done, bench.cluster, None)

    assert len(bench.cluster.persisted) == persisted
    operations = json.loads(rehearsed.writes[0].request.body)
    assert operations[-1] == {"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "nginx:1"}


async def test_an_undo_that_the_server_refuses_stays_and_says_why() -> None:
    bench = Bench()
    bench.cluster.put(WEB, deployment(3))
    done = await carried_out(bench, image())
    bench.cluster.dry_refusals.append((422, "Invalid", "spec.x is immutable"))

    rehearsed = await undo_rehearsal.rehearse(done, bench.cluster, None)

    assert rehearsed.writes == ()
    assert str(rehearsed.left[0]) == "Stays as it is: Deployment shop/web: the API server refuses to take it back: spec.x is immutable."


@pytest.mark.parametrize(
    ("now", "why"),
    [
        (None, "it is gone."),
        ({"metadata": {"uid": "other"}, "spec": {"replicas": 5}}, "it is another object of the same name by now."),
        ({"metadata": {"uid": "u"}, "spec": {"replicas": 3}}, "it is as it was before already."),
        ({"metadata": {"uid": "u"}, "spec": {"replicas": 9}}, "somebody changed the same since: spec.replicas."),
    ],
)
def test_what_is_not_as_the_change_left_it_stays(now: Any, why: str) -> None:
    before, after = ({"kind": "Deployment", "metadata": {"uid": "u"}, "spec": {"replicas": n}} for n in (3, 5))
    written = write("patch", "deployments", "web", {"spec": {"replicas": 5}}, before=before, after=after)
    target = undo.Target(written.info, "Deployment shop/web", before, after, (written,))

    assert undo.reverse(target, now) == Left("Deployment shop/web", why)


def test_taking_back_a_restart_says_that_it_restarts() -> None:
    key = "kubectl.kubernetes.io/restartedAt"
    template: dict[str, Any] = {"metadata": {"annotations": {}}}
    before = {"kind": "Deployment", "spec": {"template": template}}
    after = {"kind": "Deployment", "spec": {"template": {"metadata": {"annotations": {key: "now"}}}}}
    written = write("patch", "deployments", "web", {}, before=before, after=after)

    step = undo.reverse(undo.Target(written.info, "Deployment shop/web", before, after, (written,)), after)

    assert isinstance(step, Step)
    assert step.notes == ("Taking a restart back restarts the pods once more.",)


def test_a_mixed_change_names_what_stays() -> None:
    secret = write("patch", "secrets", "s", {}, before={"kind": "Secret"}, after={"kind": "Secret"})

    change = change_of([config("c"), secret])

    assert [line for line in change.impact if undo.is_lasting(line)] == [
        "Undo is not possible for Secret shop/s: no copy of a Secret is kept."
    ]


def test_many_objects_that_stay_for_the_same_reason_are_one_line() -> None:
    pods = [write("create", "pods", f"p{n}", {}, subresource="eviction", before={"kind": "Pod"}) for n in range(12)]

    change = change_of([config("c"), *pods])

    assert [line for line in change.impact if undo.is_lasting(line)] == [
        "Undo is not possible for Pod shop/p0, Pod shop/p1, Pod shop/p2 and 9 more: a pod that was stopped does not come back."
    ]


async def test_what_is_done_to_an_object_after_it_was_made_goes_with_it() -> None:
    """A scale of what the same change makes has no preview, and no copy of a Secret is kept: to delete them needs neither."""
    made = write("create", "deployments", "web", {}, after=deployment(1))
    scaled = write("patch", "deployments", "web", {}, subresource="scale", before=deployment(1), has_preview=False)
    secret, again = write("create", "secrets", "s", {}), write("patch", "secrets", "s", {})
    pod = {"kind": "Pod", "metadata": {"name": "p"}}
    started, command = write("create", "pods", "p", {}, after=pod), write("create", "pods", "p", {}, subresource="exec", before=pod)

    def lasting(*writes: RecordedWrite) -> list[str]:
        return [line for line in change_of(list(writes)).impact if undo.is_lasting(line)]

    assert lasting(made, scaled, secret, again) == []
    assert lasting(scaled) == ["Undo is not possible: the server could not preview what it changes."]
    assert lasting(started, command) == ["Undo is not possible for Pod shop/p: what a command did in a container is not known."]


def test_what_was_made_is_deleted_by_its_name_and_stays_if_that_is_not_known() -> None:
    """Without a name the path would be that of all objects of the kind."""
    unnamed = write("create", "secrets", "", b"k8s\0", kind="application/vnd.kubernetes.protobuf")
    landed = (Send(0, SendState.LANDED, "", 201),)
    change = replace(MemoryChanges().add(change_of([unnamed])), state=State.DONE, sends=landed)
    named = replace(change, diffs=(replace(change.diffs[0], name="s"),))

    assert [target.info.path.rpartition("/")[2] for target in undo.targets(named)[0]] == ["s"]
    assert [(targets, left[0].why) for targets, left in [undo.targets(change)]] == [([], "its name is not known.")]
    with pytest.raises(ChangeError, match="The name of what a request makes is not known"):
        live.object_path(unnamed)
