"""What must be there before anything starts; every failure is one sentence that says what to do."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from tests.cluster import programs
from tests.cluster.errors import ClusterError

# Debian and Ubuntu packages that give the programs below; the Makefile installs them.
HOST_PACKAGES = ("ca-certificates", "iproute2", "kmod", "mount", "nftables", "openssl", "runc")
_NODE_PROGRAMS = ("ip", "mount", "nft", "openssl", "runc", "umount")
_IMAGE_PROGRAMS = ("apt-get", "dpkg-deb")

_BUILD_BYTES = 2 * 1024**3  # programs and images, with room to link
_GO_CACHE_BYTES = 7 * 1024**3  # 5.2 GB of build cache and 1.3 GB of modules, measured from nothing
_GIB = 1024**3


def require_root() -> None:
    if os.geteuid() != 0:
        raise ClusterError(
            "The cluster needs root (namespaces, cgroups, nftables): run this as root, or use "
            "`up --apiserver-only` for an API server without a node."
        )


def require_node_programs() -> None:
    _require(_NODE_PROGRAMS)


def require_image_programs() -> None:
    missing = [name for name in _IMAGE_PROGRAMS if find_program(name) is None]
    if missing:
        raise ClusterError(
            f"{' and '.join(missing)} not found: the sandbox image is made from Debian packages, so build on Debian or Ubuntu."
        )


def require_openssl() -> None:
    _require(("openssl",))


def _require(names: tuple[str, ...]) -> None:
    missing = [name for name in names if find_program(name) is None]
    if missing:
        raise ClusterError(f"{', '.join(missing)} not found: install with `apt-get install -y {' '.join(HOST_PACKAGES)}`.")


def find_program(name: str) -> str | None:
    """Where a program of the system is; ``sbin`` counts even where a user's PATH leaves it out."""
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin")


def require_go() -> str:
    """The path of a go that can build both modules."""
    go = find_program("go") or shutil.which("/usr/local/go/bin/go")
    wanted = programs.read_go_directive()
    name = ".".join(str(part) for part in wanted)
    if go is None:
        raise ClusterError(f"Go is not installed: install Go {name} or later from https://go.dev/dl/ and put it on PATH.")
    reported = subprocess.run([go, "env", "GOVERSION", "GOTOOLCHAIN"], capture_output=True, text=True, check=False, cwd="/")
    version, _, toolchain = reported.stdout.strip().partition("\n")
    found = re.match(r"go(\d+)\.(\d+)(?:\.(\d+))?", version)
    if reported.returncode != 0 or found is None:
        raise ClusterError(f"`{go} env GOVERSION` failed: {reported.stderr.strip() or 'no version'}; repair the Go installation.")
    have = tuple(int(part or 0) for part in found.groups())
    # From 1.21 on, an older Go fetches the one that a go.mod asks for, unless it is told to stay local.
    if have < wanted and (have < (1, 21) or toolchain.split("+")[0] == "local"):
        raise ClusterError(f"Go {name} or later is needed, {version.removeprefix('go')} is installed: install a newer Go.")
    return go


def require_disk(folder: Path) -> None:
    """Refuse when the result cannot fit; ``find_disk_warning`` covers the compiler's caches, which may be warm."""
    free = _measure_free(folder)
    if free < _BUILD_BYTES:
        raise ClusterError(
            f"{folder} has {free / _GIB:.1f} GiB free and the build needs {_BUILD_BYTES // _GIB}: free some space, "
            "or set KUBECTL_AI_SLACK_CACHE to a folder on a larger disk."
        )


def find_disk_warning(go: str) -> str | None:
    """A sentence when Go's caches may not fit; they may also be warm already, so this is not a refusal."""
    shown = subprocess.run([go, "env", "GOCACHE"], capture_output=True, text=True, check=False, cwd="/")
    cache = Path(shown.stdout.strip() or Path.home())
    free = _measure_free(cache)
    if free >= _GO_CACHE_BYTES:
        return None
    return f"note: {cache} has {free / _GIB:.1f} GiB free; a first build needs about {_GO_CACHE_BYTES // _GIB} there."


def _measure_free(folder: Path) -> int:
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free
