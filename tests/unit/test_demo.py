"""The demo's own parts: its settings file, what the page is told of the set-up, what it does on a cluster that it did not make."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bot import settings
from bot.demo import install, launch, places, progress, token

NODE = {"status": {"addresses": [{"type": "Hostname", "address": "a"}, {"type": "InternalIP", "address": "127.0.0.1"}], "images": []}}


async def test_the_page_follows_a_part_without_taking_its_end_for_the_setups(tmp_path: Path) -> None:
    part = tmp_path / "build.json"
    part.write_text(json.dumps({"phase": "build", "step": 9, "steps": 9, "label": "images", "started": 5.0, "done": True, "error": None}))
    shown_at = progress.Progress(tmp_path / "progress.json", started=1.0)

    following = asyncio.create_task(shown_at.follow(part))
    async with asyncio.timeout(10):
        while not shown_at.path.exists():
            await asyncio.sleep(0.01)
    following.cancel()

    shown = json.loads(shown_at.path.read_text())
    assert (shown["label"], shown["step"], shown["steps"]) == ("images", 9, 9)
    assert (shown["started"], shown["done"], shown["error"]) == (1.0, False, "")


async def test_a_part_that_has_written_nothing_yet_is_waited_for(tmp_path: Path) -> None:
    part = tmp_path / "up.json"
    part.write_text('{"label": ')  # half a file
    shown_at = progress.Progress(tmp_path / "progress.json")

    following = asyncio.create_task(shown_at.follow(part))
    await asyncio.sleep(0)
    is_waiting = not following.done() and not shown_at.path.exists()
    following.cancel()

    assert is_waiting


def test_a_failure_is_told_as_such(tmp_path: Path) -> None:
    shown_at = progress.Progress(tmp_path / "progress.json", started=1.0)

    shown_at.write("failed", "set-up failed", error="Go is missing; install it.")

    shown = json.loads(shown_at.path.read_text())
    assert (shown["error"], shown["done"]) == ("Go is missing; install it.", False)


def test_the_demos_settings_are_settings(tmp_path: Path) -> None:
    path = launch.write_settings(tmp_path, 8123, "172.18.0.1")

    loaded = settings.load(path, {})

    assert loaded.slack.api_url == "http://127.0.0.1:8123/api/"
    assert loaded.gateway.host == "172.18.0.1"
    assert list(loaded.changes.approvers) == ["S01ONCALL"]
    assert not loaded.changes.self_approval
    assert not loaded.model.required


def test_the_clusters_environment_is_read_as_a_shell_would() -> None:
    lines = "# comment\nexport KUBECONFIG=/a/admin.kubeconfig\nexport NAME='two words'\nnot a line\n"

    assert places.read_environment(lines) == {"KUBECONFIG": "/a/admin.kubeconfig", "NAME": "two words"}


@pytest.mark.parametrize(
    ("images", "found"),
    [
        ([[["kas.local/sandbox:1"]], [["other:1"], ["kas.local/sandbox:1"]]], places.SANDBOX_IMAGE),
        ([[["kas.local/sandbox:1"]], [["other:1"]]], ""),
        ([], ""),
    ],
)
def test_the_demos_own_sandbox_image_is_used_where_every_node_has_it(images: list[list[list[str]]], found: str) -> None:
    nodes: list[dict[str, Any]] = [{"status": {"images": [{"names": names} for names in of_node]}} for of_node in images]

    assert places.find_sandbox_image(nodes) == found


def test_the_gateway_listens_where_nodes_are_talked_to_from() -> None:
    assert places.find_gateway_host([NODE]) == "127.0.0.1"
    assert places.find_gateway_host([]) == ""


@pytest.mark.parametrize(("url", "starts"), [("redis://cart-store:6379", True), ("cart-store:6379", False), ("", False)])
def test_the_shops_server_starts_only_with_a_url(url: str, starts: bool) -> None:
    server = Path(install.__file__).parent / "shop" / "anywhere" / "server.py"
    command = [sys.executable, "-c", f"import runpy; print(runpy.run_path({str(server)!r})['find_problem'](['-require-url=STORE_URL']))"]

    said = subprocess.run(command, env={"STORE_URL": url}, capture_output=True, text=True, check=True).stdout.strip()

    assert said == ("" if starts else f'cannot start: STORE_URL="{url}" is not a URL; it must look like redis://host:port')


def test_a_token_request_becomes_a_credential() -> None:
    request = {"kind": "TokenRequest", "status": {"token": "abc", "expirationTimestamp": "2026-11-30T13:00:00Z"}}

    assert token.convert(request) == {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": {"token": "abc", "expirationTimestamp": "2026-11-30T13:00:00Z"},
    }
