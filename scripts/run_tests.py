"""Runs every test on real parts: builds and starts the test cluster where this machine can, says what is skipped where it cannot."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.cluster import checks  # noqa: E402 – of this tree, wherever it is called from
from tests.cluster.errors import ClusterError  # noqa: E402

CLUSTER = [sys.executable, "-m", "tests.cluster"]
_TESTS_FAILED = 1
"""Exit code of pytest."""
_FEW = 3
"""Failures that are looked at again. More of them are no accident."""


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


def run_tests(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Runs pytest; its exit code. Where a few tests of thousands failed, those are run once more: a kubelet, a browser and a database share
    this machine with whatever else it does. Which ones passed only then is the last thing that is printed, for they want mending."""
    with tempfile.TemporaryDirectory() as cache:
        pytest = [sys.executable, "-m", "pytest", "-o", f"cache_dir={cache}", *arguments]
        code = subprocess.run(pytest, env=dict(environment), check=False).returncode
        failed = _read_failed(Path(cache))
        if code != _TESTS_FAILED or not 0 < len(failed) <= _FEW:
            return code
        print(f"Failed, and run once more: {', '.join(failed)}", flush=True)
        code = subprocess.run([*pytest, "--last-failed", "--last-failed-no-failures=none"], env=dict(environment), check=False).returncode
        if code == 0:
            print(f"PASSED ONLY THE SECOND TIME, mend what they depend on: {', '.join(failed)}", flush=True)
        return code


def _read_failed(cache: Path) -> list[str]:
    path = cache / "v" / "cache" / "lastfailed"
    return sorted(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else []


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
        return run_tests(arguments, environment)
    finally:
        if started:
            subprocess.run([*CLUSTER, "down", "--wipe"], check=False)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
