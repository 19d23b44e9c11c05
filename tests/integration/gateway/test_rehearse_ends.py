"""How `rehearse` ends: when it is interrupted, when it waits for itself, and when the change is applied."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cluster.apiserver import ApiServer
from tests.integration.gateway.audit import mark, persisted
from tests.integration.gateway.rehearse_command import MAIN, environment_of, rehearse

pytestmark = pytest.mark.apiserver


def test_a_rehearsal_that_waits_for_its_write_is_ended(seeded: ApiServer, tmp_path: Path) -> None:
    ran = rehearse(
        seeded, tmp_path, "--json", "--", "kubectl -n shop rollout restart deploy/web; kubectl -n shop rollout status deploy/web"
    )

    report = json.loads(ran.stdout)
    assert report["stderr"].endswith("stopped: waits for Deployment shop/web, which changes only after approval\n")
    assert len(report["writes"]) == 1


def test_what_a_command_leaves_running_is_not_waited_for_for_ever(seeded: ApiServer, tmp_path: Path) -> None:
    ran = rehearse(seeded, tmp_path, "--json", "--", "sleep 300 & setsid sleep 60 & echo $! > child; echo up")

    report = json.loads(ran.stdout)
    os.kill(int((tmp_path / "child").read_text()), signal.SIGKILL)
    assert (report["exit_code"], report["stdout"]) == (0, "up\n")


def test_output_that_nobody_reads_any_more_is_no_failure(seeded: ApiServer, tmp_path: Path) -> None:
    argv = [sys.executable, "-c", MAIN, "--", "kubectl -n shop label cm spare unread=1 >/dev/null"]
    process = subprocess.Popen(
        argv, env=environment_of(seeded, tmp_path), cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    process.stdout.close()

    _, stderr = process.communicate(timeout=300)

    assert process.returncode == 3
    assert "Traceback" not in stderr


def test_an_interrupt_ends_the_whole_group(seeded: ApiServer, tmp_path: Path) -> None:
    argv = [sys.executable, "-c", MAIN, "--", "sleep 300 & echo $! > child; echo up; wait"]
    process = subprocess.Popen(
        argv, env=environment_of(seeded, tmp_path), cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"

    process.send_signal(signal.SIGINT)
    process.wait(timeout=30)
    process.stdout.close()

    assert process.returncode == 130
    child = int((tmp_path / "child").read_text())
    deadline = time.monotonic() + 10
    while _is_alive(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _is_alive(child)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_was_recorded_before_an_interrupt_is_not_applied(seeded: ApiServer, tmp_path: Path, number: signal.Signals) -> None:
    begin = mark(seeded)
    argv = [sys.executable, "-c", MAIN, "--apply", "--yes", "--", "kubectl -n shop label cm spare half=1; echo up; sleep 300"]
    process = subprocess.Popen(
        argv, env=environment_of(seeded, tmp_path), cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    while process.stdout.readline() != "up\n":
        assert process.poll() is None

    process.send_signal(number)
    out, err = process.communicate(timeout=300)

    assert process.returncode == 128 + number
    assert "metadata.labels.half" in out
    assert err.endswith("rehearse: interrupted; nothing is applied.\n")
    assert persisted(seeded, begin) == []


def test_only_a_part_that_is_applied_is_no_success(seeded: ApiServer, tmp_path: Path) -> None:
    line = "kubectl -n shop annotate deploy web part=1 && kubectl -n shop wait deploy/web --for=condition=Never --timeout=80s; echo rest"
    ran = rehearse(seeded, tmp_path, "--apply", "--yes", "--", line)

    subprocess.run(
        [seeded.kubectl, "--kubeconfig", seeded.kubeconfig, "-n", "shop", "annotate", "deploy", "web", "part-"],
        check=True,
        capture_output=True,
    )
    assert ran.returncode == 1, ran.stderr
    assert ran.stderr.endswith("rehearse: done.\nrehearse: what follows in the command was not rehearsed, and is not applied.\n")


def test_apply_without_consent_changes_nothing(seeded: ApiServer, tmp_path: Path) -> None:
    begin = mark(seeded)

    ran = rehearse(seeded, tmp_path, "--apply", "--", "kubectl -n shop label cm spare applied=no")

    assert ran.returncode == 3
    assert "not applied" in ran.stderr
    assert persisted(seeded, begin) == []


def test_apply_sends_exactly_what_was_recorded_once(seeded: ApiServer, tmp_path: Path) -> None:
    begin = mark(seeded)

    ran = rehearse(
        seeded, tmp_path, "--apply", "--yes", "--", "kubectl -n shop label cm spare applied=yes; kubectl -n shop create cm applied"
    )

    landed = [(entry["verb"], entry["objectRef"]["name"]) for entry in persisted(seeded, begin)]
    subprocess.run(
        [seeded.kubectl, "--kubeconfig", seeded.kubeconfig, "-n", "shop", "delete", "cm", "applied"], check=True, capture_output=True
    )
    subprocess.run(
        [seeded.kubectl, "--kubeconfig", seeded.kubeconfig, "-n", "shop", "label", "cm", "spare", "applied-"],
        check=True,
        capture_output=True,
    )
    assert ran.returncode == 3, ran.stderr
    assert "rehearse: done." in ran.stderr
    assert landed == [("patch", "spare"), ("create", "applied")]


def _is_alive(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False
