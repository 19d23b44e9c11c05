"""After a crash or a lost answer: a write that was sent is looked at, and never lands twice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from bot.changes.change import Send, SendState, State
from bot.values.requests import ApiRequest, RecordedWrite
from tests.unit.changes.bench import POD, WEB, Bench, config, delete, evict, image, scale
from tests.unit.changes.builders import APPLY, JSON, JSON_PATCH, deployment, path_of, rehearse, write

CONFIG = path_of("configmaps", "c")
APPLY_NEW = write("patch", "configmaps", "c", {"kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"a": "1"}}, kind=APPLY)
APPEND = write("patch", "deployments", "web", [{"op": "add", "path": "/metadata/finalizers/-", "value": "b"}], kind=JSON_PATCH)
FORCED = write("delete", "pods", "p1", {"kind": "DeleteOptions", "gracePeriodSeconds": 0}, kind=JSON)
GENERATED = write("create", "jobs", "", {"kind": "Job", "metadata": {"generateName": "try-"}}, kind=JSON)


def lose(faults: list[str]) -> Callable[[ApiRequest, bool], str]:
    """Faults of the next real writes, in order."""
    return lambda request, dry_run: faults.pop(0) if faults and request.method != "GET" and not dry_run else ""


@pytest.mark.parametrize(
    "written", [scale(), image(), config(), APPLY_NEW, delete(), evict()], ids=["scale", "patch", "create", "apply", "delete", "evict"]
)
async def test_a_write_that_landed_without_an_answer_is_seen_and_not_repeated(bench: Bench, written: RecordedWrite) -> None:
    change = await bench.approve(written)
    bench.cluster.fault = lose(["after"])

    done = await bench.replay(change)

    assert done.state is State.DONE
    assert len(bench.cluster.persisted) == 1
    assert (done.sends[0].state, done.sends[0].message) == (SendState.LANDED, "its answer was lost, but it is in the cluster")


@pytest.mark.parametrize("written", [scale(), image(), APPEND, delete(), evict()], ids=["scale", "patch", "append", "delete", "evict"])
async def test_a_write_that_did_not_land_is_sent_again_with_the_same_precondition(bench: Bench, written: RecordedWrite) -> None:
    bench.cluster.put(WEB, deployment(finalizers=["a"]))
    change = await bench.approve(written)
    bench.cluster.fault = lose(["before"])

    done = await bench.replay(change)

    assert done.state is State.DONE
    assert len(bench.cluster.persisted) == 1
    sent = [line.facts["precondition"] for line in bench.changes.lines if line.action == "write_sent"]
    assert len(sent) == 2
    assert sent[0] == sent[1]


@pytest.mark.parametrize("written", [config(), APPLY_NEW, GENERATED], ids=["create", "apply", "generated"])
async def test_a_create_that_cannot_be_seen_is_left_to_a_person(bench: Bench, written: RecordedWrite) -> None:
    change = await bench.approve(written)
    bench.cluster.fault = lose(["before"])

    done = await bench.replay(change)

    assert done.state is State.UNKNOWN
    assert done.sends[0].state is SendState.UNKNOWN
    assert "kubectl -n shop get " in done.reason
    assert not bench.cluster.persisted


async def test_a_created_object_that_looks_different_is_left_to_a_person(bench: Bench) -> None:
    change = await bench.approve(config())
    bench.cluster.fault = lose(["before"])
    bench.cluster.on_write = lambda: None
    original = bench.cluster.fault

    def somebody_else_creates_it(request: ApiRequest, dry_run: bool) -> str:
        found = original(request, dry_run)
        if found:
            bench.cluster.put(CONFIG, {"data": {"a": "other"}})
        return found

    bench.cluster.fault = somebody_else_creates_it

    done = await bench.replay(change)

    assert done.state is State.UNKNOWN
    assert done.reason.endswith("Check it with `kubectl -n shop get configmaps c -o yaml`.")


@pytest.mark.parametrize("happened", [True, False])
@pytest.mark.parametrize("written", [scale(), image(), delete(), evict()], ids=["scale", "patch", "delete", "evict"])
async def test_a_new_process_finishes_what_a_dead_one_sent(bench: Bench, written: RecordedWrite, happened: bool) -> None:
    number = await bench.sent_before(written, happened=happened)

    done = await bench.replay(bench.changes.rows[number])

    assert done.state is State.DONE
    assert len(bench.cluster.persisted) == 1


async def test_an_append_that_landed_is_recognised_by_its_fields(bench: Bench) -> None:
    bench.cluster.put(WEB, deployment(finalizers=["a"]))
    number = await bench.sent_before(APPEND, happened=True)

    done = await bench.replay(bench.changes.rows[number])

    assert done.state is State.DONE
    assert bench.cluster.objects[WEB]["metadata"]["finalizers"] == ["a", "b"]


async def test_an_update_that_others_have_overwritten_is_left_to_a_person(bench: Bench) -> None:
    number = await bench.sent_before(scale(), happened=True)
    bench.cluster.put(WEB, deployment(replicas=1))

    done = await bench.replay(bench.changes.rows[number])

    assert done.state is State.UNKNOWN
    assert done.reason.endswith("Check it with `kubectl -n shop get deployments.apps web -o yaml`.")
    assert len(bench.cluster.persisted) == 1


async def test_an_update_without_preview_is_recognised_by_its_fields_only(bench: Bench) -> None:
    before = bench.cluster.objects[WEB]
    written = replace(await rehearse(bench.cluster, scale()), has_preview=False)
    change = await bench.approve(written, preview=False)
    bench.cluster.put(WEB, deployment(replicas=5))
    bench.ledger(change, [Send(0, SendState.SENT, precondition=before["metadata"]["resourceVersion"])])
    assert (await bench.replay(change)).state is State.DONE

    bench.cluster.put(WEB, deployment(replicas=4))
    bench.ledger(change, [Send(0, SendState.SENT, precondition=before["metadata"]["resourceVersion"])])
    assert (await bench.replay(change)).state is State.UNKNOWN


async def test_an_update_of_which_no_before_image_is_kept_is_dry_run(bench: Bench) -> None:
    number = await bench.sent_before(scale(), happened=True)
    row = bench.changes.rows[number]
    bench.changes.rows[number] = replace(row, writes=(replace(row.writes[0], before=None, after=None),))

    done = await bench.replay(bench.changes.rows[number])

    assert done.state is State.DONE
    assert len(bench.cluster.persisted) == 1


async def test_an_updated_object_that_is_gone_is_left_to_a_person(bench: Bench) -> None:
    number = await bench.sent_before(scale(), happened=True)
    del bench.cluster.objects[WEB]

    assert (await bench.replay(bench.changes.rows[number])).state is State.UNKNOWN


async def test_a_deletion_under_way_has_landed(bench: Bench) -> None:
    bench.cluster.put(POD, {"metadata": {"finalizers": ["x"]}})
    number = await bench.sent_before(delete(), happened=True)

    done = await bench.replay(bench.changes.rows[number])

    assert done.state is State.DONE
    assert len(bench.cluster.persisted) == 1


async def test_a_deletion_of_what_was_going_already_is_left_to_a_person(bench: Bench) -> None:
    bench.cluster.put(POD, {"metadata": {"finalizers": ["x"], "deletionTimestamp": "earlier"}})
    number = await bench.sent_before(FORCED, happened=True)

    assert (await bench.replay(bench.changes.rows[number])).state is State.UNKNOWN


async def test_a_deletion_whose_object_only_changed_is_checked_and_sent_again(bench: Bench) -> None:
    number = await bench.sent_before(delete(), happened=False)
    bench.cluster.put(POD, {"spec": {"nodeName": "n1"}, "status": {"phase": "Running"}})

    done = await bench.replay(bench.changes.rows[number])

    assert done.state is State.DONE
    assert len(bench.cluster.persisted) == 1


async def test_an_eviction_that_was_tied_to_nothing_is_left_to_a_person(bench: Bench) -> None:
    number = await bench.sent_before(evict(), happened=False, precondition="")

    assert (await bench.replay(bench.changes.rows[number])).state is State.UNKNOWN
    assert not bench.cluster.persisted


@pytest.mark.parametrize(("happened", "state"), [(True, State.DONE), (False, State.UNKNOWN)])
async def test_a_collection_that_is_empty_was_deleted(bench: Bench, happened: bool, state: State) -> None:
    number = await bench.sent_before(write("deletecollection", "pods"), happened=happened)

    done = await bench.replay(bench.changes.rows[number])

    assert done.state is state
    assert len(bench.cluster.persisted) == happened
    assert happened or done.reason.endswith("Check it with `kubectl -n shop get pods`.")


async def test_a_write_to_a_subresource_that_cannot_be_seen_is_left_to_a_person(bench: Bench) -> None:
    bind = write("create", "pods", "p1", {"kind": "Binding"}, kind=JSON, subresource="binding", before=bench.cluster.objects[POD])
    change = await bench.approve(bind, preview=False)
    bench.ledger(change, [Send(0, SendState.SENT)])

    assert (await bench.replay(change)).state is State.UNKNOWN


async def test_a_creation_in_protobuf_is_looked_up_by_the_name_that_was_shown(bench: Bench) -> None:
    after = {"kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"a": "1"}}
    made = write("create", "configmaps", "c", b"k8s\0c", kind="application/vnd.kubernetes.protobuf", after=after)
    change = await bench.approve(made, preview=False)
    bench.cluster.put(CONFIG, {"data": {"a": "1"}})
    bench.ledger(change, [Send(0, SendState.SENT)])

    assert (await bench.replay(change)).state is State.DONE


async def test_a_secret_in_protobuf_is_looked_up_by_its_own_name(bench: Bench) -> None:
    """Nothing of it is kept, and its body cannot be read: the list of all Secrets would be looked at in its place."""
    after = {"kind": "Secret", "metadata": {"name": "s"}}
    made = write("create", "secrets", "", b"k8s\0s", kind="application/vnd.kubernetes.protobuf", after=after)
    change = await bench.approve(made, preview=False)
    row = bench.changes.rows[change.id]
    bench.changes.rows[change.id] = replace(row, writes=(replace(row.writes[0], after=None),))
    bench.ledger(change, [Send(0, SendState.SENT)])

    assert (await bench.replay(change)).state is State.UNKNOWN
    assert [request.path.rpartition("/")[2] for request, _ in bench.cluster.asked if request.method == "GET"] == ["s"]


async def test_a_creation_whose_shown_result_is_not_kept_is_looked_up_by_the_name_that_was_asked_for(bench: Bench) -> None:
    change = await bench.approve(config())
    row = bench.changes.rows[change.id]
    bench.changes.rows[change.id] = replace(row, writes=(replace(row.writes[0], after=None),))
    bench.cluster.put(CONFIG, {"data": {"a": "1"}})
    bench.ledger(change, [Send(0, SendState.SENT)])

    assert (await bench.replay(change)).state is State.DONE
