"""`chat --sandbox` on the real cluster: commands run in gVisor, and the change is applied and rolled out."""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from bot.sandbox.claims import name_claim
from tests.e2e.conftest import GATEWAY, Cluster, Script
from tests.e2e.parts import ROOT, free_port

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

_MAIN = "import sys; from bot.cli import main; sys.exit(main(sys.argv[1:]))"


def test_commands_run_in_a_sandbox_that_is_given_back(cluster: Cluster, namespace: str, script: Script, tmp_path: Path) -> None:
    script.play(
        {
            "models": ["scripted"],
            "rules": [
                {"when": {"answer": "^status: applied"}, "reply": [{"text": "Two replicas now."}]},
                {"when": {"question": "scale", "step": 0}, "reply": [{"call": {"args": {"command": "uname -r; env"}}}]},
                {
                    "when": {"question": "scale", "step": 1},
                    "reply": [{"call": {"args": {"command": f"kubectl -n {namespace} scale deploy/web --replicas=2"}}}],
                },
            ],
        }
    )
    settings = tmp_path / "settings.yaml"
    gateway = {"host": GATEWAY, "port": free_port(GATEWAY, 18400, 18999)}
    settings.write_text(yaml.safe_dump({"sandbox": {"kubeconfig": cluster.bot_kubeconfig}, "gateway": gateway}))

    arguments = ("chat", "--sandbox", "--config", str(settings), "--kubeconfig", cluster.kubeconfig, "--state", str(tmp_path / "state"))
    ran = subprocess.run(
        [sys.executable, "-c", _MAIN, *arguments, "--skip-permissions", "--show-tool-output"],
        input="scale web",
        env={"PATH": cluster.path, "HOME": str(tmp_path), "PYTHONPATH": str(ROOT), **script.environment},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )

    assert ran.returncode == 0, ran.stderr
    assert "-gvisor\n" in ran.stdout
    assert "GEMINI" not in ran.stdout
    assert "not sandboxed" not in ran.stderr
    assert ran.stdout.rstrip().endswith("Two replicas now.")
    assert "spec.replicas  1 → 2" in ran.stderr
    assert cluster.kubectl("-n", namespace, "get", "deploy", "web", "-o", "jsonpath={.spec.replicas}") == "2"
    with contextlib.closing(sqlite3.connect(tmp_path / "state" / "local.db")) as database:
        (thread_id,) = database.execute("SELECT id FROM threads").fetchone()
    claim = (
        "get",
        "sandboxclaim",
        name_claim(thread_id),
        "--ignore-not-found",
        "-o",
        "jsonpath={.metadata.name} {.metadata.deletionTimestamp}",
    )
    assert len(cluster.kubectl("-n", "kubectl-ai-sandboxes", *claim).split()) != 1  # gone, or on its way
