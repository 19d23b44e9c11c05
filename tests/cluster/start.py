"""One start of the full cluster, step by step."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.cluster import certificates, cgroups, checks, daemons, layout, leftovers, network, processes, state
from tests.cluster.api import Api, wait_until
from tests.cluster.daemons import NODE_CONTROL_PLANE
from tests.cluster.errors import ClusterError
from tests.cluster.layout import HERE, Built, Paths
from tests.cluster.processes import Daemon
from tests.cluster.progress import Progress

ALL = (
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "containerd",
    "netpol",
    "kubelet",
    "kube-proxy",
    "coredns",
    "agent-sandbox-controller",
)
STEPS = 8
_READY_SECONDS = 120.0


def connect(paths: Paths, built: Built) -> Api:
    """The API server of the full cluster, which may not run yet."""
    return Api(NODE_CONTROL_PLANE.host, NODE_CONTROL_PLANE.port, paths.pki, paths.kubeconfig, built.bin / "kubectl")


class Start:
    """The parts and their order: what must be there before a pod may run comes first."""

    def __init__(self, paths: Paths, built: Built, progress: Progress) -> None:
        self._paths = paths
        self._built = built
        self._progress = progress
        self._api = connect(paths, built)
        self._started: list[str] = []
        self._containers_lost = False

    def run(self, others: list[Path]) -> None:
        step = self._progress.step
        with step("leftovers of an earlier cluster"):
            self._clear(others)
        with step("certificates and configuration"):
            self._configure()
        with step("bridge and firewall"):
            network.set_up(self._paths.config / "firewall.nft", self._paths.saved_settings)
            network.close_policies()
        with step("containerd and images"):
            self._start(daemons.describe_etcd(self._paths, self._built, NODE_CONTROL_PLANE))
            self._start(daemons.describe_apiserver(self._paths, self._built, NODE_CONTROL_PLANE))
            cgroups.create()
            self._start(daemons.describe_containerd(self._paths, self._built))
            self._wait("A connection to containerd", self._containerd_answers)
            self._import_images()
        with step("API server"):
            self._wait("An answer of the API server", self._api.is_ready)
            if self._containers_lost:
                self._report_lost_containers()
        with step("controllers, DNS and network policies"):
            self._start_control()
        with step("node"):
            self._start_node()
        with step("agent-sandbox"):
            self._start_agent_sandbox()

    def _clear(self, others: list[Path]) -> None:
        """Containers do not outlive containerd: whatever is left of them would only be in the way."""
        state.claim(self._paths.state)
        processes.kill_strays(self._paths.processes, self._paths.state, ALL)
        if processes.find(self._paths.processes, "containerd") is None:
            self._containers_lost = True
            processes.stop(self._paths.processes, ["kubelet"])
            for folder in (*others, self._paths.state):
                leftovers.remove(Paths(state=folder, runtime=self._paths.runtime))

    def _configure(self) -> None:
        paths = self._paths
        for folder in (paths.etcd, paths.logs, paths.processes, paths.containerd_runtime, paths.runsc):
            folder.mkdir(parents=True, exist_ok=True)
        paths.runtime.chmod(0o700)
        owner = {"state": str(paths.state), "built": str(self._built.root), "started": time.time()}
        if not paths.owner.exists() or json.loads(paths.owner.read_text(encoding="utf-8")).get("state") != owner["state"]:
            daemons.write_if_changed(paths.owner, json.dumps(owner))
        certificates.create(paths.pki)
        certificates.write_kubeconfigs(paths.pki, NODE_CONTROL_PLANE.server, paths.kubeconfig)
        daemons.write_config(paths, self._built, checks.find_program("runc") or "runc")

    def _report_lost_containers(self) -> None:
        """No pod is ready now, and none has its old address: say so before anybody acts on what was true earlier."""
        lost = [{"type": kind, "status": "False", "reason": "NodeRestarted"} for kind in ("Ready", "ContainersReady")]
        change = {"status": {"conditions": lost, "podIP": None, "podIPs": None}}
        for pod in (self._api.get("/api/v1/pods") or {"items": []})["items"]:
            if _has_condition(pod, "Ready"):
                metadata = pod["metadata"]
                self._api.patch_status(f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}", change)

    def _start_control(self) -> None:
        self._api.apply(HERE / "manifests" / "rbac.yaml", self._built.agent_sandbox_crds)
        self._start(daemons.describe_controller_manager(self._paths, self._built, layout.CONTROLLER_MANAGER_PORT))
        self._start(daemons.describe_scheduler(self._paths, self._built))
        self._start(daemons.describe_dns(self._paths, self._built))
        self._start(daemons.describe_enforcer(self._paths, Path(sys.executable).resolve()))

    def _start_node(self) -> None:
        self._start(daemons.describe_proxy(self._paths, self._built))
        self._start(daemons.describe_kubelet(self._paths, self._built))
        self._wait("The first service account", lambda: self._api.get("/api/v1/namespaces/default/serviceaccounts/default") is not None)
        self._wait("A Ready node", self._node_is_ready)
        network.restore_kubelet_settings(self._paths.saved_settings)

    def _start_agent_sandbox(self) -> None:
        self._wait("Established CRDs of agent-sandbox", self._crds_are_established)
        self._start(daemons.describe_agent_sandbox(self._paths, self._built))
        health = ("127.0.0.1", layout.AGENT_SANDBOX_HEALTH_PORT)
        self._wait("An answer of the agent-sandbox controller", lambda: _accepts(socket.AF_INET, health))

    def _start(self, daemon: Daemon) -> None:
        processes.start(self._paths.processes, self._paths.logs, daemon)
        self._started.append(daemon.name)

    def _wait(self, what: str, check: Callable[[], bool]) -> None:
        wait_until(f"{what} (logs: {self._paths.logs})", check, _READY_SECONDS, self._find_failure)

    def _find_failure(self) -> str | None:
        for name in self._started:
            if processes.find(self._paths.processes, name) is None:
                return processes.explain_end(self._paths.logs, name)
        return None

    def _import_images(self) -> None:
        """Give containerd the images that it does not have in this version yet."""
        for archive in sorted(self._built.images.glob("*.tar")):
            record = self._paths.containerd / f"imported-{archive.stem}"
            if record.exists() and record.read_text(encoding="utf-8") == self._built.images.name:
                continue
            self._progress.say(archive.stem)
            command = [str(self._built.bin / "ctr"), "-a", str(self._paths.containerd_socket), "-n", "k8s.io", "images", "import"]
            done = subprocess.run([*command, str(archive)], capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise ClusterError(f"containerd refused image {archive}: {done.stderr.strip()[-300:]}")
            record.write_text(self._built.images.name, encoding="utf-8")

    def _containerd_answers(self) -> bool:
        return _accepts(socket.AF_UNIX, str(self._paths.containerd_socket))

    def _node_is_ready(self) -> bool:
        """Ready in the words of the kubelet that runs now, not of one before it."""
        node = self._api.get(f"/api/v1/nodes/{layout.NAME}")
        kubelet = processes.find(self._paths.processes, "kubelet")
        if node is None or kubelet is None or not _has_condition(node, "Ready"):
            return False
        ready = next(condition for condition in node["status"]["conditions"] if condition["type"] == "Ready")
        return datetime.fromisoformat(ready["lastHeartbeatTime"]).timestamp() >= int(kubelet.started)

    def _crds_are_established(self) -> bool:
        found = self._api.get("/apis/apiextensions.k8s.io/v1/customresourcedefinitions")
        ours = [crd for crd in (found or {}).get("items", []) if crd["spec"]["group"].endswith("agents.x-k8s.io")]
        return bool(ours) and all(_has_condition(crd, "Established") for crd in ours)


def _has_condition(item: Any, kind: str) -> bool:
    conditions = item.get("status", {}).get("conditions", [])
    return any(condition["type"] == kind and condition["status"] == "True" for condition in conditions)


def _accepts(family: socket.AddressFamily, address: str | tuple[str, int]) -> bool:
    with socket.socket(family) as client:
        client.settimeout(1)
        try:
            client.connect(address)
        except OSError:
            return False
        return True
