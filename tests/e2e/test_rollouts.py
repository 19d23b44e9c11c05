"""Rollouts on the real cluster: what goes well, what gets stuck and why, and what recovers, replayed and watched by the change engine."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from bot.changes import propose
from bot.changes.change import State
from bot.changes.replay import replay
from bot.changes.rollout import status
from bot.changes.rollout_watch import watch_rollouts
from bot.gateway.apiserver.upstream import Upstream
from bot.gateway.hiding.redaction import Redactor
from bot.gateway.protocol.request_info import Malformed, parse
from bot.kube.connection import connect
from bot.settings import ChangeSettings
from bot.values.requests import ApiRequest, RecordedWrite, Recording
from tests.cluster.images import SANDBOX, WEB
from tests.e2e.conftest import Cluster, make_namespace
from tests.unit.changes.memory import MemoryChanges

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

TIMEOUT_SECONDS = 120.0
RULES = ChangeSettings(approvers=("U2",))
VERSIONS = {"Deployment": "apps/v1", "StatefulSet": "apps/v1", "DaemonSet": "apps/v1", "Job": "batch/v1", "Pod": "v1", "ConfigMap": "v1"}
FINALIZER = "example.com/wait"


def container(image: str = WEB, **more: Any) -> dict[str, Any]:
    return {"name": "main", "image": image, "imagePullPolicy": "IfNotPresent", **more}


def shell(command: str) -> dict[str, Any]:
    return container(SANDBOX, command=["bash", "-c", command])


def workload(kind: str, name: str, main: dict[str, Any], **spec: Any) -> dict[str, Any]:
    labels = {"rollout": name}
    pod = {"terminationGracePeriodSeconds": 0, "containers": [main], **({"restartPolicy": "Never"} if kind == "Job" else {})}
    body = {"template": {"metadata": {"labels": labels}, "spec": pod}, **spec}
    if kind != "Job":
        body["selector"] = {"matchLabels": labels}
    return {"apiVersion": VERSIONS[kind], "kind": kind, "metadata": {"name": name}, "spec": body}


Told = list[tuple[str, bool]]
Mend = Callable[[Upstream, str], Awaitable[None]]


async def patch(api: Upstream, path: str, body: dict[str, Any]) -> None:
    """What somebody does who mends a rollout from elsewhere."""
    request = ApiRequest("PATCH", path, (), "application/merge-patch+json", json.dumps(body).encode())
    answer = await api.send(request, None, dry_run=False)
    assert answer.is_success, answer.message


async def give_it_an_image_that_exists(api: Upstream, path: str) -> None:
    await patch(api, path, {"spec": {"template": {"spec": {"containers": [container()]}}}})


async def let_it_go(api: Upstream, path: str) -> None:
    await patch(api, path, {"metadata": {"finalizers": None}})


@dataclass
class Case:
    """An object that is made by a change, or, once it is there, deleted (`is_deleted`) or given another `image`; and what happens while
    that is watched."""

    item: dict[str, Any]
    mend: Mend | None = None
    mend_after: str = ", stuck"
    """Words after which somebody mends it."""
    is_deleted: bool = False
    image: str = ""
    """Set by the change when what was there before is well."""
    in_full_namespace: bool = False
    enough: str = ""
    """Words after which nothing more will be said, because nobody mends it: from then on time flies."""
    told: Told = field(default_factory=list)


MISSING = container("kas.local/missing:1")
CASES: dict[str, Case] = {
    "deployment": Case(workload("Deployment", "well", container(), replicas=2)),
    "bad image": Case(workload("Deployment", "bad-image", MISSING), enough="missing:1"),
    "recovers": Case(workload("Deployment", "recovers", MISSING), mend=give_it_an_image_that_exists),
    "good, then bad": Case(workload("Deployment", "stays", container(), replicas=3), image=MISSING["image"], enough="missing:1"),
    "good, then bad, then good": Case(
        workload("Deployment", "returns", container(), replicas=3), image=MISSING["image"], mend=give_it_an_image_that_exists
    ),
    "crashes": Case(workload("Deployment", "crashes", shell("exit 3")), enough="CrashLoopBackOff: Error"),
    "stateful set": Case(workload("StatefulSet", "set", container(), replicas=2, serviceName="set")),
    "daemon set": Case(workload("DaemonSet", "daemon", container())),
    "job": Case(workload("Job", "job", shell("true"))),
    "failed job": Case(workload("Job", "failed-job", shell("exit 3"), backoffLimit=0)),
    "too big": Case(workload("Deployment", "too-big", container(resources={"requests": {"cpu": "900"}})), enough="Insufficient cpu"),
    "no quota": Case(workload("StatefulSet", "no-quota", container(), serviceName="x"), in_full_namespace=True, enough="exceeded quota"),
    "plain object": Case({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "plain"}, "data": {"a": "1"}}),
    "held deletion": Case(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "held", "finalizers": [FINALIZER]}},
        mend=let_it_go,
        mend_after=FINALIZER,
        is_deleted=True,
    ),
}


class Listening(MemoryChanges):
    """A store that keeps what the watch says, and lets somebody act on it."""

    def __init__(self, told: Told, react: Callable[[str], Awaitable[None]]) -> None:
        super().__init__()
        self._told, self._react = told, react

    async def record_rollout(self, change_id: int, words: str, *, settled: bool) -> None:
        await super().record_rollout(change_id, words, settled=settled)
        self._told.append((words, settled))
        await self._react(words)


def resource_path(item: dict[str, Any], namespace: str) -> str:
    version = item["apiVersion"]
    return f"/{'apis' if '/' in version else 'api'}/{version}/namespaces/{namespace}/{item['kind'].lower()}s"


async def record(api: Upstream, case: Case, namespace: str) -> RecordedWrite:
    """The write as the gateway would have recorded it."""
    path = resource_path(case.item, namespace)
    request = ApiRequest("POST", path, (), "application/json", json.dumps(case.item).encode())
    before = None
    if case.is_deleted or case.image:
        made = await api.send(request, None, dry_run=False)
        assert made.is_success, made.message
        before = made.object
        path = f"{path}/{case.item['metadata']['name']}"
    if case.is_deleted:
        options = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background"}
        request = ApiRequest("DELETE", path, (), "application/json", json.dumps(options).encode())
    elif case.image:
        before = await until_it_is_well(api, path)
        body = {"spec": {"template": {"spec": {"containers": [{"name": "main", "image": case.image}]}}}}
        request = ApiRequest("PATCH", path, (), "application/strategic-merge-patch+json", json.dumps(body).encode())
    info = parse(request.method, request.path)
    assert not isinstance(info, Malformed)
    preview = await api.send(request, None, dry_run=True)
    assert preview.is_success, preview.message
    return RecordedWrite(request, info.info, None, before=before, after=None if case.is_deleted else preview.object)


async def until_it_is_well(api: Upstream, path: str) -> dict[str, Any]:
    """The object as soon as its rollout has come to its end."""
    deadline = time.monotonic() + 2 * TIMEOUT_SECONDS
    while True:
        found = await api.send(ApiRequest("GET", path), None, dry_run=False)
        assert found.is_success, found.message
        if status(found.object).settled:
            return dict(found.object)
        assert time.monotonic() < deadline, found.object
        await asyncio.sleep(1.0)


async def run(api: Upstream, case: Case, namespace: str) -> None:
    """Approves, replays and watches the case's change to its end."""
    path = f"{resource_path(case.item, namespace)}/{case.item['metadata']['name']}"

    helpers = [case.mend] if case.mend else []

    async def react(words: str) -> None:
        if helpers and case.mend_after in words:
            await helpers.pop()(api, path)

    changes = Listening(case.told, react)
    shown = propose.build(
        Recording((await record(api, case, namespace),)),
        thread_id="T1:C1:1",
        call_id="call-1",
        turn=1,
        cluster="test",
        command="kubectl …",
        asked_by="U1",
        settings=RULES,
        now=time.time(),
    )
    change = changes.add(shown)
    changes.approve(change.id, time.time())
    done = await replay(change.id, api=api, changes=changes, settings=RULES, clock=time.time)
    assert done.state is State.DONE, done.reason

    async def pause(seconds: float) -> None:
        await asyncio.sleep(min(seconds, 3.0))

    def clock() -> float:
        is_enough = bool(case.enough) and any(case.enough in words for words, _ in case.told)
        return time.time() + (10 * TIMEOUT_SECONDS if is_enough else 0.0)

    await watch_rollouts(done, api=api, changes=changes, clock=clock, timeout_seconds=TIMEOUT_SECONDS, pause=pause)


async def run_all(cluster: Cluster, namespace: str, full: str) -> None:
    async with await connect(cluster.kubeconfig) as connection:
        api = Upstream(connection, Redactor(b"rollouts"))
        await asyncio.gather(*(run(api, case, full if case.in_full_namespace else namespace) for case in CASES.values()))


@pytest.fixture(scope="module")
def told(cluster: Cluster) -> Iterator[dict[str, Told]]:
    """What the watch said of every case; all of them at once, for they mostly wait."""
    with make_namespace(cluster) as namespace, make_namespace(cluster) as full:
        cluster.kubectl("-n", full, "create", "quota", "none", "--hard=pods=1")
        asyncio.run(run_all(cluster, namespace, full))
        yield {name: case.told for name, case in CASES.items()}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("deployment", "2/2 ready after "),
        ("stateful set", "2/2 ready after "),
        ("daemon set", "1/1 ready after "),
        ("job", "completed after "),
    ],
)
def test_a_rollout_that_goes_well_ends_with_the_time_it_took(told: dict[str, Told], name: str, words: str) -> None:
    last, is_settled = told[name][-1]

    assert last.startswith(words)
    assert is_settled
    assert not any("stuck" in said for said, _ in told[name])
    assert [settled for _, settled in told[name]].count(True) == 1


@pytest.mark.parametrize(
    ("name", "begin", "words"),
    [
        ("bad image", "0/1 ready, stuck · bad-image-", ": image kas.local/missing:1"),
        ("crashes", "0/1 ready, stuck · crashes-", "CrashLoopBackOff: Error (exit code 3)"),
        ("too big", "0/1 ready, stuck · too-big-", "cannot be scheduled: 0/1 nodes are available: 1 Insufficient cpu"),
        ("no quota", "0/1 ready, stuck · ", 'cannot make pods: pods "no-quota-0" is forbidden: exceeded quota: none'),
    ],
)
def test_a_rollout_that_is_stuck_names_the_pod_and_the_reason(told: dict[str, Told], name: str, begin: str, words: str) -> None:
    reasons = [said for said, _ in told[name] if begin in said and words in said]
    last, is_settled = told[name][-1]

    assert reasons, told[name]
    assert last.startswith("not settled in 2 min: 0/1 ready, stuck · ")
    assert is_settled


def test_a_rollout_that_recovers_is_told_again(told: dict[str, Told]) -> None:
    said = told["recovers"]

    assert any(words.startswith("0/1 ready, stuck · recovers-") and not settled for words, settled in said)
    assert said[-1][0].startswith("1/1 ready after ")
    assert said[-1][0].endswith("(it was stuck)")
    assert said[-1][1]


def test_an_update_that_gets_stuck_tells_that_the_old_pods_still_serve(told: dict[str, Told]) -> None:
    """`kubectl set image` with an image that does not exist: at most one pod more than before is tried with it."""
    begin, said = "3/3 ready, 1 of 3 updated, stuck · stays-", told["good, then bad"]
    last, is_settled = said[-1]

    assert any(begin in words and ": image kas.local/missing:1" in words for words, _ in said), said
    assert last.startswith(f"not settled in 2 min: {begin}")
    assert is_settled
    assert not any(" after " in words for words, _ in said)


def test_an_update_that_is_stuck_and_gets_the_old_image_back_recovers(told: dict[str, Told]) -> None:
    said = told["good, then bad, then good"]

    assert any(words.startswith("3/3 ready, ") and ", stuck · returns-" in words and not settled for words, settled in said)
    assert said[-1][0].startswith("3/3 ready after ")
    assert said[-1][0].endswith("(it was stuck)")
    assert said[-1][1]


def test_a_job_that_fails_says_how(told: dict[str, Told]) -> None:
    last, is_settled = told["failed job"][-1]

    assert last.startswith("failed: BackoffLimitExceeded · failed-job-")
    assert last.endswith("Error (exit code 3)")
    assert is_settled


def test_a_plain_object_has_nothing_to_wait_for(told: dict[str, Told]) -> None:
    assert told["plain object"] == [("", True)]


def test_a_deletion_is_followed_until_the_object_is_gone(told: dict[str, Told]) -> None:
    assert told["held deletion"][0] == (f"is going, waits for {FINALIZER}", False)
    assert told["held deletion"][-1][0].startswith("gone after ")
    assert told["held deletion"][-1][1]
