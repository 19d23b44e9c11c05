"""Moves the cluster to another Kubernetes: ``python3 -m tests.cluster.update v1.37.3`` (for maintainers; needs the network).

Kubernetes keeps its libraries in its own tree and replaces them there; who builds it from modules has to name the published
version of each. The other programs are moved with ``go get module@version`` in ``programs`` or ``gvisor``.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

from tests.cluster import checks, programs
from tests.cluster.errors import ClusterError

_KUBERNETES = "k8s.io/kubernetes"


def update(version: str, module: Path = programs.PROGRAMS_MODULE) -> None:
    """Write go.mod and go.sum of the programs for a version of Kubernetes (``v1.37.3``)."""
    if not re.fullmatch(r"v1\.\d+\.\d+", version):
        raise ClusterError(f"{version!r} is not a release of Kubernetes: write it like v1.37.3.")
    go = checks.require_go()
    downloaded = json.loads(_run(go, module, "mod", "download", "-json", f"{_KUBERNETES}@{version}"))
    libraries = find_libraries(Path(downloaded["GoMod"]).read_text(encoding="utf-8"))
    published = f"v0.{version.removeprefix('v1.')}"
    replacements = [f"-replace={library}={library}@{published}" for library in libraries]
    _run(go, module, "mod", "edit", f"-require={_KUBERNETES}@{version}", *replacements)
    _run(go, module, "mod", "tidy")


def find_libraries(go_mod: str) -> list[str]:
    """The libraries that Kubernetes' go.mod takes from its own tree."""
    return re.findall(r"^\s*(k8s\.io/\S+) => \./staging/", go_mod, re.MULTILINE)


def _run(go: str, folder: Path, *arguments: str) -> str:
    done = subprocess.run([go, *arguments], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ClusterError(f"`go {' '.join(arguments[:2])}` failed:\n{done.stderr.strip()[-1000:]}")
    return done.stdout


if __name__ == "__main__":
    try:
        update(sys.argv[1] if len(sys.argv) > 1 else "")
    except ClusterError as error:
        sys.exit(f"error: {error}")
