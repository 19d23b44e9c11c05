"""Runs every test on real parts: builds and starts the test cluster where this machine can, says what is skipped where it cannot."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.cluster import checks  # noqa: E402 – of this tree, wherever it is called from
from tests.cluster.errors import ClusterError  # noqa: E402

CLUSTER = [sys.executable, "-m", "tests.cluster"]


def missing_for_cluster() -> list[str]:
    """Why the full cluster cannot run here; empty if it can."""
    reasons = []
    if os.geteuid() != 0:
        reasons.append("not root: network namespaces, cgroups and gVisor need it")
    try:
        checks.require_go()
    except ClusterError as exc:
        reasons.append(str(exc).rstrip("."))
    reasons += [f"no {tool}: install it" for tool in ("nft", "runc", "ip") if not shutil.which(tool)]
    return reasons


def main(arguments: list[str]) -> int:
    os.chdir(ROOT)
    environment = dict(os.environ)
    artefacts = Path(environment.setdefault("KUBECTL_AI_SLACK_ARTEFACTS", str(ROOT / "artefacts")))
    artefacts.mkdir(parents=True, exist_ok=True)  # screenshots and logs, to look at afterwards
    reasons = missing_for_cluster()
    started = False
    if reasons:
        print("cluster tests are skipped: " + "; ".join(reasons), flush=True)
        environment["KUBECTL_AI_SLACK_NO_CLUSTER"] = "; ".join(reasons)
    else:
        subprocess.run([*CLUSTER, "build"], check=True)
        started = subprocess.run([*CLUSTER, "status"], stdout=subprocess.DEVNULL, check=False).returncode != 0
        subprocess.run([*CLUSTER, "up"], check=True)
    try:
        return subprocess.run([sys.executable, "-m", "pytest", *arguments], env=environment, check=False).returncode
    finally:
        if started:
            subprocess.run([*CLUSTER, "down", "--wipe"], check=False)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
