"""What the demo applies to a cluster that it did not start, as kubectl renders it."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.demo import install, places
from tests.cluster.build import require_programs
from tests.cluster.errors import ClusterError

ELSEWHERE = places.Place({}, "172.18.0.1", "registry.example.com:5000/sandbox:2", is_own=False)


def test_the_manifests_fit_another_cluster(tmp_path: Path) -> None:
    overlay = install.write_kustomization(tmp_path / "manifests", install.render_overlay(ELSEWHERE, tmp_path / "manifests"))

    template = next(item for item in render(overlay) if item["kind"] == "SandboxTemplate")["spec"]

    container = template["podTemplate"]["spec"]["containers"][0]
    assert (container["image"], container["imagePullPolicy"]) == ("registry.example.com:5000/sandbox:2", "IfNotPresent")
    assert template["networkPolicy"]["egress"][0]["to"] == [{"ipBlock": {"cidr": "172.18.0.1/32"}}]


@pytest.mark.parametrize(("release", "broken"), [("working", []), ("broken", ["payments"])])
def test_the_shop_runs_on_the_sandbox_image_elsewhere(release: str, broken: list[str], tmp_path: Path) -> None:
    folder = install.write_kustomization(tmp_path / release, install.render_shop(ELSEWHERE, tmp_path / release, release))

    containers = {
        item["metadata"]["name"]: item["spec"]["template"]["spec"]["containers"][0]
        for item in render(folder)
        if item["kind"] == "Deployment"
    }

    assert sorted(containers) == ["cart", "catalog", "payments", "web"]
    assert [name for name, container in containers.items() if container["image"] != ELSEWHERE.sandbox_image] == broken
    assert {tuple(container["command"]) for container in containers.values()} == {("python3", "/opt/shop/server.py")}


def render(folder: Path) -> list[dict[str, Any]]:
    try:
        kubectl = require_programs().bin / "kubectl"
    except ClusterError as error:
        pytest.skip(f"no kubectl: {error}")
    done = subprocess.run([kubectl, "kustomize", folder], capture_output=True, text=True, check=True)
    return [item for item in yaml.safe_load_all(done.stdout) if item]
