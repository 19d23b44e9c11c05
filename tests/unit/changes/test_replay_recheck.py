"""The re-check before anything is sent: what has moved is shown anew instead of written."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot.changes.change import Change, State
from bot.changes.recheck import explain
from bot.values.requests import ApiRequest, RecordedWrite
from tests.unit.changes.bench import POD, WEB, Bench, config, delete, image, scale
from tests.unit.changes.builders import APPLY, JSON, NOW, RULES, change_of, deployment, path_of, rehearse, write


async def test_an_object_that_moved_supersedes_the_change(bench: Bench) -> None:
    change = await bench.approve(scale())
    bench.cluster.put(WEB, deployment(replicas=4))

    done = await bench.replay(change)

    assert done.state is State.SUPERSEDED
    assert done.reason == "Deployment shop/web has moved: spec.replicas is not what it was when this was shown."
    assert not bench.cluster.persisted
    fresh = bench.changes.rows[done.superseded_by or 0]
    assert (fresh.state, fresh.supersedes, fresh.call_id) == (State.PROPOSED, change.id, change.call_id)
    assert [(f.old, f.new) for f in fresh.diffs[0].fields] == [(4, 5)]
    assert (fresh.digest, fresh.expires_at) == (change.digest, NOW + RULES.lapse_seconds)


@pytest.mark.parametrize(("theirs", "state"), [(1, State.DONE), (4, State.SUPERSEDED)])
async def test_a_size_that_is_kept_where_nobody_knows_supersedes_the_change_when_it_moves(bench: Bench, theirs: int, state: State) -> None:
    bench.cluster.size_field = "size"
    bench.cluster.put(WEB, {"spec": {"size": 1}})
    change = await bench.approve(scale())
    bench.cluster.put(WEB, {"spec": {"size": theirs}})

    done = await bench.replay(change)

    assert done.state is state
    assert len(bench.cluster.persisted) == (state is State.DONE)


async def approve_sized(bench: Bench, size: int) -> Change:
    """A scale to 5 of an object that keeps its size in `spec.size`, as the gateway records it."""
    bench.cluster.size_field = "size"
    before = bench.cluster.put(WEB, {"spec": {"size": size, "colour": "red"}})
    return await bench.approve(replace(scale(), before=before, after={**before, "spec": {"size": 5, "colour": "red"}}), preview=False)


async def test_of_a_size_that_has_its_own_field_only_that_field_counts(bench: Bench) -> None:
    change = await approve_sized(bench, 1)
    bench.cluster.put(WEB, {"spec": {"size": 1, "colour": "green"}})

    done = await bench.replay(change)

    assert (done.state, bench.cluster.objects[WEB]["spec"]) == (State.DONE, {"size": 5, "colour": "green"})


async def test_a_size_that_has_its_own_field_is_shown_anew_when_it_moved(bench: Bench) -> None:
    change = await approve_sized(bench, 1)
    bench.cluster.put(WEB, {"spec": {"size": 4, "colour": "red"}})

    done = await bench.replay(change)

    fresh = bench.changes.rows[done.superseded_by or 0]
    assert done.reason == "Deployment shop/web has moved: spec.size is not what it was when this was shown."
    assert [(f.path, f.old, f.new) for f in fresh.diffs[0].fields] == [("spec.size", 4, 5)]
    assert fresh.writes[0].after["spec"] == {"size": 5, "colour": "red"}


@pytest.mark.parametrize(("theirs", "state"), [(5, State.DONE), (4, State.SUPERSEDED)])
async def test_a_scale_to_the_size_that_it_has_is_not_sent(bench: Bench, theirs: int, state: State) -> None:
    change = await approve_sized(bench, 5)
    bench.cluster.put(WEB, {"spec": {"size": theirs, "colour": "red"}})

    done = await bench.replay(change)

    assert (done.state, bench.cluster.persisted) == (state, [])


async def test_a_field_that_nobody_showed_supersedes_the_change(bench: Bench) -> None:
    change = await bench.approve(write("update", "deployments", "web", deployment(9, name="web", namespace="shop"), kind=JSON))
    bench.cluster.put(WEB, deployment(image="nginx:hotfix"))

    done = await bench.replay(change)

    assert done.reason == "Deployment shop/web has moved: spec.template.spec.containers[web].image would change as well now."


async def test_a_field_that_would_not_change_any_more_supersedes_the_change(bench: Bench) -> None:
    change = await bench.approve(write("patch", "deployments", "web", {"metadata": {"labels": {"a": "b"}}, "spec": {"replicas": 5}}))
    bench.cluster.put(WEB, deployment(replicas=5))

    done = await bench.replay(change)

    assert done.reason == "Deployment shop/web has moved: spec.replicas would not change any more."


@pytest.mark.parametrize("written", [scale(), delete("deployments", "web")], ids=["scale", "delete"])
async def test_another_object_of_the_same_name_supersedes_the_change(bench: Bench, written: RecordedWrite) -> None:
    change = await bench.approve(written)
    del bench.cluster.objects[WEB]
    bench.cluster.put(WEB, deployment())

    done = await bench.replay(change)

    assert done.state is State.SUPERSEDED
    assert done.reason == "Deployment shop/web is another object of the same name by now."
    assert not bench.cluster.persisted


async def test_an_apply_that_would_update_what_it_was_to_create_supersedes_the_change(bench: Bench) -> None:
    change = await bench.approve(
        write("patch", "configmaps", "new", {"kind": "ConfigMap", "metadata": {"name": "new"}, "data": {"a": "1"}}, kind=APPLY)
    )
    bench.cluster.put(path_of("configmaps", "new"), {"data": {"a": "0"}})

    done = await bench.replay(change)

    assert done.reason == "ConfigMap shop/new is another object of the same name by now."


async def test_what_is_so_already_is_not_sent(bench: Bench) -> None:
    change = await bench.approve(scale(), delete())
    bench.cluster.put(WEB, deployment(replicas=5))
    del bench.cluster.objects[POD]

    done = await bench.replay(change)

    assert done.state is State.DONE
    assert done.reason == (
        "Deployment shop/web was as this change wants it already, nothing was sent; Pod shop/p1 was gone already, nothing was sent."
    )
    assert not bench.cluster.persisted


@pytest.mark.parametrize("dry_run", [True, False])
async def test_what_goes_while_it_is_removed_is_gone(bench: Bench, dry_run: bool) -> None:
    change = await bench.approve(delete())

    def take_away(request: ApiRequest, is_dry: bool) -> str:
        if request.method == "DELETE" and is_dry is dry_run:
            bench.cluster.objects.pop(POD, None)
        return ""

    bench.cluster.fault = take_away

    done = await bench.replay(change)

    assert done.state is State.DONE
    assert done.reason.startswith("Pod shop/p1 was gone already")
    assert not bench.cluster.persisted


async def test_nothing_is_sent_when_a_later_write_has_moved(bench: Bench) -> None:
    change = await bench.approve(config(), scale())
    bench.cluster.put(WEB, deployment(replicas=1))

    done = await bench.replay(change)

    assert done.state is State.SUPERSEDED
    assert not bench.cluster.persisted


async def test_a_successor_keeps_what_builds_on_earlier_writes(bench: Bench) -> None:
    first = await rehearse(bench.cluster, scale())
    change = bench.changes.add(change_of([first, replace(await rehearse(bench.cluster, image()), depends_on=(0,))]))
    bench.changes.approve(change.id, NOW)
    bench.cluster.put(WEB, deployment(replicas=1))

    done = await bench.replay(change)

    fresh = bench.changes.rows[done.superseded_by or 0]
    assert fresh.diffs[1].fields == change.diffs[1].fields
    assert fresh.diffs[1].notes == ("Not looked at again: it builds on an earlier write of this change.",)


async def test_a_conflict_of_the_dry_run_is_looked_at_again(bench: Bench) -> None:
    change = await bench.approve(scale())
    moves = iter([True])

    def move_between_read_and_dry_run(request: ApiRequest, dry_run: bool) -> str:
        if dry_run and next(moves, False):
            bench.cluster.put(WEB, deployment())
        return ""

    bench.cluster.fault = move_between_read_and_dry_run

    done = await bench.replay(change)

    assert done.state is State.DONE


async def test_what_cannot_be_previewed_is_sent_as_it_is(bench: Bench) -> None:
    before = bench.cluster.objects[WEB]
    written = replace(scale(), before=before, after=None, has_preview=False)
    change = await bench.approve(written, replace(config(), has_preview=False), preview=False)

    done = await bench.replay(change)

    assert done.state is State.DONE
    assert not any(dry for _, dry in bench.cluster.asked)
    assert len(bench.cluster.persisted) == 2


@pytest.mark.parametrize("move", ["changed", "replaced"])
async def test_what_cannot_be_previewed_is_not_sent_once_its_object_changed(bench: Bench, move: str) -> None:
    written = replace(scale(), before=bench.cluster.objects[WEB], after=None, has_preview=False)
    change = await bench.approve(written, preview=False)
    if move == "replaced":
        del bench.cluster.objects[WEB]
    bench.cluster.put(WEB, deployment(replicas=3 if move == "replaced" else 4))

    done = await bench.replay(change)

    assert done.state is State.SUPERSEDED
    assert done.reason.startswith("Deployment shop/web ")
    assert not bench.cluster.persisted


async def test_a_collection_that_grew_supersedes_the_change(bench: Bench) -> None:
    change = await bench.approve(write("deletecollection", "pods"))
    bench.cluster.put(path_of("pods", "p2"), {})

    done = await bench.replay(change)

    assert done.state is State.SUPERSEDED
    assert [f.path for f in bench.changes.rows[done.superseded_by or 0].diffs[0].fields] == ["shop/p1", "shop/p2"]


@pytest.mark.parametrize("grows", [False, True])
async def test_a_collection_that_cannot_be_previewed_is_compared_by_its_objects(bench: Bench, grows: bool) -> None:
    seen = await rehearse(bench.cluster, write("deletecollection", "pods"))
    change = await bench.approve(replace(seen, has_preview=False), preview=False)
    bench.cluster.put(path_of("pods", "p2" if grows else "p1"), {"metadata": {"labels": {"other": "now"}}})

    done = await bench.replay(change)

    assert done.state is (State.SUPERSEDED if grows else State.DONE)
    assert bool(bench.cluster.persisted) is not grows


async def test_an_object_that_may_not_be_read_is_not_written(bench: Bench) -> None:
    change = await bench.approve(scale())
    bench.cluster.get_refusals = [(403, "Forbidden", "cannot get deployments")]

    done = await bench.replay(change)

    assert (done.state, done.reason) == (State.FAILED, "Deployment shop/web: cannot get deployments")
    assert not bench.cluster.persisted


@pytest.mark.parametrize(
    ("fresh", "words"),
    [
        ({"action": "create"}, "would be a different action now: create, not scale."),
        ({"namespace": "other"}, "has moved since this was shown."),
        ({"fields": ()}, "has moved: spec.replicas would not change any more."),
    ],
)
async def test_what_is_different_is_said_in_one_sentence(bench: Bench, fresh: dict[str, Any], words: str) -> None:
    approved = (await bench.approve(scale())).diffs[0]

    assert explain(approved, replace(approved, **fresh)) == f"Deployment shop/web {words}"
