"""The demo's own parts: its settings file, what the page is told of the set-up, and the cluster's environment."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from bot import demo, settings


async def test_the_page_follows_a_part_without_taking_its_end_for_the_setups(tmp_path: Path) -> None:
    part = tmp_path / "build.json"
    part.write_text(json.dumps({"phase": "build", "step": 9, "steps": 9, "label": "images", "started": 5.0, "done": True, "error": None}))
    progress = demo.Progress(tmp_path / "progress.json", started=1.0)

    following = asyncio.create_task(progress.follow(part))
    async with asyncio.timeout(10):
        while not progress.path.exists():
            await asyncio.sleep(0.01)
    following.cancel()

    shown = json.loads(progress.path.read_text())
    assert (shown["label"], shown["step"], shown["steps"]) == ("images", 9, 9)
    assert (shown["started"], shown["done"], shown["error"]) == (1.0, False, "")


async def test_a_part_that_has_written_nothing_yet_is_waited_for(tmp_path: Path) -> None:
    part = tmp_path / "up.json"
    part.write_text('{"label": ')  # half a file
    progress = demo.Progress(tmp_path / "progress.json")

    following = asyncio.create_task(progress.follow(part))
    await asyncio.sleep(0)
    is_waiting = not following.done() and not progress.path.exists()
    following.cancel()

    assert is_waiting


def test_a_failure_is_told_as_such(tmp_path: Path) -> None:
    progress = demo.Progress(tmp_path / "progress.json", started=1.0)

    progress.write("failed", "set-up failed", error="Go is missing; install it.")

    shown = json.loads(progress.path.read_text())
    assert (shown["error"], shown["done"]) == ("Go is missing; install it.", False)


def test_the_demos_settings_are_settings(tmp_path: Path) -> None:
    path = demo.write_settings(tmp_path, demo.Options(8123, "", tmp_path, scripted=False, keep_cluster=False))

    loaded = settings.load(path, {})

    assert loaded.slack.api_url == "http://127.0.0.1:8123/api/"
    assert list(loaded.changes.approvers) == ["S01ONCALL"]
    assert not loaded.changes.self_approval
    assert not loaded.model.required


def test_the_clusters_environment_is_read_as_a_shell_would() -> None:
    lines = "# comment\nexport KUBECONFIG=/a/admin.kubeconfig\nexport NAME='two words'\nnot a line\n"

    assert demo.read_environment(lines) == {"KUBECONFIG": "/a/admin.kubeconfig", "NAME": "two words"}
