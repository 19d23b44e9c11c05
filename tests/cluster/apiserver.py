"""An API server without a node: etcd and kube-apiserver on loopback, no rights needed, as many as one likes.

For tests that speak to the Kubernetes API and need no pods. It can run beside the full cluster.
"""

import contextlib
import shutil
import socket
from dataclasses import dataclass
from pathlib import Path

from tests.cluster import certificates, checks, daemons, locks, processes
from tests.cluster import state as state_folder
from tests.cluster.api import Api, wait_until
from tests.cluster.build import require_programs
from tests.cluster.errors import ClusterError
from tests.cluster.layout import HERE, Paths, apiserver_only

_READY_SECONDS = 90.0
_ORDER = ("kube-controller-manager", "kube-apiserver", "etcd")


@dataclass(frozen=True, slots=True)
class ApiServer:
    """A running API server; ``kubeconfig`` is its administrator's."""

    server: str
    kubeconfig: Path
    authority: Path
    audit_log: Path
    kubectl: Path
    paths: Paths

    def stop(self, *, wipe: bool = False) -> None:
        """End it; its data stays unless it is wiped."""
        stop_apiserver(self.paths, wipe=wipe)


def start_apiserver(state: Path | None = None, *, with_controllers: bool = False) -> ApiServer:
    """Start an API server on free ports of 127.0.0.1 and wait until it is ready; an existing one of this state goes on.

    With controllers, Deployments get their ReplicaSets and Pods, namespaces their service account, and deleted owners take
    their dependents along; no pod ever runs.
    """
    checks.require_openssl()
    built = require_programs()
    paths = apiserver_only(state)
    state_folder.claim(paths.state)
    for folder in (paths.etcd, paths.logs, paths.config, paths.processes):
        folder.mkdir(parents=True, exist_ok=True)
    with locks.hold(paths.runtime / "lock", on_wait=lambda: None):
        processes.kill_strays(paths.processes, paths.state, _ORDER)
        certificates.create(paths.pki)
        plane, manager_port = _choose_ports(paths)
        certificates.write_kubeconfigs(paths.pki, plane.server, paths.kubeconfig)
        policy = HERE / "config" / "audit-policy.yaml"
        daemons.write_if_changed(paths.config / policy.name, policy.read_text(encoding="utf-8"))
        wanted = [daemons.describe_etcd(paths, built, plane), daemons.describe_apiserver(paths, built, plane)]
        for daemon in wanted:
            processes.start(paths.processes, paths.logs, daemon)
        kubectl = built.bin / "kubectl"
        api = Api(plane.host, plane.port, paths.pki, paths.kubeconfig, kubectl)
        _wait(paths, [daemon.name for daemon in wanted], api)
        if with_controllers:
            manager = daemons.describe_controller_manager(paths, built, manager_port)
            processes.start(paths.processes, paths.logs, manager)
            account = "/api/v1/namespaces/default/serviceaccounts/default"
            wait_until("The first service account", lambda: api.get(account) is not None, _READY_SECONDS, lambda: None)
    return ApiServer(plane.server, paths.kubeconfig, paths.pki / "ca.crt", paths.audit_log, kubectl, paths)


def stop_apiserver(paths: Paths, *, wipe: bool = False) -> None:
    """End what ``start_apiserver`` started in this state folder."""
    if not paths.state.is_dir():
        return
    with locks.hold(paths.runtime / "lock", on_wait=lambda: None):
        for name in _ORDER:  # etcd last: an API server without it takes a minute to give up
            processes.stop(paths.processes, [name])
        processes.kill_strays(paths.processes, paths.state, _ORDER)
        shutil.rmtree(paths.runtime)
    if wipe:
        state_folder.wipe(paths.state)


def is_running(paths: Paths) -> bool:
    return all(processes.find(paths.processes, name) is not None for name in ("etcd", "kube-apiserver"))


def _choose_ports(paths: Paths) -> tuple[daemons.ControlPlane, int]:
    """Free ports, or those that the running processes have: they are read back from the arguments."""
    running = {record.name: record.argv for record in processes.list_running(paths.processes)}
    etcd, server = running.get("etcd"), running.get("kube-apiserver")
    manager = running.get("kube-controller-manager")
    free = iter(_find_free_ports(4))
    plane = daemons.ControlPlane(
        host="127.0.0.1",
        port=_read_port(server, "--secure-port=") or next(free),
        etcd_port=_read_port(etcd, "--listen-client-urls=https://127.0.0.1:") or next(free),
        etcd_peer_port=_read_port(etcd, "--listen-peer-urls=https://127.0.0.1:") or next(free),
        publish_endpoints=False,
    )
    return plane, _read_port(manager, "--secure-port=") or next(free)


def _read_port(argv: tuple[str, ...] | None, prefix: str) -> int | None:
    return next((int(argument.removeprefix(prefix)) for argument in argv or () if argument.startswith(prefix)), None)


def _find_free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as sockets:
        ports = []
        for _ in range(count):  # all are held until the last is known, so that no two are the same
            bound = sockets.enter_context(socket.socket())
            bound.bind(("127.0.0.1", 0))
            ports.append(int(bound.getsockname()[1]))
        return ports


def _wait(paths: Paths, names: list[str], api: Api) -> None:
    def find_failure() -> str | None:
        ended = (name for name in names if processes.find(paths.processes, name) is None)
        return next((processes.explain_end(paths.logs, name) for name in ended), None)

    try:
        wait_until("An answer of the API server", api.is_ready, _READY_SECONDS, find_failure)
    except ClusterError as error:
        for name in _ORDER:
            processes.stop(paths.processes, [name])
        raise ClusterError(f"{error} (logs: {paths.logs})") from error
