"""The cluster does what the product and its tests rely on; each test asks the real thing."""

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cluster import cgroups, layout, leftovers, node, processes, rootfs, status
from tests.cluster.conftest import NAMESPACE, Kubectl, eventually
from tests.cluster.errors import ClusterError

pytestmark = pytest.mark.cluster

_GATEWAY_PORT = 18999
_CLOSED_PORT = 19000
_DENY_EGRESS = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: gvisor-egress}
spec:
  podSelector: {matchLabels: {app: gvisor}}
  policyTypes: [Egress]
  egress:
    - to: [{ipBlock: {cidr: 10.244.0.1/32}}]
      ports: [{port: 18999}]
"""
_CLAIM = """
apiVersion: extensions.agents.x-k8s.io/v1beta1
kind: SandboxClaim
metadata: {name: selftest}
spec: {warmPoolRef: {name: selftest}}
"""


class _Hello(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"hello from the bridge")

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def serve(address: str, port: int) -> Iterator[None]:
    server = http.server.ThreadingHTTPServer((address, port), _Hello)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def server_on_bridge(paths: layout.Paths) -> Iterator[str]:
    """A server of this machine in the range that pods may reach, where the bot's gateway will be."""
    with serve(layout.BRIDGE_ADDRESS, _GATEWAY_PORT):
        yield f"http://{layout.BRIDGE_ADDRESS}:{_GATEWAY_PORT}/"


def fetch(kubectl: Kubectl, pod: str, url: str) -> str:
    """What a pod is answered; nothing if it cannot connect."""
    return kubectl.shell(pod, f"curl -sSk -m 2 {url}").stdout


def fetches(kubectl: Kubectl, pod: str, url: str) -> bool:
    return fetch(kubectl, pod, url) != ""


def read_since(file: Path, offset: int) -> str:
    with file.open("rb") as log:
        log.seek(offset)
        return log.read().decode()


def test_status_says_that_everything_runs(kubectl: Kubectl, paths: layout.Paths) -> None:
    report, complete = status.show(paths)

    assert complete, report


def test_the_kernel_of_a_sandbox_is_gvisor(kubectl: Kubectl) -> None:
    inside = kubectl.must("exec", "gvisor", "--", "cat", "/proc/version")
    plain = kubectl.must("exec", "plain", "--", "cat", "/proc/version")

    assert "gvisor" in inside
    assert plain == Path("/proc/version").read_text()


def test_exec_keeps_streams_apart_and_gives_the_exit_code(kubectl: Kubectl) -> None:
    done = kubectl("exec", "-i", "gvisor", "--", "bash", "-c", "cat; echo wrong >&2; exit 7", stdin="right")

    assert done.returncode == 7
    assert done.stdout == "right"
    assert done.stderr.splitlines()[0] == "wrong"


def test_the_sandbox_image_has_its_tools(kubectl: Kubectl) -> None:
    script = f"""
        set -e
        id -u
        whoami
        python3 -c 'import json, yaml; print(yaml.safe_load("a: 1"))'
        echo '[1]' | jq -c .
        echo x y | awk '{{print $2}}'
        kubectl version --client >/dev/null
        ps --version >/dev/null
        test -x /{rootfs.RUNNER_PATH}
    """

    done = kubectl.shell("gvisor", script)

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["10001", "agent", "{'a': 1}", "[1]", "y"]


def test_the_sandbox_image_has_no_program_that_raises_rights(kubectl: Kubectl) -> None:
    found = kubectl.must("exec", "plain", "--", "find", "/usr", "-xdev", "-perm", "/6000", "-type", "f")

    assert found == ""


@pytest.mark.parametrize("pod", ["gvisor", "plain"])
def test_pods_reach_names_services_and_the_bridge(kubectl: Kubectl, pod: str, server_on_bridge: str) -> None:
    for url in ("https://kubernetes.default.svc/version", "https://10.244.0.1:6443/version", "http://web/", server_on_bridge):
        assert fetches(kubectl, pod, url), url


@pytest.mark.parametrize("pod", ["gvisor", "plain"])
def test_pods_reach_no_other_port_of_the_machine(kubectl: Kubectl, pod: str) -> None:
    assert not fetches(kubectl, pod, f"https://{layout.BRIDGE_ADDRESS}:10250/")  # the kubelet
    with serve(layout.BRIDGE_ADDRESS, _CLOSED_PORT):
        assert not fetches(kubectl, pod, f"http://{layout.BRIDGE_ADDRESS}:{_CLOSED_PORT}/")


def test_a_network_policy_leaves_one_way_out(kubectl: Kubectl, server_on_bridge: str) -> None:
    assert fetches(kubectl, "gvisor", "http://web/")

    kubectl.must("apply", "-f", "-", stdin=_DENY_EGRESS)
    try:
        eventually(lambda: not fetches(kubectl, "gvisor", "https://10.244.0.1:6443/version"), "the policy")
        assert not fetches(kubectl, "gvisor", "http://web/")
        assert fetches(kubectl, "gvisor", server_on_bridge)
        assert fetches(kubectl, "plain", "http://web/")
    finally:
        kubectl.must("delete", "-f", "-", stdin=_DENY_EGRESS)

    eventually(lambda: fetches(kubectl, "gvisor", "http://web/"), "the end of the policy")


def test_a_rollout_is_done_and_undone(kubectl: Kubectl) -> None:
    kubectl.must("set", "env", "deployment/web", "VERSION=2")
    kubectl.must("rollout", "status", "deployment/web", "--timeout=180s")
    eventually(lambda: "version=2" in fetch(kubectl, "plain", "http://web/"), "an answer of the new version")

    kubectl.must("rollout", "undo", "deployment/web")
    kubectl.must("rollout", "status", "deployment/web", "--timeout=180s")
    eventually(lambda: "version=1" in fetch(kubectl, "plain", "http://web/"), "an answer of the old version")


def test_a_claim_takes_a_sandbox_of_the_warm_pool(kubectl: Kubectl) -> None:
    kubectl.must("wait", "--for=jsonpath={.status.readyReplicas}=1", "sandboxwarmpool/selftest", "--timeout=180s")
    warm = kubectl.must("get", "sandboxes", "-o", "jsonpath={.items[*].metadata.name}").split()

    kubectl.must("apply", "-f", "-", stdin=_CLAIM)
    kubectl.must("wait", "--for=condition=Ready", "sandboxclaim/selftest", "--timeout=180s")
    sandbox = kubectl.must("get", "sandboxclaim/selftest", "-o", "jsonpath={.status.sandbox.name}")
    user = kubectl.must("exec", sandbox, "--", "id", "-u")

    assert sandbox in warm
    assert user == "10001\n"


def test_the_audit_log_has_writes_with_bodies_but_no_secret(kubectl: Kubectl, paths: layout.Paths) -> None:
    before = paths.audit_log.stat().st_size
    kubectl.must("create", "configmap", "audited", "--from-literal=answer=forty-two", "--dry-run=server")
    kubectl.must("create", "configmap", "audited", "--from-literal=answer=forty-two")
    kubectl.must("create", "secret", "generic", "audited", "--from-literal=answer=do-not-log-this")

    log = read_since(paths.audit_log, before)
    entries = [
        entry for entry in map(json.loads, log.splitlines()) if entry["verb"] == "create" and f"/{NAMESPACE}/" in entry["requestURI"]
    ]
    configmaps = [entry for entry in entries if "forty-two" in json.dumps(entry.get("requestObject"))]
    secrets = [entry for entry in entries if "/secrets" in entry["requestURI"]]
    assert ["dryRun=All" in entry["requestURI"] for entry in configmaps] == [True, False]
    assert all("forty-two" in json.dumps(entry["responseObject"]) for entry in configmaps)
    assert [entry["level"] for entry in secrets] == ["Metadata"]
    assert "ZG8tbm90LWxvZy10aGlz" not in log  # the value in base64


def test_a_second_cluster_is_refused_while_one_is_up(kubectl: Kubectl, tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match="a machine can hold only one"):
        node.up(layout.full_cluster(Path("/var/lib/kas-another")))

    assert not Path("/var/lib/kas-another").exists()


def test_starting_what_runs_changes_nothing(kubectl: Kubectl, paths: layout.Paths) -> None:
    before = processes.list_running(paths.processes)

    node.up(paths)

    assert processes.list_running(paths.processes) == before


@pytest.mark.timeout(600)
@pytest.mark.parametrize("victims", ["daemons", "daemons and shims", "everything"])
def test_up_brings_back_a_cluster_that_was_killed(kubectl: Kubectl, paths: layout.Paths, victims: str) -> None:
    pids = {record.pid for record in processes.list_running(paths.processes)}
    if victims != "daemons":
        pids |= leftovers.find_runtimes(paths.runtime)
    if victims == "everything":
        pids |= cgroups.list_processes()
    assert processes.kill(pids) == set()

    node.up(paths)

    kubectl.must("wait", "--for=condition=Ready", "pod/gvisor", "pod/plain", "--timeout=180s")
    assert "gvisor" in kubectl.must("exec", "gvisor", "--", "cat", "/proc/version")
    eventually(lambda: fetches(kubectl, "gvisor", "http://web/"), "an answer of a restarted pod", seconds=30)
