"""A PostgreSQL server of its own for the tests: Debian's binaries, a folder under /tmp, a socket in it and no port."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg

_INSTALLED = Path("/usr/lib/postgresql")
_START_SECONDS = 60
_STOP_SECONDS = 30
_SETTINGS = {"listen_addresses": "", "fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "deadlock_timeout": "100ms"}
"""Nothing here has to survive a power loss; a deadlock that a test provokes is found soon."""


@dataclass(frozen=True, slots=True)
class PostgreSQL:
    """A running server that trusts whoever reaches its socket."""

    folder: Path
    user: str

    def url(self, database: str) -> str:
        return f"postgresql+asyncpg://{self.user}@/{database}?host={self.folder}"

    async def execute(self, *statements: str, database: str = "postgres") -> None:
        """Runs the statements one by one, each in a transaction of its own."""
        connection = await asyncpg.connect(host=str(self.folder), user=self.user, database=database)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()


def find_binaries() -> Path | None:
    """Where the newest installed server's programs are."""
    found = sorted(_INSTALLED.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else None


@contextmanager
def serve(binaries: Path) -> Iterator[PostgreSQL]:
    """Starts a server and stops it at the end. Its programs refuse to run as root, so root runs them as an account without rights."""
    account = pwd.getpwnam(_find_account()) if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    folder = Path(tempfile.mkdtemp(prefix="pg-"))  # not pytest's: only its owner may enter that, and a socket's path must be short
    try:
        os.chown(folder, account.pw_uid, account.pw_gid)
        data = folder / "data"
        _run([binaries / "initdb", "-D", data, "-U", account.pw_name, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"], account)
        process = _start(binaries, folder, account)
        try:
            _wait_until_ready(process, binaries, folder)
            yield PostgreSQL(folder, account.pw_name)
        finally:
            process.send_signal(signal.SIGQUIT)  # at once: the data goes away with it
            process.wait(_STOP_SECONDS)
    finally:
        shutil.rmtree(folder)


def _find_account() -> str:
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _run(command: list[str | Path], account: pwd.struct_passwd) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/", **_as(account))


def _start(binaries: Path, folder: Path, account: pwd.struct_passwd) -> subprocess.Popen[bytes]:
    settings = [f"-c{name}={value}" for name, value in {**_SETTINGS, "unix_socket_directories": str(folder)}.items()]
    command = [str(binaries / "postgres"), "-D", str(folder / "data"), *settings]
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(["setpriv", "--pdeathsig", "QUIT", *command], stdout=log, stderr=log, cwd="/", **_as(account))


def _as(account: pwd.struct_passwd) -> dict[str, object]:
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []} if os.geteuid() == 0 else {}


def _wait_until_ready(process: subprocess.Popen[bytes], binaries: Path, folder: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while subprocess.run([binaries / "pg_isready", "-q", "-h", folder], check=False).returncode != 0:
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"PostgreSQL did not start: {(folder / 'log').read_text(errors='replace')[-2000:]}")
        time.sleep(0.05)
