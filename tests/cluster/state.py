"""The state folder: made and marked by this package, so that nothing else is ever wiped."""

import shutil
from pathlib import Path

from tests.cluster.errors import ClusterError

_MARK = ".kubectl-ai-slack-cluster"
_MAX_PATH = 60  # kubelet makes sockets below it, whose addresses hold 107 bytes


def claim(folder: Path) -> None:
    """Make the folder, readable for its owner only, or take one that was made here before."""
    if folder.is_dir() and not (folder / _MARK).exists() and any(folder.iterdir()):
        raise ClusterError(f"{folder} holds files that are not this program's: choose an empty folder with --state.")
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    (folder / _MARK).touch()


def require_short(folder: Path) -> None:
    """Refuse a folder whose path is too long for a cluster with a node."""
    if len(str(folder)) > _MAX_PATH:
        raise ClusterError(f"The path {folder} is too long for the sockets in it: choose a --state folder of at most {_MAX_PATH} bytes.")


def require_own(folder: Path) -> None:
    """Refuse a folder that exists and was not made here."""
    if folder.exists() and not (folder / _MARK).exists():
        raise ClusterError(f"{folder} is not a state folder of this program, so nothing in it is touched: check --state.")


def wipe(folder: Path) -> None:
    """Delete the folder and all data of the cluster in it."""
    require_own(folder)
    if folder.exists():
        shutil.rmtree(folder)
