"""Runs the command `rehearse` as a process, against the API server of the tests."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.cluster.apiserver import ApiServer
from tests.integration.gateway.files import lay_out

MAIN = "import sys; from bot import rehearse; sys.exit(rehearse.main(sys.argv[1:]))"


ROOT = Path(__file__).parents[3]


def environment_of(server: ApiServer, folder: Path) -> dict[str, str]:
    return {
        "PATH": f"{server.kubectl.parent}:{os.environ['PATH']}",
        "HOME": str(folder),
        "KUBECONFIG": str(server.kubeconfig),
        "PYTHONPATH": str(ROOT),
    }


def rehearse(server: ApiServer, folder: Path, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    lay_out(folder)
    argv = [sys.executable, "-c", MAIN, *arguments]
    environment = environment_of(server, folder)
    return subprocess.run(argv, input=stdin, env=environment, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
