"""Approved execs: run once, in the pod that was shown, with what they printed; after a crash nobody knows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot.changes import digest, undo
from bot.changes.change import Change, SendState, State
from bot.changes.replay import replay
from bot.changes.rollout_watch import watch_rollouts
from bot.changes.sending import Keep, keep_nothing
from bot.errors import UpstreamUnavailableError
from bot.values.execs import Executed, Output
from bot.values.requests import ApiRequest, Identity, RecordedWrite, Recording, RequestInfo
from tests.unit.changes.builders import NOW, RULES, change_of, deployment, path_of, rehearse, write
from tests.unit.changes.cluster import FakeCluster
from tests.unit.changes.memory import MemoryChanges

POD = path_of("pods", "web-1")
WRITER = Identity("writer")


def pod(**state: Any) -> dict[str, Any]:
    """A pod whose container `app` runs, unless a state is given."""
    return {"kind": "Pod", "metadata": {}, "status": {"containerStatuses": [{"name": "app", "state": state or {"running": {}}}]}}


def exec_of(cluster: FakeCluster, *argv: str, stdin: bytes = b"") -> RecordedWrite:
    """An exec as the gateway records it."""
    query = [("command", word) for word in argv] + [("container", "app")] + ([("stdin", "true")] if stdin else [])
    request = ApiRequest("POST", f"{POD}/exec", (*query, ("stdout", "true"), ("stderr", "true")), body=stdin)
    info = RequestInfo("create", True, f"{POD}/exec", "", "v1", "pods", "exec", "shop", "web-1")
    metadata = cluster.objects[POD]["metadata"]
    before = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web-1", "namespace": "shop", "uid": metadata["uid"]}}
    return RecordedWrite(request, info, WRITER, before, None, has_preview=False, note="It cannot be previewed.")


class Stage:
    """A pod, and a change that execs into it."""

    def __init__(self, *argv: str, stdin: bytes = b"") -> None:
        self.cluster = FakeCluster()
        self.cluster.put(POD, pod())
        self.changes = MemoryChanges()
        self.change = self.changes.add(change_of([exec_of(self.cluster, *(argv or ("date",)), stdin=stdin)]))
        self.held = ""

    async def replay(self, keep: Keep = keep_nothing) -> Change:
        if self.changes.rows[self.change.id].state is State.PROPOSED:
            self.changes.approve(self.change.id, NOW)

        async def pause(seconds: float) -> None:
            return

        async def held() -> str:
            return self.held

        return await replay(
            self.change.id, api=self.cluster, changes=self.changes, settings=RULES, clock=lambda: NOW, pause=pause, held=held, keep=keep
        )


def test_the_card_shows_what_runs_where() -> None:
    stage = Stage("sh", "-c", "kill -HUP 1", stdin=b"x" * 2048)

    [shown] = stage.change.diffs

    assert (shown.action, shown.title) == ("exec", "Pod shop/web-1")
    assert [(field.path, field.new) for field in shown.fields] == [
        ("container", "app"),
        ("command", "sh -c 'kill -HUP 1'"),
        ("stdin", "2,048 bytes"),
    ]
    assert shown.notes == ("It cannot be previewed.",)
    assert stage.change.impact == ("Undo is not possible: what a command did in a container is not known.",)


@pytest.mark.parametrize("part", ["argv", "stdin", "container"])
def test_the_digest_covers_all_that_is_run(part: str) -> None:
    stage = Stage("cat", stdin=b"a")
    write_ = stage.change.writes[0]
    changed = {"argv": {("command", "cat"): ("command", "tac")}, "container": {("container", "app"): ("container", "b")}}.get(part, {})
    query = tuple(changed.get(pair, pair) for pair in write_.request.query)
    request = replace(write_.request, query=query, body=b"b" if part == "stdin" else b"a")

    other = digest.of([replace(write_, request=request)], cluster="prod", asked_by="U1")

    assert other != stage.change.digest


async def test_an_approved_exec_runs_once_as_its_writer_with_its_input() -> None:
    stage = Stage("cat", stdin=b"hello")
    stage.cluster.ends = lambda request: Executed(Output(0, stdout=request.body.decode()))

    done = await stage.replay()
    again = await stage.replay()

    assert (done.state, again.state) == (State.DONE, State.DONE)
    assert stage.cluster.executed == [(stage.change.writes[0].request, WRITER)]
    assert done.sends[0].output == Output(0, stdout="hello")
    assert done.sends[0].precondition == stage.cluster.objects[POD]["metadata"]["uid"]


async def test_a_non_zero_exit_code_is_an_end_like_any_other() -> None:
    stage = Stage("false")
    stage.cluster.ends = lambda request: Executed(Output(7, stderr="no\n"))

    done = await stage.replay()

    assert done.state is State.DONE
    assert done.sends[0].message == "it ended with exit code 7"
    assert done.sends[0].output == Output(7, stderr="no\n")


async def test_an_exec_takes_its_place_among_the_writes() -> None:
    cluster, changes = FakeCluster(), MemoryChanges()
    cluster.put(POD, pod())
    cluster.put(path_of("deployments", "web"), deployment(3))
    scale = [await rehearse(cluster, write("patch", "deployments", "web", {"spec": {"replicas": size}})) for size in (4, 5)]
    change = changes.add(change_of([scale[0], exec_of(cluster, "date")]))
    changes.approve(change.id, NOW)
    seen: list[int] = []

    def look(request: ApiRequest) -> Executed:
        seen.append(cluster.objects[path_of("deployments", "web")]["spec"]["replicas"])
        return Executed(Output(0))

    cluster.ends = look

    done = await replay(change.id, api=cluster, changes=changes, settings=RULES, clock=lambda: NOW)

    assert done.state is State.DONE
    assert seen == [4]


async def test_a_pod_that_was_replaced_supersedes_the_exec() -> None:
    stage = Stage()
    del stage.cluster.objects[POD]
    stage.cluster.put(POD, pod())

    done = await stage.replay()

    assert done.state is State.SUPERSEDED
    assert stage.cluster.executed == []
    fresh = stage.changes.rows[done.superseded_by or 0]
    assert fresh.diffs[0].uid == stage.cluster.objects[POD]["metadata"]["uid"]
    stage.change = fresh
    assert (await stage.replay()).state is State.DONE


@pytest.mark.parametrize(
    ("state", "says"),
    [({"waiting": {"reason": "CrashLoopBackOff"}}, "does not run"), ({"terminated": {}}, "does not run"), (None, "the pod is gone")],
)
async def test_where_nothing_runs_nothing_is_run(state: dict[str, Any] | None, says: str) -> None:
    stage = Stage()
    if state is None:
        del stage.cluster.objects[POD]
    else:
        stage.cluster.put(POD, pod(**state))

    done = await stage.replay()

    assert done.state is State.FAILED
    assert says in done.reason
    assert stage.cluster.executed == []


async def test_what_did_not_start_is_refused_and_what_did_is_unknown() -> None:
    refused, unknown = Stage("lss"), Stage("sleep", "1000")
    refused.cluster.ends = lambda request: Executed(Output(), why="executable file not found in $PATH", has_started=False)
    unknown.cluster.ends = lambda request: Executed(Output(stdout="so far\n"), why="it was cut off after 120 s")

    first, second = await refused.replay(), await unknown.replay()

    assert first.state is State.FAILED
    assert "did not start: executable file not found" in first.reason
    assert second.state is State.UNKNOWN
    assert "cut off after 120 s" in second.reason
    assert "kubectl -n shop logs web-1 -c app" in second.reason
    assert second.sends[0].output == Output(stdout="so far\n")


async def test_after_a_crash_an_exec_is_unknown_and_not_run_again() -> None:
    stage = Stage()

    def crash() -> None:
        raise ConnectionAbortedError

    stage.cluster.on_write = crash
    with pytest.raises(ConnectionAbortedError):
        await stage.replay()
    stage.cluster.on_write = lambda: None
    assert stage.changes.rows[stage.change.id].sends[0].state is SendState.SENT

    done = await stage.replay()

    assert done.state is State.UNKNOWN
    assert "never run a second time" in done.reason
    assert stage.cluster.executed == []


async def test_an_exec_that_did_not_leave_is_tried_again() -> None:
    stage = Stage()
    stage.cluster.fault = lambda request, dry_run: "before" if request.path.endswith("/exec") else ""
    with pytest.raises(UpstreamUnavailableError):
        await stage.replay()
    assert stage.changes.rows[stage.change.id].sends[0].state is SendState.PENDING
    stage.cluster.fault = lambda request, dry_run: ""

    done = await stage.replay()

    assert done.state is State.DONE
    assert len(stage.cluster.executed) == 1


async def test_an_answer_that_cannot_be_passed_on_is_unknown() -> None:
    stage = Stage()
    stage.cluster.fault = lambda request, dry_run: "withheld" if request.path.endswith("/exec") else ""

    done = await stage.replay()

    assert done.state is State.UNKNOWN


async def test_a_freeze_holds_an_exec_back() -> None:
    stage = Stage()
    stage.changes.approve(stage.change.id, NOW)
    stage.held = "The cluster is frozen."

    done = await stage.replay()

    assert done.state is State.DENIED
    assert stage.cluster.executed == []


async def test_what_is_not_text_is_kept_where_the_asker_finds_it() -> None:
    stage = Stage("tar", "cf", "-", "/etc/hosts")
    stage.cluster.ends = lambda request: Executed(Output(0), data=b"\0archive")
    kept: list[tuple[int, bytes]] = []

    async def keep(position: int, done: Executed) -> Output:
        kept.append((position, done.data))
        return replace(done.output, note="It is in /home/agent/x.tar.")

    done = await stage.replay(keep)

    assert kept == [(0, b"\0archive")]
    assert done.sends[0].output == Output(0, note="It is in /home/agent/x.tar.")


async def test_an_exec_has_neither_an_undo_nor_a_rollout() -> None:
    stage = Stage()
    done = await stage.replay()

    await watch_rollouts(done, api=stage.cluster, changes=stage.changes, clock=lambda: NOW, timeout_seconds=5)

    assert stage.changes.rollouts == [(done.id, "", True)]
    assert undo.targets(done)[0] == []


def test_a_recording_lists_its_execs_apart() -> None:
    stage = Stage("cat", "-", stdin=b"in")
    other = write("patch", "deployments", "web", {"spec": {"replicas": 2}})

    recording = Recording((other, stage.change.writes[0]))

    assert [(c.container, c.argv, c.stdin) for c in recording.connects] == [("app", ("cat", "-"), b"in")]
    assert digest.of(recording.writes, cluster="a", asked_by="b") != digest.of([other], cluster="a", asked_by="b")
