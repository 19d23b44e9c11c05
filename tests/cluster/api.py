"""The few questions that start-up asks the API server, without the start-up time of kubectl."""

import http.client
import json
import ssl
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cluster.errors import ClusterError

_POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Api:
    """One API server, asked as its administrator."""

    host: str
    port: int
    pki: Path
    kubeconfig: Path
    kubectl: Path

    def get(self, path: str) -> Any | None:
        """The JSON answer to a GET, or nothing if there was no good one."""
        answer = self._request(path)
        return None if answer is None else json.loads(answer)

    def is_ready(self) -> bool:
        return self._request("/readyz") is not None

    def apply(self, *files: Path) -> None:
        """Server-side apply of manifests."""
        arguments = [argument for file in files for argument in ("-f", str(file))]
        self.run_kubectl("apply", "--server-side", "--force-conflicts", *arguments)

    def run_kubectl(self, *arguments: str) -> str:
        environment = {"KUBECONFIG": str(self.kubeconfig), "PATH": "/usr/bin:/bin", "HOME": "/nonexistent"}
        done = subprocess.run(
            [str(self.kubectl), "--cache-dir", str(self.kubeconfig.parent / "kubectl-cache"), *arguments],
            env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode != 0:
            raise ClusterError(f"`kubectl {' '.join(arguments)}` failed: {done.stderr.strip()}")
        return done.stdout

    def patch_status(self, path: str, change: object) -> None:
        """Change the status of an object, as a strategic merge."""
        self._request(f"{path}/status", "PATCH", json.dumps(change), {"Content-Type": "application/strategic-merge-patch+json"})

    def _request(self, path: str, method: str = "GET", body: str | None = None, headers: Mapping[str, str] | None = None) -> bytes | None:
        try:
            context = ssl.create_default_context(cafile=str(self.pki / "ca.crt"))
            context.load_cert_chain(self.pki / "admin.crt", self.pki / "admin.key")
            connection = http.client.HTTPSConnection(self.host, self.port, context=context, timeout=5)
            try:
                connection.request(method, path, body, dict(headers or {}))
                response = connection.getresponse()
                answer = response.read()
            finally:
                connection.close()
        except (OSError, http.client.HTTPException):
            return None
        return answer if response.status == 200 else None


def wait_until(what: str, check: Callable[[], bool], seconds: float, find_failure: Callable[[], str | None]) -> None:
    """Poll until ``check`` holds; ``find_failure`` may say early why it never will."""
    deadline = time.monotonic() + seconds
    while not check():
        if failure := find_failure():
            raise ClusterError(failure)
        if time.monotonic() > deadline:
            raise ClusterError(f"{what} did not happen within {seconds:.0f} s.")
        time.sleep(_POLL_SECONDS)
