"""An API server alone: starts without rights, keeps its data over a kill, and leaves nothing behind."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster import processes, state
from tests.cluster.apiserver import ApiServer, is_running, start_apiserver
from tests.cluster.errors import ClusterError

pytestmark = pytest.mark.apiserver


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ApiServer]:
    started = start_apiserver(tmp_path / "state")
    yield started
    started.stop(wipe=True)


def kubectl(server: ApiServer, *arguments: str) -> str:
    command = [str(server.kubectl), "--kubeconfig", str(server.kubeconfig), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


def test_it_keeps_its_data_and_ports_when_it_was_killed(server: ApiServer) -> None:
    kubectl(server, "create", "configmap", "kept", "--from-literal=a=b")
    assert processes.kill(record.pid for record in processes.list_running(server.paths.processes)) == set()

    again = start_apiserver(server.paths.state)

    assert kubectl(again, "get", "configmap", "kept", "-o", "jsonpath={.data.a}") == "b"


def test_starting_what_runs_keeps_its_processes(server: ApiServer) -> None:
    before = processes.list_running(server.paths.processes)

    again = start_apiserver(server.paths.state)

    assert again == server
    assert processes.list_running(server.paths.processes) == before


def test_writes_are_audited_with_their_bodies(server: ApiServer) -> None:
    kubectl(server, "create", "configmap", "audited", "--from-literal=answer=forty-two")

    entries = [json.loads(line) for line in server.audit_log.read_text().splitlines()]
    assert any(entry["verb"] == "create" and "forty-two" in json.dumps(entry.get("requestObject")) for entry in entries)


def test_two_run_side_by_side_and_end_apart(server: ApiServer, tmp_path: Path) -> None:
    other = start_apiserver(tmp_path / "other")
    kubectl(other, "create", "namespace", "only-here")
    other.stop(wipe=True)

    assert "only-here" not in kubectl(server, "get", "namespaces")
    assert not is_running(other.paths)
    assert not other.paths.state.exists()


def test_with_controllers_a_deployment_gets_its_pods(tmp_path: Path) -> None:
    server = start_apiserver(tmp_path / "state", with_controllers=True)
    try:
        kubectl(server, "create", "deployment", "web", "--image=none", "--replicas=2")
        kubectl(server, "wait", "--for=jsonpath={.status.replicas}=2", "deployment/web", "--timeout=30s")
        pods = json.loads(kubectl(server, "get", "pods", "-o", "json"))["items"]
    finally:
        server.stop(wipe=True)

    assert [pod["status"]["phase"] for pod in pods] == ["Pending", "Pending"]


def test_a_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")

    with pytest.raises(ClusterError, match="choose an empty folder"):
        start_apiserver(tmp_path)

    with pytest.raises(ClusterError):
        state.wipe(tmp_path)
