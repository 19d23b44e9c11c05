"""Which pod is a claim's, and what is wrong with one."""

from typing import Any

import pytest

from bot.sandbox.pods import find_end, find_problem, read_pod, select_pod
from bot.settings import SandboxSettings
from tests.unit.sandbox.fake_cluster import make_pod


def test_the_pod_is_chosen_by_who_controls_it() -> None:
    mine, other = make_pod("mine"), make_pod("other")

    assert select_pod([other, mine], "mine") is mine
    assert select_pod([other], "mine") is None


def test_two_pods_of_one_sandbox_are_none() -> None:
    assert select_pod([make_pod("mine"), make_pod("mine", name="kubectl-ai-second")], "mine") is None


def test_a_pod_that_is_going_away_is_none() -> None:
    going = make_pod("mine")
    going["metadata"]["deletionTimestamp"] = "2026-11-24T00:00:00Z"

    assert select_pod([going], "mine") is None
    assert read_pod(going) is None


def test_a_pod_is_read_once_it_runs_and_is_ready() -> None:
    pod = make_pod()
    found = read_pod(pod)

    assert found is not None
    assert (found.address, found.node_address, found.container_id) == ("10.0.0.7", "10.0.0.1", "containerd://one")
    pod["status"]["containerStatuses"][0]["ready"] = False
    assert read_pod(pod) is None


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ({"runtimeClassName": "kata"}, "runs with kata instead of gvisor"),
        ({"runtimeClassName": None}, "runs with no RuntimeClass"),
        ({"automountServiceAccountToken": None}, "service account token"),
        ({"automountServiceAccountToken": True}, "service account token"),
        ({"hostNetwork": True}, "shares its node's"),
        ({"containers": [{"name": "a", "image": "sandbox:1"}, {"name": "b", "image": "sandbox:1"}]}, "more than one container"),
        ({"containers": [{"name": "a", "image": "evil:1"}]}, "runs evil:1 instead of sandbox:1"),
        ({"ephemeralContainers": [{"name": "debugger"}]}, "more than one container"),
    ],
)
def test_a_pod_that_is_not_as_demanded_is_refused(spec: dict[str, Any], says: str) -> None:
    settings = SandboxSettings(image="sandbox:1")

    assert says in find_problem(make_pod(**spec), settings)
    assert find_problem(make_pod(), settings) == ""


def test_the_end_of_a_container_is_told_by_the_one_that_ended() -> None:
    pod = make_pod()
    pod["status"]["containerStatuses"][0] |= {
        "containerID": "containerd://two",
        "lastState": {"terminated": {"reason": "OOMKilled", "containerID": "containerd://one"}},
    }

    assert find_end(pod, "containerd://one") == "OOMKilled"
    assert find_end(pod, "containerd://two") == ""
