"""Claims, against a cluster that keeps versions and watches."""

import asyncio
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import SandboxError, SandboxUnavailableError
from bot.sandbox.api import Api
from bot.sandbox.claims import THREAD_ANNOTATION, Claim, Claims, name_claim
from bot.settings import SandboxSettings
from tests.unit.sandbox.fake_cluster import NAMESPACE, FakeCluster, Object, format_time, make_ready, make_unready

NOW = 1_800_000_000.0
THREAD = "T1/C1/1.2"
PATH = f"/apis/extensions.agents.x-k8s.io/v1beta1/namespaces/{NAMESPACE}/sandboxclaims/{name_claim(THREAD)}"


async def obtain(cluster: FakeCluster, now: float = NOW, ready_seconds: float = 5.0) -> Claim:
    settings = SandboxSettings(lease_seconds=600, ready_seconds=ready_seconds)
    async with cluster.serve() as connection:
        return await Claims(Api(connection), settings, lambda: now).obtain(THREAD)


def put_claim(cluster: FakeCluster, *, thread: str = THREAD, ends: float = NOW + 600) -> Object:
    claim: Object = {
        "metadata": {"name": name_claim(THREAD), "uid": "old", "resourceVersion": "50", "annotations": {THREAD_ANNOTATION: thread}},
        "spec": {"lifecycle": {"shutdownTime": format_time(ends), "shutdownPolicy": "Delete"}},
    }
    cluster.objects[PATH] = claim
    return claim


@given(st.text(max_size=300), st.text(max_size=300))
def test_names_are_valid_labels_and_differ_by_thread(one: str, other: str) -> None:
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", name_claim(one))
    assert len(name_claim(one)) <= 63
    assert (name_claim(one) == name_claim(other)) == (one == other)


async def test_a_claim_carries_thread_pool_and_lease_and_is_deleted_at_its_end() -> None:
    cluster = FakeCluster()
    cluster.on_create = make_ready

    claim = await obtain(cluster)

    assert claim.sandbox == "kubectl-ai-abcde"
    (stored,) = cluster.claims
    assert stored["metadata"]["annotations"] == {THREAD_ANNOTATION: THREAD}
    assert stored["spec"] == {
        "warmPoolRef": {"name": "kubectl-ai"},
        "lifecycle": {"shutdownTime": format_time(NOW + 600), "shutdownPolicy": "Delete"},
    }


async def test_readiness_is_waited_for_in_a_watch() -> None:
    cluster = FakeCluster()
    waiting = asyncio.create_task(obtain(cluster))
    while not cluster.claims:
        await asyncio.sleep(0.01)

    await cluster.change(PATH, lambda claim: make_unready(claim, "SandboxNotReady"))
    await cluster.change(PATH, lambda claim: make_ready(claim, "kubectl-ai-xyz"))

    assert (await waiting).sandbox == "kubectl-ai-xyz"


async def test_the_claim_of_an_earlier_process_is_taken_over_with_a_fresh_lease() -> None:
    cluster = FakeCluster()
    make_ready(put_claim(cluster, ends=NOW + 5))

    claim = await obtain(cluster)

    assert claim.uid == "old"
    assert claim.ends == NOW + 600


async def test_another_threads_claim_of_the_same_name_is_never_used() -> None:
    cluster = FakeCluster()
    make_ready(put_claim(cluster, thread="T1/C1/9.9"))

    with pytest.raises(SandboxError, match="belongs to another thread"):
        await obtain(cluster)

    assert [method for method, _ in cluster.requests] == ["POST", "GET"]


async def test_a_claim_that_is_being_deleted_is_waited_for_and_made_again() -> None:
    cluster = FakeCluster()
    make_ready(put_claim(cluster))
    cluster.objects[PATH]["metadata"]["deletionTimestamp"] = format_time(NOW)
    cluster.on_create = make_ready
    waiting = asyncio.create_task(obtain(cluster))
    while not any(path.endswith("sandboxclaims") and method == "GET" for method, path in cluster.requests):
        await asyncio.sleep(0.01)

    await cluster.change(PATH, None)

    assert (await waiting).uid != "old"


async def test_a_failed_pod_is_given_up_for_a_new_claim() -> None:
    cluster = FakeCluster()
    make_unready(put_claim(cluster), "PodFailed", "evicted")
    cluster.on_create = make_ready

    claim = await obtain(cluster)

    assert claim.uid != "old"
    assert len(cluster.claims) == 1


@pytest.mark.parametrize(
    ("reason", "message", "error", "says"),
    [
        ("WarmPoolNotFound", "", SandboxError, "sandbox.warm_pool"),
        ("TemplateNotFound", "", SandboxError, "apply manifests/sandbox"),
        ("ReconcilerError", "pods is forbidden: exceeded quota: sandboxes", SandboxUnavailableError, "quota"),
        ("PodFailed", "evicted", SandboxUnavailableError, "as soon as they are made"),
    ],
)
async def test_a_claim_that_waiting_does_not_help_is_deleted_and_explained(
    reason: str, message: str, error: type[SandboxError], says: str
) -> None:
    cluster = FakeCluster()
    cluster.on_create = lambda claim: make_unready(claim, reason, message)

    with pytest.raises(SandboxError, match=says) as raised:
        await obtain(cluster)

    assert type(raised.value) is error
    assert cluster.claims == []


@pytest.mark.parametrize(
    ("refusal", "error", "says"),
    [
        ((403, "Forbidden", "exceeded quota: sandboxes"), SandboxUnavailableError, "quota"),
        ((403, "Forbidden", "cannot create resource"), SandboxError, "apply the Role"),
        ((404, "NotFound", 'namespaces "x" not found'), SandboxError, "does not exist"),
        ((404, "NotFound", "the server could not find the requested resource"), SandboxError, "install agent-sandbox"),
        ((500, "InternalError", "etcd"), SandboxUnavailableError, "try again"),
    ],
)
async def test_a_refused_claim_says_what_to_do(refusal: tuple[int, str, str], error: type[SandboxError], says: str) -> None:
    cluster = FakeCluster()
    cluster.refusals[("POST", "sandboxclaims")] = refusal

    with pytest.raises(SandboxError, match=says) as raised:
        await obtain(cluster)

    assert type(raised.value) is error


async def test_waiting_ends_with_the_last_reason() -> None:
    cluster = FakeCluster()
    cluster.on_create = lambda claim: make_unready(claim, "DependenciesNotReady", "0/5 nodes are available")

    with pytest.raises(SandboxUnavailableError, match=r"within 0.3 s.*0/5 nodes are available"):
        await obtain(cluster, ready_seconds=0.3)


async def test_a_controller_that_is_not_there_is_named() -> None:
    with pytest.raises(SandboxUnavailableError, match="check that it runs, with --extensions"):
        await obtain(FakeCluster(), ready_seconds=0.3)


async def test_the_lease_of_a_claim_that_was_made_anew_is_not_moved() -> None:
    cluster = FakeCluster()
    cluster.on_create = make_ready
    async with cluster.serve() as connection:
        claims = Claims(Api(connection), SandboxSettings(), lambda: NOW)
        claim = await claims.obtain(THREAD)
        cluster.objects[PATH]["metadata"]["uid"] = "another"

        extended = await claims.extend(claim, NOW + 9000)

    assert extended is None
    assert cluster.objects[PATH]["spec"]["lifecycle"]["shutdownTime"] == format_time(NOW + 1800)


async def test_releasing_deletes_the_claim_and_only_ones_own() -> None:
    cluster = FakeCluster()
    async with cluster.serve() as connection:
        claims = Claims(Api(connection), SandboxSettings(), lambda: NOW)
        put_claim(cluster)
        await claims.release(THREAD)
        assert cluster.claims == []

        await claims.release(THREAD)  # there is none: no error

        put_claim(cluster, thread="T1/C1/9.9")
        with pytest.raises(SandboxError, match="belongs to another thread"):
            await claims.release(THREAD)
    assert len(cluster.claims) == 1


async def test_an_api_server_that_does_not_answer_is_named() -> None:
    cluster = FakeCluster()
    async with cluster.serve() as connection:
        connection.server = "http://127.0.0.1:1"

        with pytest.raises(SandboxUnavailableError, match=r"http://127\.0\.0\.1:1 does not answer"):
            await Claims(Api(connection), SandboxSettings(), lambda: NOW).obtain(THREAD)
