"""The running cluster and a kubectl for it, for this folder's tests."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cluster import build, layout, node, status

NAMESPACE = "kas-selftest"
RUNTIME_CLASS = layout.REPOSITORY / "manifests" / "sandbox" / "runtimeclass.yaml"


@dataclass(frozen=True, slots=True)
class Kubectl:
    """kubectl as the cluster's administrator, in the namespace of these tests."""

    program: Path
    kubeconfig: Path

    def __call__(self, *arguments: str, stdin: str | None = None, seconds: float = 240) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.program), "--kubeconfig", str(self.kubeconfig), "--namespace", NAMESPACE, *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    def must(self, *arguments: str, stdin: str | None = None) -> str:
        """Its output; fails if it failed."""
        done = self(*arguments, stdin=stdin)
        assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr}"
        return done.stdout

    def shell(self, pod: str, script: str) -> subprocess.CompletedProcess[str]:
        return self("exec", pod, "--", "bash", "-c", script)


def eventually(check: Callable[[], bool], what: str, seconds: float = 60) -> None:
    """Poll until something holds that another process brings about."""
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline, f"{what} did not happen in {seconds} s"
        time.sleep(0.2)


@pytest.fixture(scope="session")
def paths() -> layout.Paths:
    if reason := os.environ.get("KUBECTL_AI_SLACK_NO_CLUSTER"):
        pytest.skip(f"no cluster on this machine ({reason})")
    if os.geteuid() != 0:
        pytest.skip("the cluster needs root: run `sudo make test`")
    build.build()  # a changed runner is in the image at once; nothing is done if nothing changed
    found = status.find_cluster(None)
    node.up(found)
    return found


@pytest.fixture(scope="session")
def kubectl(paths: layout.Paths) -> Iterator[Kubectl]:
    """With one pod under gVisor and one under runc, both of the sandbox image, ready."""
    run = Kubectl(build.require_programs().bin / "kubectl", paths.kubeconfig)
    run.must("apply", "-f", str(RUNTIME_CLASS))
    run.must("delete", "namespace", NAMESPACE, "--ignore-not-found", "--wait")
    run.must("create", "namespace", NAMESPACE)
    run.must("apply", "-f", str(layout.HERE / "selftest"))
    run.must("wait", "--for=condition=Ready", "pod/gvisor", "pod/plain", "--timeout=180s")
    run.must("rollout", "status", "deployment/web", "--timeout=180s")
    yield run
    run("delete", "namespace", NAMESPACE, "--wait=false")
