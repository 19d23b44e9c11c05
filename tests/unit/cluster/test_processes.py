"""Daemons are found again by their record, and nothing else is ever taken for one."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cluster import processes
from tests.cluster.processes import Daemon


def make_daemon(seconds: int = 60) -> Daemon:
    return Daemon("sleeper", ("/bin/sleep", str(seconds)), {"PATH": "/usr/bin:/bin"})


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    processes.stop(tmp_path, ["sleeper"])


def test_a_started_daemon_is_found_until_it_is_stopped(records: Path) -> None:
    processes.start(records, records, make_daemon())
    found = processes.find(records, "sleeper")
    processes.stop(records, ["sleeper"])

    assert found is not None
    assert found.argv == ("/bin/sleep", "60")
    assert processes.find(records, "sleeper") is None
    assert not list(records.glob("*.json"))


def test_starting_twice_keeps_the_first_process(records: Path) -> None:
    processes.start(records, records, make_daemon())
    first = processes.find(records, "sleeper")
    processes.start(records, records, make_daemon())

    assert processes.find(records, "sleeper") == first


def test_other_arguments_replace_the_process(records: Path) -> None:
    processes.start(records, records, make_daemon(60))
    first = processes.find(records, "sleeper")
    processes.start(records, records, make_daemon(61))
    second = processes.find(records, "sleeper")

    assert first is not None
    assert second is not None
    assert second.pid != first.pid
    assert second.argv == ("/bin/sleep", "61")


def test_another_configuration_replaces_the_process(records: Path) -> None:
    processes.start(records, records, replace(make_daemon(), config="old"))
    first = processes.find(records, "sleeper")
    processes.start(records, records, replace(make_daemon(), config="new"))
    second = processes.find(records, "sleeper")

    assert first is not None
    assert second is not None
    assert second.pid != first.pid


def test_a_killed_daemon_is_not_running_even_while_it_is_a_zombie(records: Path) -> None:
    processes.start(records, records, make_daemon())
    found = processes.find(records, "sleeper")
    assert found is not None

    left = processes.kill([found.pid])

    assert left == set()
    assert processes.find(records, "sleeper") is None


@pytest.mark.parametrize("change", [{"ticks": 1}, {"boot": "another"}], ids=["other start time", "other boot"])
def test_a_process_that_got_the_number_later_is_not_ours(records: Path, change: dict[str, object]) -> None:
    processes.start(records, records, make_daemon())
    file = records / "sleeper.json"
    truth = file.read_text()
    file.write_text(json.dumps({**json.loads(truth), **change}))

    found = processes.find(records, "sleeper")
    processes.stop(records, ["sleeper"])
    file.write_text(truth)

    assert found is None
    assert processes.find(records, "sleeper") is not None  # the stop above signalled nobody


def test_a_daemon_without_a_record_is_found_by_its_state_folder(records: Path) -> None:
    state = records / "state"
    program = Path(sys.executable).resolve()
    argv = (str(program), "-c", "import time; time.sleep(60)", f"--data-dir={state}/etcd")
    recorded = Daemon("sleeper", argv, {"PATH": "/usr/bin:/bin"})
    processes.start(records, records, recorded)
    found = processes.find(records, "sleeper")
    assert found is not None

    processes.kill_strays(records, state, [program.name])
    kept = processes.find(records, "sleeper")
    record = (records / "sleeper.json").read_text()
    (records / "sleeper.json").unlink()
    processes.kill_strays(records, records / "another", [program.name])
    processes.kill_strays(records, state, ["etcd"])
    alive = processes.read_arguments(found.pid)
    processes.kill_strays(records, state, [program.name])
    (records / "sleeper.json").write_text(record)

    assert kept == found
    assert tuple(alive) == argv
    assert processes.find(records, "sleeper") is None


def test_a_half_written_record_counts_as_none(records: Path) -> None:
    (records / "sleeper.json").write_text('{"name": "slee')

    assert processes.find(records, "sleeper") is None


def test_kill_reports_nothing_for_processes_that_are_gone() -> None:
    ended = subprocess.Popen(["/bin/true"])
    ended.wait()

    assert processes.kill([ended.pid]) == set()


def test_arguments_of_a_process_are_read() -> None:
    child = subprocess.Popen(["/bin/sleep", "60"])
    try:
        # The child may not have executed its program yet.
        while processes.read_arguments(child.pid)[-1:] != ["60"]:
            os.sched_yield()
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()

    assert processes.read_arguments(child.pid) == ()
