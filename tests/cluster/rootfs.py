"""The sandbox image's files: the same Debian packages, programs and user as the Dockerfile's ``sandbox`` target.

apt resolves and downloads into a private folder against an empty dpkg database, dpkg-deb unpacks; nothing of this
machine's own packages is read or changed, and root is not needed. Maintainer scripts do not run, so the few things that
they would have done and that matter here are done below.
"""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.cluster.errors import ClusterError
from tests.cluster.layout import REPOSITORY

SOURCE = REPOSITORY / "bot" / "sandbox" / "image"
PACKAGE_LIST = SOURCE / "packages.txt"
RUNNER = SOURCE / "runner"
RUNNER_PATH = "usr/local/bin/kubectl-ai-runner"
UID = 10001
HOME = "home/agent"

# What every Debian image has and packages.txt therefore does not name.
# usr-is-merged: otherwise apt takes usrmerge, a program that merges /usr, and all of Perl with it.
_BASE_PACKAGES = ("base-files", "dash", "libc-bin", "usr-is-merged")
_UNUSED = ("usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/info", "usr/share/lintian", "var/cache", "var/lib/dpkg")
_MERGED = ("bin", "sbin", "lib", "lib64")  # links into /usr, as Debian has them
# (link, target) that update-alternatives or a maintainer script would have made, if the target is there
_LINKS = (("usr/bin/sh", "dash"), ("usr/bin/awk", "gawk"), ("usr/bin/awk", "mawk"), ("usr/bin/python3", "python3.11"))


def read_packages() -> list[str]:
    if not PACKAGE_LIST.is_file():
        raise ClusterError(f"{PACKAGE_LIST} is missing: put the sandbox image's package list back from the repository.")
    lines = (line.partition("#")[0].strip() for line in PACKAGE_LIST.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line]


def create_programs(target: Path, kubectl: Path) -> None:
    """Fill ``target`` (made anew) with what does not come from packages; it goes over ``create_system``."""
    if not RUNNER.is_file():
        raise ClusterError(f"{RUNNER} is missing: put the sandbox's runner back from the repository.")
    for source, place in ((kubectl, "usr/local/bin/kubectl"), (RUNNER, RUNNER_PATH)):
        (target / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target / place)
        (target / place).chmod(0o755)


def create_system(target: Path, work: Path, say: Callable[[str], None]) -> None:
    """Fill ``target`` (made anew) with the packages and the user."""
    for name in ("tmp", "proc", "sys", "dev", "etc", "run/kubectl-ai", HOME):
        (target / name).mkdir(parents=True)
    unpack_packages([*_BASE_PACKAGES, *read_packages()], target, work, say)
    _finish(target)
    say("compiling Python's standard library")
    _compile_python(target)


def unpack_packages(packages: list[str], target: Path, work: Path, say: Callable[[str], None]) -> None:
    """Put Debian packages and all they need into ``target``."""
    say(f"fetching {len(packages)} Debian packages and what they need")
    archives = _download(packages, work / "apt")
    for name in _MERGED:
        (target / "usr" / name).mkdir(parents=True, exist_ok=True)
        (target / name).symlink_to(f"usr/{name}")
    for number, archive in enumerate(archives, 1):
        say(f"unpacking package {number} of {len(archives)}")
        _unpack(archive, target)
    for name in _UNUSED:
        shutil.rmtree(target / name, ignore_errors=True)


def _download(packages: list[str], folder: Path) -> list[Path]:
    """Fetch packages and all they need; with package lists of its own where the machine's are missing or out of date."""
    shutil.rmtree(folder, ignore_errors=True)
    for name in ("archives/partial", "lists/partial"):
        (folder / name).mkdir(parents=True)
    (folder / "status").touch()
    options = [
        f"Dir::State::status={folder / 'status'}",
        f"Dir::Cache={folder}",
        "APT::Sandbox::User=root",  # the folder may be where user _apt cannot write
        "Debug::NoLocking=1",  # nothing of the system is written, and other apt runs need not wait
    ]
    fetch = ["install", "--yes", "--download-only", "--no-install-recommends", *packages]
    failure = _run_apt(options, fetch)
    if failure:
        options.append(f"Dir::State::lists={folder / 'lists'}")
        failure = _run_apt(options, ["update"]) or _run_apt(options, fetch)
    archives = sorted((folder / "archives").glob("*.deb"))
    if failure or not archives:
        raise ClusterError(
            "apt could not fetch the sandbox image's packages: check /etc/apt/sources.list and the network, then run this again.\n"
            f"{failure}"
        )
    return archives


def _run_apt(options: list[str], arguments: list[str]) -> str:
    """The end of what apt said if it failed, else nothing."""
    settings = [word for option in options for word in ("-o", option)]
    done = subprocess.run(
        ["apt-get", "--quiet", *settings, *arguments], capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C"}
    )
    return "" if done.returncode == 0 else "\n".join((done.stdout + done.stderr).splitlines()[-12:])


def _unpack(archive: Path, target: Path) -> None:
    # --keep-directory-symlink: packages that still ship /bin/… must not replace the link to usr/bin
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(archive)], stdout=subprocess.PIPE) as reader:
        tar = ["tar", "-x", "--keep-directory-symlink", "--no-same-owner", "-C", str(target)]
        unpacked = subprocess.run(tar, stdin=reader.stdout, capture_output=True, text=True, check=False)
    if unpacked.returncode != 0 or reader.returncode != 0:
        raise ClusterError(f"{archive.name} does not unpack ({unpacked.stderr.strip()}): run the build again.")


def _finish(target: Path) -> None:
    for link, name in _LINKS:
        path = target / link
        if not path.is_symlink() and not path.exists() and (path.parent / name).exists():
            path.symlink_to(name)
    etc = target / "etc"
    (etc / "passwd").write_text(f"root:x:0:0:root:/root:/bin/bash\nagent:x:{UID}:{UID}::/{HOME}:/bin/bash\n", encoding="utf-8")
    (etc / "group").write_text(f"root:x:0:\nagent:x:{UID}:\n", encoding="utf-8")
    certificates = sorted((target / "usr/share/ca-certificates").rglob("*.crt"))
    (etc / "ssl/certs").mkdir(parents=True, exist_ok=True)
    (etc / "ssl/certs/ca-certificates.crt").write_bytes(b"".join(file.read_bytes() for file in certificates))
    subprocess.run(["/sbin/ldconfig", "-r", str(target)], check=False, capture_output=True)  # only a faster start
    (target / "tmp").chmod(0o1777)


def _compile_python(target: Path) -> None:
    """Compile with the image's own interpreter: its root is read-only, so it could never keep what it compiles."""
    loader = target / "usr/lib64/ld-linux-x86-64.so.2"
    if not loader.exists():
        loader = next((target / "usr/lib").glob("ld-linux-*.so.*"), loader)
    libraries = ":".join(str(path) for path in (target / "usr/lib").glob("*-linux-gnu"))
    python = (target / "usr/bin/python3").resolve()
    command = [
        str(loader), "--library-path", libraries, str(python), "-m", "compileall", "-q", "-j", "0",
        "--invalidation-mode", "unchecked-hash", "-s", str(target), "-p", "/", str(target / "usr/lib"),
    ]  # fmt: skip
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, env={"PYTHONHOME": str(target / "usr"), "LC_ALL": "C.UTF-8"}
    )
    if done.returncode != 0:
        raise ClusterError(f"The sandbox image's Python does not run: {(done.stderr or done.stdout).strip()[-500:]}")
