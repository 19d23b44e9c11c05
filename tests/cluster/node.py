"""The full cluster: one node of this machine, started and ended as a whole.

There is one per machine, because it owns a bridge, firewall tables, control groups and addresses. Its runtime folder names
the state folder it belongs to; ``up`` and ``down`` exclude each other by a lock in it.
"""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.cluster import checks, layout, leftovers, locks, network, processes, state
from tests.cluster.build import require_built
from tests.cluster.errors import ClusterError
from tests.cluster.layout import Paths
from tests.cluster.progress import Progress
from tests.cluster.start import ALL, STEPS, Start


def up(paths: Paths, progress_file: Path | None = None) -> None:
    """Start what does not run, from whatever a previous cluster left behind; returns when pods can be created."""
    checks.require_root()
    checks.require_node_programs()
    state.require_short(paths.state)
    built = require_built()
    with Progress("up", STEPS, progress_file) as progress, _hold_machine(paths, progress.note) as others:
        Start(paths, built, progress).run(others)


def down(paths: Paths, *, wipe: bool = False) -> None:
    """End everything that ``up`` started; with ``wipe``, delete the cluster's data too."""
    checks.require_root()
    state.require_own(paths.state)
    with _hold_machine(paths, print):
        processes.stop(paths.processes, ["agent-sandbox-controller", "kube-controller-manager", "kube-scheduler"])
        processes.stop(paths.processes, ["kubelet", "kube-proxy", "coredns", "netpol"])
        processes.stop(paths.processes, ["containerd", "kube-apiserver"])
        processes.stop(paths.processes, ["etcd"])
        processes.kill_strays(paths.processes, paths.state, ALL)
        leftovers.remove(paths)
        network.tear_down(paths.saved_settings)
        if wipe:
            state.wipe(paths.state)
        shutil.rmtree(paths.runtime)


def find_owner() -> Path | None:
    """The state folder of the cluster whose processes run on this machine now."""
    paths = layout.full_cluster()
    if not processes.list_running(paths.processes):
        return None
    try:
        return Path(json.loads(paths.owner.read_text(encoding="utf-8"))["state"])
    except (FileNotFoundError, ValueError, KeyError):
        return None


@contextmanager
def _hold_machine(paths: Paths, say: Callable[[str], None]) -> Iterator[list[Path]]:
    """Exclude other ``up`` and ``down``; gives the state folders that a dead cluster of another name left files in."""
    waiting = "another up or down is running; waiting for it to finish"
    with locks.hold(paths.runtime / "lock", on_wait=lambda: say(waiting)):
        owner = find_owner()
        if owner is not None and owner != paths.state:
            raise ClusterError(
                f"A cluster with its state in {owner} is up, and a machine can hold only one: use that one, or end it with "
                f"`python3 -m tests.cluster down --state {owner}`."
            )
        yield [] if owner is not None else _find_dead_owner(paths)


def _find_dead_owner(paths: Paths) -> list[Path]:
    try:
        dead = Path(json.loads(paths.owner.read_text(encoding="utf-8"))["state"])
    except (FileNotFoundError, ValueError, KeyError):
        return []
    return [dead] if dead != paths.state else []
