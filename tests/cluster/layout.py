"""Names, addresses, ports and paths of the cluster."""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

NAME = "kas"  # cluster, node and CNI network
BRIDGE = "kas0"
BRIDGE_MAC = "02:6b:61:73:00:01"  # locally administered
BRIDGE_ADDRESS = "10.244.0.1"  # the node, the API server, cluster DNS and every server that pods may reach
POD_NETWORK = "10.244.0.0/24"
SERVICE_NETWORK = "10.96.0.0/16"
KUBERNETES_SERVICE = "10.96.0.1"
API_PORT = 6443
OPEN_PORTS = (18000, 18999)  # of the bridge address, for servers on this machine that pods may reach
CGROUP = "kas"
FIREWALL_TABLES = (("inet", "kas"), ("ip", "kas-netpol"), ("ip", "kube-proxy"), ("ip6", "kube-proxy"))

# Loopback ports away from the usual ones, so that another Kubernetes or etcd on this machine is not in the way.
ETCD_PORT = 12379
ETCD_PEER_PORT = 12380
CONTROLLER_MANAGER_PORT = 12381
SCHEDULER_PORT = 12382
KUBELET_HEALTH_PORT = 12383
PROXY_HEALTH_PORT = 12384
PROXY_METRICS_PORT = 12385
DNS_HEALTH_PORT = 12386
AGENT_SANDBOX_HEALTH_PORT = 12387

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
# What must not outlive a reboot: lock, process records, sockets, running containers. Short, because a Unix socket address
# holds 107 bytes and gVisor's socket names take 75 of them.
RUNTIME = Path("/run/kas")
DEFAULT_STATE = Path("/var/lib/kubectl-ai-slack/cluster")


@dataclass(frozen=True, slots=True)
class Built:
    """What ``build`` made, in the cache."""

    root: Path
    images: Path

    @property
    def bin(self) -> Path:
        return self.root / "bin"

    @property
    def agent_sandbox_crds(self) -> Path:
        return self.root / "agent-sandbox-crds.yaml"


@dataclass(frozen=True, slots=True)
class Paths:
    """Where one cluster keeps its data (``state``) and what only counts while it runs (``runtime``)."""

    state: Path
    runtime: Path

    @property
    def pki(self) -> Path:
        return self.state / "pki"

    @property
    def config(self) -> Path:
        return self.state / "config"

    @property
    def logs(self) -> Path:
        return self.state / "logs"

    @property
    def audit_log(self) -> Path:
        return self.logs / "audit.log"

    @property
    def kubeconfig(self) -> Path:
        return self.state / "admin.kubeconfig"

    @property
    def etcd(self) -> Path:
        return self.state / "etcd"

    @property
    def kubelet(self) -> Path:
        return self.state / "kubelet"

    @property
    def containerd(self) -> Path:
        return self.state / "containerd"

    @property
    def containerd_runtime(self) -> Path:
        return self.runtime / "containerd"

    @property
    def containerd_socket(self) -> Path:
        return self.containerd_runtime / "c.sock"

    @property
    def runsc(self) -> Path:
        return self.runtime / "runsc"

    @property
    def cni(self) -> Path:
        return self.state / "cni"

    @property
    def processes(self) -> Path:
        return self.runtime / "processes"

    @property
    def saved_settings(self) -> Path:
        return self.runtime / "settings.json"

    @property
    def owner(self) -> Path:
        return self.runtime / "owner.json"


def full_cluster(state: Path | None = None) -> Paths:
    """The cluster with a node: one per machine, so its runtime folder is always the same."""
    return Paths(state=(state or DEFAULT_STATE).resolve(), runtime=RUNTIME)


def apiserver_only(state: Path | None = None) -> Paths:
    """An API server alone: as many as there are state folders, and no rights needed."""
    root = (state or Path(tempfile.gettempdir()) / f"kubectl-ai-slack-apiserver-{os.getuid()}").resolve()
    return Paths(state=root, runtime=root / "run")


def cache_root() -> Path:
    """The folder for everything that is built, outside the tree."""
    if chosen := os.environ.get("KUBECTL_AI_SLACK_CACHE"):
        return Path(chosen).expanduser().resolve()
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base).expanduser().resolve() / "kubectl-ai-slack"
