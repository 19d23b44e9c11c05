"""The images of the cluster: pause, the demo's web server, and the sandbox."""

import hashlib
import platform
import shutil
from collections.abc import Callable
from pathlib import Path

from tests.cluster import oci, rootfs
from tests.cluster.errors import ClusterError
from tests.cluster.layout import HERE, Built, cache_root

PAUSE = "kas.local/pause:1"
WEB = "kas.local/web:1"
SANDBOX = "kas.local/sandbox:1"

# As in the Dockerfile's sandbox target; tests/unit/cluster/test_images.py compares the two.
SANDBOX_CONFIG: dict[str, object] = {
    "User": f"{rootfs.UID}:{rootfs.UID}",
    "WorkingDir": f"/{rootfs.HOME}",
    "Env": [
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        f"HOME=/{rootfs.HOME}",
    ],
    "Cmd": [f"/{rootfs.RUNNER_PATH}", "idle"],
}
_NOBODY = "65532:65532"
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def compute_key(programs_key: str) -> str:
    """The cache key of the images."""
    return _hash(programs_key, _compute_system_key(), rootfs.RUNNER, HERE / "images.py")


def _compute_system_key() -> str:
    """The key of the layer of packages. The distribution is part of it: its packages are what is unpacked."""
    return _hash(HERE / "oci.py", HERE / "rootfs.py", rootfs.PACKAGE_LIST, Path("/etc/os-release"))


def build(built: Built, say: Callable[[str], None]) -> None:
    """Write the three archives into ``built.images``; they appear together, or not at all."""
    partial = built.images.with_name(f"{built.images.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    work = partial / "work"
    work.mkdir(parents=True)
    architecture = find_architecture()
    for name in (PAUSE, WEB):
        say(name)
        program = name.partition("/")[2].partition(":")[0]
        folder = work / program
        folder.mkdir()
        shutil.copy(built.bin / "image" / program, folder / program)
        config = {"Entrypoint": [f"/{program}"], "User": _NOBODY}
        oci.write_image(name, [oci.pack_layer(folder)], partial / f"{program}.tar", config=config, architecture=architecture)
    system = _build_system_layer(work, say)
    say("packing the sandbox image")
    rootfs.create_programs(work / "programs", built.bin / "kubectl")
    layers = [system, oci.pack_layer(work / "programs")]
    oci.write_image(SANDBOX, layers, partial / "sandbox.tar", config=SANDBOX_CONFIG, architecture=architecture)
    shutil.rmtree(work)
    partial.replace(built.images)
    _remove_older(built.images.parent, "images-*")


def _build_system_layer(work: Path, say: Callable[[str], None]) -> bytes:
    """The packages as a layer, kept apart in the cache: the runner and kubectl change more often."""
    kept = find_system_layer()
    if not kept.is_file():
        rootfs.create_system(work / "system", work, say)
        new = kept.with_suffix(".new")
        new.write_bytes(oci.pack_layer(work / "system", _owner_in_sandbox))
        new.replace(kept)
        _remove_older(kept.parent, "sandbox-system-*")
    return kept.read_bytes()


def find_system_layer() -> Path:
    """Where ``build`` keeps the layer of Debian packages."""
    return cache_root() / f"sandbox-system-{_compute_system_key()}.tar"


def _remove_older(folder: Path, pattern: str) -> None:
    """Keep the newest two, for this tree and another: every change of the runner makes a new one."""
    found = sorted(folder.glob(pattern), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in found[2:]:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def find_architecture() -> str:
    machine = platform.machine()
    if machine not in _ARCHITECTURES:
        raise ClusterError(f"This machine is a {machine}; gVisor runs on x86_64 and aarch64 only.")
    return _ARCHITECTURES[machine]


def _owner_in_sandbox(path: str) -> int:
    home = f"/{rootfs.HOME}"
    return rootfs.UID if path == home or path.startswith(f"{home}/") else 0


def _hash(*parts: str | Path) -> str:
    """A digest of texts and of the contents of files; a missing file counts as an empty one."""
    digest = hashlib.sha256()
    for part in parts:
        content = part.encode() if isinstance(part, str) else part.read_bytes() if part.is_file() else b""
        digest.update(hashlib.sha256(content).digest())
    return digest.hexdigest()[:16]
