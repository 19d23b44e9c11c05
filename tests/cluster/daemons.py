"""How each daemon is started: its arguments, configuration files and environment."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.cluster import images, layout
from tests.cluster.errors import ClusterError
from tests.cluster.layout import BRIDGE_ADDRESS, HERE, Built, Paths
from tests.cluster.processes import Daemon

_TEMPLATES = HERE / "config"
_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True)
class ControlPlane:
    """Where etcd and the API server of one cluster listen."""

    host: str
    port: int
    etcd_port: int
    etcd_peer_port: int
    publish_endpoints: bool  # an API server on loopback must not: the API refuses such endpoints

    @property
    def server(self) -> str:
        return f"https://{self.host}:{self.port}"


NODE_CONTROL_PLANE = ControlPlane(BRIDGE_ADDRESS, layout.API_PORT, layout.ETCD_PORT, layout.ETCD_PEER_PORT, publish_endpoints=True)


def write_config(paths: Paths, built: Built, runc: str) -> None:
    """Render the templates; files that would not change are left alone, since kube-proxy ends when its own is written."""
    values = {
        "ADDRESS": BRIDGE_ADDRESS,
        "API_PORT": layout.API_PORT,
        "BIN": built.bin,
        "BRIDGE": layout.BRIDGE,
        "CGROUP": layout.CGROUP,
        "CONFIG": paths.config,
        "DNS_HEALTH_PORT": layout.DNS_HEALTH_PORT,
        "KUBELET_HEALTH_PORT": layout.KUBELET_HEALTH_PORT,
        "OPEN_PORTS": "-".join(str(port) for port in layout.OPEN_PORTS),
        "PAUSE_IMAGE": images.PAUSE,
        "PKI": paths.pki,
        "POD_NETWORK": layout.POD_NETWORK,
        "PROXY_HEALTH_PORT": layout.PROXY_HEALTH_PORT,
        "PROXY_METRICS_PORT": layout.PROXY_METRICS_PORT,
        "RUNC": runc,
        "RUNTIME": paths.runtime,
        "STATE": paths.state,
    }
    for template in sorted(_TEMPLATES.iterdir()):
        folder = paths.config / "cni" if template.suffix == ".conflist" else paths.config
        folder.mkdir(parents=True, exist_ok=True)
        write_if_changed(folder / template.name, render(template.read_text(encoding="utf-8"), values))


def render(template: str, values: Mapping[str, object]) -> str:
    """Put values in the place of ``@NAME@``."""

    def replace(found: re.Match[str]) -> str:
        if found[1] not in values:
            raise ClusterError(f"A template asks for @{found[1]}@, which has no value: add it to daemons.py.")
        return str(values[found[1]])

    return re.sub(r"@([A-Z_]+)@", replace, template)


def write_if_changed(file: Path, text: str) -> None:
    if not file.is_file() or file.read_text(encoding="utf-8") != text:
        new = file.with_name(f".{file.name}.new")
        new.write_text(text, encoding="utf-8")
        new.replace(file)


def describe_etcd(paths: Paths, built: Built, plane: ControlPlane) -> Daemon:
    client, peer = f"https://127.0.0.1:{plane.etcd_port}", f"https://127.0.0.1:{plane.etcd_peer_port}"
    certificate, key, authority = paths.pki / "etcd.crt", paths.pki / "etcd.key", paths.pki / "ca.crt"
    return _describe(
        "etcd", built,
        f"--data-dir={paths.etcd}", "--log-level=warn",
        "--unsafe-no-fsync",  # survives every kill of the process, not a power cut; nothing here must
        f"--listen-client-urls={client}", f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}", f"--initial-advertise-peer-urls={peer}", f"--initial-cluster=default={peer}",
        "--client-cert-auth", f"--cert-file={certificate}", f"--key-file={key}", f"--trusted-ca-file={authority}",
        "--peer-client-cert-auth", f"--peer-cert-file={certificate}", f"--peer-key-file={key}", f"--peer-trusted-ca-file={authority}",
    )  # fmt: skip


def describe_apiserver(paths: Paths, built: Built, plane: ControlPlane) -> Daemon:
    pki, policy = paths.pki, paths.config / "audit-policy.yaml"
    return _describe(
        "kube-apiserver", built,
        f"--etcd-servers=https://127.0.0.1:{plane.etcd_port}", f"--etcd-cafile={pki}/ca.crt",
        f"--etcd-certfile={pki}/apiserver-etcd-client.crt", f"--etcd-keyfile={pki}/apiserver-etcd-client.key",
        f"--bind-address={plane.host}", f"--advertise-address={plane.host}", f"--secure-port={plane.port}",
        f"--endpoint-reconciler-type={'lease' if plane.publish_endpoints else 'none'}",
        f"--service-cluster-ip-range={layout.SERVICE_NETWORK}",
        f"--tls-cert-file={pki}/apiserver.crt", f"--tls-private-key-file={pki}/apiserver.key", f"--client-ca-file={pki}/ca.crt",
        f"--kubelet-client-certificate={pki}/apiserver-kubelet-client.crt",
        f"--kubelet-client-key={pki}/apiserver-kubelet-client.key", f"--kubelet-certificate-authority={pki}/ca.crt",
        "--kubelet-preferred-address-types=InternalIP",  # else exec would look the node's name up in DNS
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        f"--service-account-key-file={pki}/service-account.pub", f"--service-account-signing-key-file={pki}/service-account.key",
        "--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction", "--allow-privileged=true",
        "--requestheader-allowed-names=front-proxy-client", f"--requestheader-client-ca-file={pki}/ca.crt",
        "--requestheader-username-headers=X-Remote-User", "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        f"--proxy-client-cert-file={pki}/front-proxy.crt", f"--proxy-client-key-file={pki}/front-proxy.key",
        f"--audit-log-path={paths.audit_log}", f"--audit-policy-file={policy}",
        "--audit-log-maxsize=200", "--audit-log-maxbackup=1",
        "--profiling=false",
        config=policy,
    )  # fmt: skip


def describe_controller_manager(paths: Paths, built: Built, port: int) -> Daemon:
    pki = paths.pki
    return _describe(
        "kube-controller-manager", built,
        *_authenticate(pki / "controller-manager.kubeconfig"),
        "--bind-address=127.0.0.1", f"--secure-port={port}", "--leader-elect=false", "--profiling=false",
        "--kube-api-qps=200", "--kube-api-burst=400",  # by default the first service account takes six seconds
        "--use-service-account-credentials", f"--service-account-private-key-file={pki}/service-account.key",
        f"--root-ca-file={pki}/ca.crt", f"--cluster-signing-cert-file={pki}/ca.crt", f"--cluster-signing-key-file={pki}/ca.key",
    )  # fmt: skip


def describe_scheduler(paths: Paths, built: Built) -> Daemon:
    return _describe(
        "kube-scheduler", built,
        *_authenticate(paths.pki / "scheduler.kubeconfig"),
        "--bind-address=127.0.0.1", f"--secure-port={layout.SCHEDULER_PORT}", "--leader-elect=false", "--profiling=false",
    )  # fmt: skip


def describe_containerd(paths: Paths, built: Built) -> Daemon:
    config = paths.config / "containerd.toml"
    return _describe("containerd", built, "--config", str(config), config=config)


def describe_kubelet(paths: Paths, built: Built) -> Daemon:
    config = paths.config / "kubelet.yaml"
    return _describe(
        "kubelet", built,
        f"--kubeconfig={paths.pki}/kubelet.kubeconfig", f"--config={config}",
        f"--root-dir={paths.kubelet}", f"--cert-dir={paths.pki}/kubelet-own",
        f"--hostname-override={layout.NAME}", f"--node-ip={BRIDGE_ADDRESS}",
        config=config,
    )  # fmt: skip


def describe_proxy(paths: Paths, built: Built) -> Daemon:
    config = paths.config / "kube-proxy.yaml"
    return _describe("kube-proxy", built, f"--config={config}", f"--hostname-override={layout.NAME}", config=config)


def describe_dns(paths: Paths, built: Built) -> Daemon:
    config = paths.config / "Corefile"
    return _describe("coredns", built, "-conf", str(config), config=config)


def describe_agent_sandbox(paths: Paths, built: Built) -> Daemon:
    """The controller acts as administrator: its own ClusterRoles come with a Deployment that does not run here."""
    return _describe(
        "agent-sandbox-controller", built,
        f"--kubeconfig={paths.kubeconfig}", "--extensions", "--leader-elect=false", "--enable-webhook=false",
        "--metrics-bind-address=0", f"--health-probe-bind-address=127.0.0.1:{layout.AGENT_SANDBOX_HEALTH_PORT}",
    )  # fmt: skip


def describe_enforcer(paths: Paths, python: Path) -> Daemon:
    environment = {"PATH": _SYSTEM_PATH, "PYTHONPATH": str(layout.REPOSITORY), "PYTHONDONTWRITEBYTECODE": "1"}
    program = b"".join((HERE / name).read_bytes() for name in ("enforcer.py", "policies.py"))
    argv = (str(python), "-m", "tests.cluster.enforcer", str(paths.pki))
    return Daemon("netpol", argv, environment, hashlib.sha256(program).hexdigest())


def _authenticate(kubeconfig: Path) -> tuple[str, ...]:
    return tuple(f"--{name}={kubeconfig}" for name in ("kubeconfig", "authentication-kubeconfig", "authorization-kubeconfig"))


def _describe(name: str, built: Built, *arguments: str, config: Path | None = None) -> Daemon:
    """Nothing of this machine's environment reaches a daemon, least of all a proxy for its requests."""
    path = f"{built.bin}:{built.bin}/cni:{_SYSTEM_PATH}"  # containerd finds its shims there
    digest = hashlib.sha256(config.read_bytes()).hexdigest() if config else ""
    return Daemon(name, (str(built.bin / name), *arguments), {"PATH": path, "HOME": "/"}, digest)
