"""The bot's image without a container engine: the same files, user and command as the Dockerfile's target `bot`.

Its base is Debian as in the sandbox image, not the Dockerfile's; what is installed comes from the same lock in the same way.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

from tests.cluster import images, oci, rootfs
from tests.cluster.build import require_built
from tests.cluster.layout import cache_root
from tests.e2e.parts import ROOT

CONFIG: dict[str, object] = {
    "User": "10001:10001",
    "WorkingDir": "/data",
    "Env": ["PATH=/opt/kubectl-ai-slack/bin:/usr/local/bin:/usr/bin:/bin", "PYTHONPATH=/opt/kubectl-ai-slack/lib", "PYTHONUNBUFFERED=1"],
    "Entrypoint": ["kubectl-ai-slack"],
    "Cmd": ["serve"],
}
"""As in the Dockerfile, and PYTHONPATH in place of its virtual environment."""
_PACKAGES = ("libstdc++6",)  # Debian's own image has it, for apt; greenlet needs it
_PLACE = Path("opt/kubectl-ai-slack")
_PIP = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-compile"]
_START = "#!/usr/bin/python3\nimport sys\n\nfrom bot.cli import main\n\nsys.exit(main())\n"


def build(folder: Path) -> tuple[str, Path]:
    """The image's name and its archive. What the lock names is kept in the cache; the bot's own files are those of now."""
    require_built()
    system = images.find_system_layer()
    layers = [system.read_bytes(), _build_dependencies(system, folder / "dependencies"), _build_bot(folder / "bot")]
    name = f"kas.local/bot:{hashlib.sha256(b''.join(layers[1:])).hexdigest()[:12]}"
    archive = folder / "bot.tar"
    oci.write_image(name, layers, archive, config=CONFIG, architecture=images.find_architecture())
    return name, archive


def load(archive: Path, socket: Path) -> None:
    """Gives it to the containerd of the test cluster."""
    command = [str(require_built().bin / "ctr"), "-a", str(socket), "-n", "k8s.io", "images", "import", str(archive)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def _build_dependencies(system: Path, work: Path) -> bytes:
    lock = ROOT / "requirements.lock"
    key = hashlib.sha256(lock.read_bytes() + system.name.encode() + Path(__file__).read_bytes()).hexdigest()[:16]
    kept = cache_root() / f"bot-dependencies-{key}.tar"
    if not kept.is_file():
        rootfs.unpack_packages(list(_PACKAGES), work, work.with_name("packages"), lambda line: None)
        target = work / _PLACE / "lib"
        version = ["--python-version", _find_python(system), "--only-binary=:all:"]
        subprocess.run([*_PIP, *version, "--require-hashes", "--target", str(target), "-r", str(lock)], check=True)
        new = kept.with_suffix(".new")
        new.write_bytes(oci.pack_layer(work))
        new.replace(kept)
    return kept.read_bytes()


def _build_bot(work: Path) -> bytes:
    library, programs = work / _PLACE / "lib", work / _PLACE / "bin"
    subprocess.run([*_PIP, "--no-build-isolation", "--target", str(library), str(ROOT)], check=True)
    shutil.rmtree(library / "bin")  # its first lines name this machine's Python
    programs.mkdir(parents=True)
    (programs / "kubectl-ai-slack").write_text(_START, encoding="utf-8")
    (programs / "kubectl-ai-slack").chmod(0o755)
    (work / "data").mkdir()
    return oci.pack_layer(work, lambda path: 10001 if path == "/data" else 0)


def _find_python(system: Path) -> str:
    """The version of the layer's Python: `3.11`."""
    with tarfile.open(system) as tar:
        found = {match[1] for name in tar.getnames() if (match := re.fullmatch(r"usr/bin/python(3\.\d+)", name))}
    assert len(found) == 1, found
    return found.pop()
