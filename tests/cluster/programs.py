"""The Go programs of the cluster: what is built from which module, and the key of the result in the cache."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.errors import ClusterError
from tests.cluster.layout import HERE

PROGRAMS_MODULE = HERE / "programs"
GVISOR_MODULE = HERE / "gvisor"
GO_FLAGS = "-trimpath -buildvcs=false"
LINKER_FLAGS = "-s -w"
AGENT_SANDBOX = "sigs.k8s.io/agent-sandbox"
GVISOR = "gvisor.dev/gvisor"


@dataclass(frozen=True, slots=True)
class Step:
    """One line of progress: the packages of one module that are built into ``bin/`` under the given names."""

    label: str
    module: str  # folder of the go.mod, below tests/cluster
    packages: tuple[tuple[str, str], ...]  # (package, path below bin/)


def _kubernetes(command: str) -> Step:
    return Step(command, "programs", ((f"k8s.io/kubernetes/cmd/{command}", command),))


_CONTAINERD = "github.com/containerd/containerd/v2/cmd"
_CNI = "github.com/containernetworking/plugins/plugins"

STEPS: tuple[Step, ...] = (
    Step("etcd", "programs", (("go.etcd.io/etcd/server/v3", "etcd"),)),
    _kubernetes("kube-apiserver"),
    _kubernetes("kubectl"),
    _kubernetes("kube-controller-manager"),
    _kubernetes("kube-scheduler"),
    _kubernetes("kube-proxy"),
    _kubernetes("kubelet"),
    Step(
        "containerd",
        "programs",
        tuple((f"{_CONTAINERD}/{name}", name) for name in ("containerd", "containerd-shim-runc-v2", "ctr")),
    ),
    Step(
        "CNI plugins",
        "programs",
        (
            (f"{_CNI}/main/bridge", "cni/bridge"),
            (f"{_CNI}/main/loopback", "cni/loopback"),
            (f"{_CNI}/ipam/host-local", "cni/host-local"),
        ),
    ),
    Step("CoreDNS", "programs", (("./coredns", "coredns"),)),
    Step("agent-sandbox", "programs", ((f"{AGENT_SANDBOX}/cmd/agent-sandbox-controller", "agent-sandbox-controller"),)),
    Step("gVisor", "gvisor", ((f"{GVISOR}/runsc", "runsc"),)),
    Step("gVisor's containerd shim", "gvisor", (("./shim", "containerd-shim-runsc-v1"),)),
    Step("programs of the images", "programs", (("./pause", "image/pause"), ("./web", "image/web"))),
)


def read_version(module: str, go_mod: Path) -> str:
    """The version of a module that a go.mod asks for."""
    found = re.search(rf"^(?:\t|require ){re.escape(module)} (v\S+)", go_mod.read_text(encoding="utf-8"), re.MULTILINE)
    if found is None:
        raise ClusterError(f"{go_mod} does not require {module}; put the line back from the repository.")
    return found.group(1)


def read_go_directive() -> tuple[int, ...]:
    """The lowest Go version that both modules accept."""
    versions = []
    for module in (PROGRAMS_MODULE, GVISOR_MODULE):
        found = re.search(r"^go ([0-9.]+)$", (module / "go.mod").read_text(encoding="utf-8"), re.MULTILINE)
        if found is None:
            raise ClusterError(f"{module / 'go.mod'} has no go line; put it back from the repository.")
        versions.append(tuple(int(part) for part in found.group(1).split(".")))
    return max(versions)


def read_versions() -> dict[str, str]:
    """Names and versions of what runs, for ``status``."""
    programs, gvisor = PROGRAMS_MODULE / "go.mod", GVISOR_MODULE / "go.mod"
    return {
        "Kubernetes": read_version("k8s.io/kubernetes", programs),
        "etcd": read_version("go.etcd.io/etcd/server/v3", programs),
        "containerd": read_version("github.com/containerd/containerd/v2", programs),
        "gVisor": read_version(GVISOR, gvisor),
        "agent-sandbox": read_version(AGENT_SANDBOX, programs),
        "CoreDNS": read_version("github.com/coredns/coredns", programs),
    }


def build_linker_flags() -> str:
    """The same for every program, so that the caches of one serve the next.

    Without the version variables every Kubernetes program calls itself v0.0.0-master, and kubectl warns about skew.
    """
    version = read_version("k8s.io/kubernetes", PROGRAMS_MODULE / "go.mod")
    major, minor, _ = version.removeprefix("v").split(".", 2)
    variables = {"gitVersion": version, "gitMajor": major, "gitMinor": minor}
    settings = " ".join(f"-X k8s.io/component-base/version.{name}={value}" for name, value in variables.items())
    return f"{LINKER_FLAGS} {settings}"


def compute_key() -> str:
    """The cache key of the programs: a hash over everything that decides what they are."""
    digest = hashlib.sha256()
    for module in (PROGRAMS_MODULE, GVISOR_MODULE):
        for file in sorted(path for path in module.rglob("*") if path.suffix in {".go", ".mod", ".sum"}):
            digest.update(f"{file.relative_to(HERE)}\0".encode())
            digest.update(file.read_bytes())
            digest.update(b"\0")
    digest.update(repr((STEPS, GO_FLAGS, build_linker_flags())).encode())
    return digest.hexdigest()[:16]
