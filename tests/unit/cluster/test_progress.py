"""Progress is one line per step for people, and one whole JSON object for a page."""

import io
import json
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.errors import ClusterError
from tests.cluster.progress import Progress


def read(file: Path) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads(file.read_text())
    return facts


def test_the_file_names_the_step_that_runs(tmp_path: Path) -> None:
    file = tmp_path / "progress.json"

    with Progress("build", 14, file, io.StringIO()) as progress:
        with progress.step("etcd"):
            pass
        with progress.step("kube-apiserver"):
            progress.note("waiting")
            during = read(file)

    assert during["started"] > 0
    assert {name: value for name, value in during.items() if name != "started"} == {
        "phase": "build",
        "step": 2,
        "steps": 14,
        "label": "kube-apiserver",
        "message": "waiting",
        "done": False,
        "error": None,
    }


def test_the_end_is_done(tmp_path: Path) -> None:
    with Progress("up", 1, tmp_path / "progress.json", io.StringIO()) as progress, progress.step("node"):
        pass

    assert read(tmp_path / "progress.json")["done"] is True
    assert [path.name for path in tmp_path.iterdir()] == ["progress.json"]


def test_an_error_is_told_to_both_readers(tmp_path: Path) -> None:
    out = io.StringIO()

    with (
        pytest.raises(ClusterError),
        Progress("up", 8, tmp_path / "progress.json", out) as progress,
        progress.step("node"),
    ):
        raise ClusterError("the disk is full")

    facts = read(tmp_path / "progress.json")
    assert (facts["error"], facts["done"], facts["label"]) == ("the disk is full", False, "node")
    assert out.getvalue() == "[1/8] node … failed\n"


def test_people_see_number_label_and_time() -> None:
    out = io.StringIO()

    with Progress("build", 14, None, out) as progress, progress.step("etcd"):
        pass

    assert out.getvalue() == "[1/14] etcd … 0.0 s\n"
