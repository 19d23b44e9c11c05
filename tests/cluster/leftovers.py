"""Removes containers and what they hold: the end of a normal ``down``, and the start of ``up`` after a crash.

Both take the same path, which knows nothing of what happened before: containers of this cluster are found by its control
group and by its runtime folder in their arguments, mounts by their place, files by the links that lead into the state.
"""

import contextlib
import re
import shutil
import socket
import subprocess
from pathlib import Path

from tests.cluster import cgroups, network, processes
from tests.cluster.errors import ClusterError
from tests.cluster.layout import NAME, Paths

_RUNTIMES = {"containerd-shim-runc-v2", "containerd-shim-runsc-v1", "runc", "runsc", "runsc-gofer", "runsc-sandbox", "exe"}
_SHIM_SOCKETS = Path("/run/containerd/s")  # of all shims of a machine, whatever containerd they belong to
_CNI_RESULTS = Path("/var/lib/cni/results")
_CONTAINER_LOGS = Path("/var/log/containers")
_DEVICE_PLUGINS = Path("/var/lib/kubelet/device-plugins")  # kubelet puts one socket there, whatever its --root-dir
_EMPTY_AFTERWARDS = (
    _CNI_RESULTS,
    _CNI_RESULTS.parent,
    _CONTAINER_LOGS,
    _DEVICE_PLUGINS,
    _DEVICE_PLUGINS.parent,
    _SHIM_SOCKETS,
    _SHIM_SOCKETS.parent,
)


def remove(paths: Paths) -> None:
    """End all containers and remove their files. containerd and kubelet must not run.

    Images go as well: they are in the cache, and their import takes a second. Volumes of pods go with the pods.
    """
    _kill_containers(paths)
    _unmount_below(paths.state, paths.runtime)
    network.remove_pod_links()
    running = (paths.containerd_runtime, paths.runsc, paths.runtime / "runc")
    for folder in (*running, paths.containerd, paths.kubelet, paths.state / "pod-logs"):
        _remove_tree(folder)
    _remove_addresses(paths.cni / "addresses" / NAME)
    _remove_cni_results()
    _remove_log_links(paths.state)
    for file in (*_SHIM_SOCKETS.glob("*"), _DEVICE_PLUGINS / "kubelet.sock"):
        remove_stale_socket(file)
    for folder in _EMPTY_AFTERWARDS:
        _remove_if_empty(folder)
    cgroups.remove()


def _kill_containers(paths: Paths) -> None:
    """Shims first: they would start clean-up programs for every container that ends, and those count as well."""

    def find_ours() -> set[int]:
        return find_runtimes(paths.runtime)

    for find in (find_ours, cgroups.list_processes, find_ours):
        if left := processes.kill(find()):
            raise ClusterError(f"Processes {sorted(left)} of a container cannot be killed: reboot the machine.")


def find_runtimes(runtime: Path) -> set[int]:
    """Shims, gVisor and runc that work for this cluster: one of their arguments names its runtime folder."""
    found = set()
    for pid in processes.list_processes():
        arguments = processes.read_arguments(pid)
        if arguments and Path(arguments[0]).name in _RUNTIMES and any(f"{runtime}/" in argument for argument in arguments[1:]):
            found.add(pid)
    return found


def _unmount_below(*folders: Path) -> None:
    for place in _find_mounts(*folders):
        subprocess.run(["umount", "-l", place], capture_output=True, check=False)
    if left := _find_mounts(*folders):
        raise ClusterError(f"{left[0]} cannot be unmounted: end what uses it, `umount` it, and run this again.")


def _find_mounts(*folders: Path) -> list[str]:
    places = []
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
        # The kernel writes a space in a path as \040, and so on.
        place = re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), line.split()[4])
        if any(place.startswith(f"{folder}/") for folder in folders):
            places.append(place)
    return sorted(places, reverse=True)


def _remove_tree(folder: Path) -> None:
    """Delete a folder, never through a mount: ``_unmount_below`` has made sure that there is none."""
    if folder.exists():
        shutil.rmtree(folder)


def _remove_addresses(folder: Path) -> None:
    """Free the pods' addresses, but go on counting: an address is not used again while its old pod is still on record."""
    if folder.is_dir():
        for file in folder.iterdir():
            if not file.name.startswith("last_reserved_ip"):
                file.unlink()


def _remove_cni_results() -> None:
    for result in _CNI_RESULTS.glob(f"{NAME}-*"):
        container = result.name.removeprefix(f"{NAME}-").rpartition("-")[0]
        result.unlink(missing_ok=True)
        (_CNI_RESULTS / f"cni-loopback-{container}-lo").unlink(missing_ok=True)


def _remove_log_links(state: Path) -> None:
    if not _CONTAINER_LOGS.is_dir():
        return
    for link in _CONTAINER_LOGS.iterdir():
        if link.is_symlink() and str(link.readlink()).startswith(f"{state}/"):
            link.unlink()


def remove_stale_socket(file: Path) -> None:
    """Delete a socket that nobody listens on: it is of no use to anybody, and nothing else tells whose it was."""
    if not file.is_socket():
        return
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(str(file))
        except ConnectionRefusedError:
            file.unlink()


def _remove_if_empty(folder: Path) -> None:
    with contextlib.suppress(OSError):  # it is not there, or holds somebody else's files
        folder.rmdir()
