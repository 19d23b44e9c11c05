"""One certificate authority, keys and kubeconfigs for every part of a cluster, made with openssl."""

import base64
import os
import shutil
import subprocess
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.errors import ClusterError
from tests.cluster.layout import BRIDGE_ADDRESS, KUBERNETES_SERVICE, NAME

_DAYS = "3650"  # a throw-away cluster whose files only root can read; a shorter life would only break long-kept states
_COMPLETE = "complete"

_API_NAMES = (
    "DNS:localhost",
    "DNS:kubernetes",
    "DNS:kubernetes.default",
    "DNS:kubernetes.default.svc",
    "DNS:kubernetes.default.svc.cluster.local",
    "IP:127.0.0.1",
    f"IP:{BRIDGE_ADDRESS}",
    f"IP:{KUBERNETES_SERVICE}",
)


@dataclass(frozen=True, slots=True)
class _Certificate:
    file: str
    subject: str
    usage: str = "clientAuth"
    names: tuple[str, ...] = ()


_CERTIFICATES = (
    _Certificate("etcd", "/CN=etcd", "serverAuth,clientAuth", ("DNS:localhost", "IP:127.0.0.1")),
    _Certificate("apiserver", "/CN=kube-apiserver", "serverAuth", _API_NAMES),
    _Certificate("apiserver-etcd-client", "/CN=kube-apiserver-etcd-client"),
    _Certificate("apiserver-kubelet-client", "/O=system:masters/CN=kube-apiserver-kubelet-client"),
    _Certificate("front-proxy", "/CN=front-proxy-client"),
    _Certificate("kubelet-server", f"/CN={NAME}", "serverAuth", (f"DNS:{NAME}", f"IP:{BRIDGE_ADDRESS}")),
    _Certificate("admin", "/O=system:masters/CN=admin"),
    _Certificate("kubelet", f"/O=system:nodes/CN=system:node:{NAME}"),
    _Certificate("controller-manager", "/CN=system:kube-controller-manager"),
    _Certificate("scheduler", "/CN=system:kube-scheduler"),
    _Certificate("proxy", "/CN=system:kube-proxy"),
    _Certificate("coredns", "/CN=system:coredns"),
    _Certificate("netpol", "/CN=system:kas-netpol"),
)

KUBECONFIGS = ("admin", "kubelet", "controller-manager", "scheduler", "proxy", "coredns", "netpol")


def create(pki: Path) -> None:
    """Make all keys and certificates, unless a complete set is there."""
    if (pki / _COMPLETE).exists():
        return
    shutil.rmtree(pki, ignore_errors=True)
    pki.mkdir(parents=True, mode=0o700)
    _create_key(pki / "ca.key")
    # Strict verifiers (Python 3.13's default) refuse an authority without a keyUsage.
    _openssl(
        "req", "-x509", "-new", "-key", str(pki / "ca.key"), "-subj", f"/CN={NAME}-ca", "-days", _DAYS, "-out", str(pki / "ca.crt"),
        "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign",
    )  # fmt: skip
    with ThreadPoolExecutor(max_workers=4) as pool:
        signed = [pool.submit(_sign, pki, certificate) for certificate in _CERTIFICATES]
        account_key = pool.submit(_create_account_key, pki)
        for job in (*signed, account_key):
            job.result()
    (pki / _COMPLETE).touch()


def write_kubeconfigs(pki: Path, server: str, admin: Path) -> None:
    """Write ``<pki>/<name>.kubeconfig`` for every part that talks to ``server``, and the administrator's to ``admin``."""
    for name in KUBECONFIGS:
        text = render_kubeconfig(
            server, (pki / "ca.crt").read_bytes(), (pki / f"{name}.crt").read_bytes(), (pki / f"{name}.key").read_bytes()
        )
        _write_private(admin if name == "admin" else pki / f"{name}.kubeconfig", text)


def render_kubeconfig(server: str, authority: bytes, certificate: bytes, key: bytes) -> str:
    def encode(content: bytes) -> str:
        return base64.b64encode(content).decode()

    return (
        "apiVersion: v1\n"
        "kind: Config\n"
        f"current-context: {NAME}\n"
        f"clusters: [{{name: {NAME}, cluster: {{server: '{server}', certificate-authority-data: {encode(authority)}}}}}]\n"
        f"users: [{{name: {NAME}, user: {{client-certificate-data: {encode(certificate)}, client-key-data: {encode(key)}}}}}]\n"
        f"contexts: [{{name: {NAME}, context: {{cluster: {NAME}, user: {NAME}}}}}]\n"
    )


def _write_private(file: Path, text: str) -> None:
    """Replace a file that only its owner may read, if its content differs."""
    if file.is_file() and file.read_text(encoding="utf-8") == text:
        return
    new = file.with_name(f"{file.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as handle:
        handle.write(text)
    new.replace(file)


def _create_key(file: Path) -> None:
    _openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", str(file))
    file.chmod(0o600)


def _create_account_key(pki: Path) -> None:
    """The key pair that signs service account tokens."""
    private = pki / "service-account.key"
    _openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", str(private))
    private.chmod(0o600)
    _openssl("pkey", "-in", str(private), "-pubout", "-out", str(pki / "service-account.pub"))


def _sign(pki: Path, wanted: _Certificate) -> None:
    key, request, extensions = (pki / f"{wanted.file}.{suffix}" for suffix in ("key", "csr", "ext"))
    _create_key(key)
    lines = {
        "basicConstraints": "critical,CA:FALSE",
        "keyUsage": "critical,digitalSignature",
        "extendedKeyUsage": wanted.usage,
        "subjectKeyIdentifier": "hash",
        "authorityKeyIdentifier": "keyid",
        **({"subjectAltName": ",".join(wanted.names)} if wanted.names else {}),
    }
    extensions.write_text(_render_extensions(lines), encoding="utf-8")
    _openssl("req", "-new", "-key", str(key), "-subj", wanted.subject, "-out", str(request))
    serial = f"0x{os.urandom(16).hex()}"
    _openssl(
        "x509", "-req", "-in", str(request), "-CA", str(pki / "ca.crt"), "-CAkey", str(pki / "ca.key"), "-set_serial", serial,
        "-days", _DAYS, "-extfile", str(extensions), "-out", str(pki / f"{wanted.file}.crt"),
    )  # fmt: skip
    request.unlink()
    extensions.unlink()


def _render_extensions(lines: Mapping[str, str]) -> str:
    return "".join(f"{name}={value}\n" for name, value in lines.items())


def _openssl(*arguments: str) -> None:
    done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ClusterError(f"`openssl {arguments[0]}` failed: {done.stderr.strip()[-300:]}")
