"""The cluster's own control group, in every hierarchy of cgroup v1 or in the one of v2."""

import time
from pathlib import Path

from tests.cluster.errors import ClusterError
from tests.cluster.layout import CGROUP

_ROOT = Path("/sys/fs/cgroup")
_NEEDED = {"cpu", "memory", "pids"}
_REMOVE_SECONDS = 3.0


def create() -> None:
    """Make the group that kubelet's ``cgroupRoot`` names; kubelet refuses one that is missing anywhere."""
    if (_ROOT / "cgroup.controllers").exists():
        _create_unified()
        return
    groups = _find_groups("cgroup")
    if not groups:
        raise ClusterError(f"No cgroup hierarchies are mounted below {_ROOT}: mount them, or start in a machine that has them.")
    for group in groups:
        group.mkdir(exist_ok=True)
        for name in ("cpuset.cpus", "cpuset.mems"):  # empty in a new v1 group, and then nothing may run in it
            if (group / name).exists():
                (group / name).write_text((group.parent / name).read_text(encoding="utf-8"), encoding="utf-8")


def _create_unified() -> None:
    available = set((_ROOT / "cgroup.controllers").read_text(encoding="utf-8").split())
    if missing := _NEEDED - available:
        raise ClusterError(f"The kernel's cgroup controllers {', '.join(sorted(missing))} are off: enable them on the kernel command line.")
    enabled = set((_ROOT / "cgroup.subtree_control").read_text(encoding="utf-8").split())
    for controller in sorted((_NEEDED | {"cpuset", "io", "hugetlb"}) & available - enabled):
        (_ROOT / "cgroup.subtree_control").write_text(f"+{controller}", encoding="utf-8")
    (_ROOT / CGROUP).mkdir(exist_ok=True)


def list_processes() -> set[int]:
    """Everything that runs in the group: the containers of the pods, and nothing else."""
    pids: set[int] = set()
    for group in _find_groups():
        for file in group.rglob("cgroup.procs"):
            try:
                pids.update(int(line) for line in file.read_text(encoding="utf-8").split())
            except OSError:
                continue  # a group that was just removed, or a threaded one, which lists its processes above
    return pids


def remove() -> None:
    """Remove the groups; they stay busy for a moment after their last process."""
    deadline = time.monotonic() + _REMOVE_SECONDS
    while left := [group for group in _find_groups() if group.exists() and not _remove_tree(group)]:
        if time.monotonic() > deadline:
            raise ClusterError(f"{left[0]} cannot be removed: end the processes that its cgroup.procs lists, and run this again.")
        time.sleep(0.1)


def _find_groups(*kinds: str) -> list[Path]:
    """Where the group is or would be: one folder per hierarchy. A machine with v1 may have an idle v2 beside it, in which
    the container runtimes make groups too."""
    mounts: list[Path] = []
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
        before, _, after = line.partition(" - ")
        place = Path(before.split()[4])
        if after.split()[0] in (kinds or ("cgroup", "cgroup2")):
            mounts.append(place)
    return [mount / CGROUP for mount in dict.fromkeys(mounts)]


def _remove_tree(group: Path) -> bool:
    for folder in sorted((path for path in group.rglob("*") if path.is_dir()), key=lambda path: -len(path.parts)):
        _remove_one(folder)
    return _remove_one(group)


def _remove_one(folder: Path) -> bool:
    try:
        folder.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True
