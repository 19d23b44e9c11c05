"""The cluster's daemons as plain processes, found again by a record of each.

A record holds the process id with its start time and the boot it belongs to, so that a number which the kernel gave to
something else in the meantime is never taken for ours, let alone signalled.
"""

import contextlib
import json
import os
import signal
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.errors import ClusterError

_STOP_SECONDS = 10.0
_POLL_SECONDS = 0.05
_MAX_LOG_BYTES = 50 * 1024 * 1024
_TAIL_BYTES = 2000


@dataclass(frozen=True, slots=True)
class Record:
    """A started process. ``started`` is in Unix seconds, ``ticks`` in clock ticks since boot."""

    name: str
    pid: int
    ticks: int
    boot: str
    started: float
    argv: tuple[str, ...]
    config: str = ""


@dataclass(frozen=True, slots=True)
class Daemon:
    """A process that should run."""

    name: str
    argv: tuple[str, ...]
    environment: Mapping[str, str]
    config: str = ""  # a digest of its configuration files


def start(records: Path, logs: Path, daemon: Daemon) -> None:
    """Start a daemon unless it runs with exactly these arguments and configuration; else the running one is stopped first."""
    running = find(records, daemon.name)
    if running is not None:
        if (running.argv, running.config) == (daemon.argv, daemon.config):
            return
        stop(records, [daemon.name])
    log = logs / f"{daemon.name}.log"
    if log.exists() and log.stat().st_size > _MAX_LOG_BYTES:
        log.replace(log.with_suffix(".log.1"))
    pid = _spawn(daemon, log)
    ticks = _read_ticks(pid)
    if ticks is None:
        raise ClusterError(explain_end(logs, daemon.name))
    record = Record(daemon.name, pid, ticks, _read_boot(), time.time(), daemon.argv, daemon.config)
    _write(records, record)


def find(records: Path, name: str) -> Record | None:
    """The record of a process that runs now."""
    try:
        facts = json.loads((records / f"{name}.json").read_text(encoding="utf-8"))
        record = Record(**{**facts, "argv": tuple(facts["argv"])})
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None  # none, or half written by a start that was killed
    return record if _is_running(record) else None


def list_running(records: Path) -> list[Record]:
    names = sorted(path.stem for path in records.glob("*.json")) if records.is_dir() else []
    return [record for record in (find(records, name) for name in names) if record is not None]


def stop(records: Path, names: Iterable[str]) -> None:
    """End processes, all at once, and wait until they are gone; one that ignores SIGTERM is killed after ten seconds."""
    names = list(names)
    running = [record for record in (find(records, name) for name in names) if record is not None]
    for record in running:
        _signal(record, signal.SIGTERM)
    _wait_until_gone(running, _STOP_SECONDS)
    for record in running:
        _signal(record, signal.SIGKILL)
    if left := _wait_until_gone(running, _STOP_SECONDS):
        raise ClusterError(f"{', '.join(record.name for record in left)} cannot be killed; reboot the machine.")
    for name in names:
        (records / f"{name}.json").unlink(missing_ok=True)
    for record in running:
        with contextlib.suppress(ChildProcessError):  # only those that this very process started are its children
            os.waitpid(record.pid, os.WNOHANG)


def kill_strays(records: Path, state: Path, names: Iterable[str]) -> None:
    """Kill daemons of this state folder that no record knows: a start that is killed before it writes the record leaves one.

    A child of a known daemon is none of them: until it executes its program, it goes by the arguments of its parent.
    """
    known = {record.pid for record in list_running(records)}
    strays = set()
    for pid in list_processes():
        program, *arguments = read_arguments(pid) or [""]
        module = arguments[1] if arguments[:1] == ["-m"] and len(arguments) > 1 else ""
        named = Path(program).name in names or module.startswith("tests.cluster.")
        if named and not known & {pid, _read_parent(pid)} and any(f"{state}/" in argument for argument in arguments):
            strays.add(pid)
    if left := kill(strays):
        raise ClusterError(f"Processes {sorted(left)} of a killed cluster cannot be killed: reboot the machine.")


def list_processes() -> list[int]:
    return [int(folder.name) for folder in Path("/proc").iterdir() if folder.name.isdigit()]


def kill(pids: Iterable[int], seconds: float = 5.0) -> set[int]:
    """Kill processes by id and wait; gives those that are still there."""
    left = {pid: ticks for pid in pids if (ticks := _read_ticks(pid)) is not None}
    for pid in left:
        _send(pid, signal.SIGKILL)
    deadline = time.monotonic() + seconds
    while left and time.monotonic() < deadline:
        left = {pid: ticks for pid, ticks in left.items() if _read_ticks(pid) == ticks}
        if left:
            time.sleep(_POLL_SECONDS)
    return set(left)


def read_arguments(pid: int) -> Sequence[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").rstrip("\0").split("\0")
    except OSError:
        return ()


def explain_end(logs: Path, name: str) -> str:
    """A sentence for a daemon that ended by itself, with the end of its log."""
    log = logs / f"{name}.log"
    said = log.read_bytes()[-_TAIL_BYTES:].decode(errors="replace").strip() if log.exists() else ""
    lines = "\n".join(said.splitlines()[-5:])
    return f"{name} ended right after its start; its log is {log}, and ends with:\n{lines}"


def _spawn(daemon: Daemon, log: Path) -> int:
    """Start a process that outlives this one: its own session, no terminal, nothing inherited but the working directory.

    Not subprocess.Popen, whose objects complain when they are dropped while their process runs, which is the point here.
    """
    appending = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    files = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, str(log), appending, 0o600),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    # Python ignores these two, and a child would inherit that.
    default = [signal.SIGPIPE, signal.SIGXFSZ]
    try:
        return os.posix_spawn(
            daemon.argv[0], daemon.argv, dict(daemon.environment), file_actions=files, setsid=True, setsigmask=[], setsigdef=default
        )
    except OSError as error:
        raise ClusterError(f"{daemon.argv[0]} does not start ({error.strerror}): run `python3 -m tests.cluster build` again.") from error


def _write(records: Path, record: Record) -> None:
    facts = {
        "name": record.name,
        "pid": record.pid,
        "ticks": record.ticks,
        "boot": record.boot,
        "started": record.started,
        "argv": list(record.argv),
        "config": record.config,
    }
    records.mkdir(parents=True, exist_ok=True)
    new = records / f"{record.name}.new"
    new.write_text(json.dumps(facts), encoding="utf-8")
    new.replace(records / f"{record.name}.json")


def _is_running(record: Record) -> bool:
    return record.boot == _read_boot() and _read_ticks(record.pid) == record.ticks


def _read_ticks(pid: int) -> int | None:
    """When a process started; nothing if it is gone or a zombie (process 1 of some machines collects those late)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in {"Z", "X"} else int(fields[19])


def _read_parent(pid: int) -> int:
    """The id of the parent; zero if the process is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return 0
    return int(stat.rpartition(")")[2].split()[1])


def _read_boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()


def _signal(record: Record, number: signal.Signals) -> None:
    if _is_running(record):
        _send(record.pid, number)


def _send(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):  # it ended by itself in this very moment
        os.kill(pid, number)


def _wait_until_gone(records: list[Record], seconds: float) -> list[Record]:
    deadline = time.monotonic() + seconds
    left = records
    while left := [record for record in left if _is_running(record)]:
        if time.monotonic() > deadline:
            break
        time.sleep(_POLL_SECONDS)
    return left
