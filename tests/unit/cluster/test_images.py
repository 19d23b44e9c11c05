"""The sandbox image of the tests is the one that users build."""

import json
import re

from tests.cluster import images, layout, programs, rootfs


def read_sandbox_stage() -> str:
    text = (layout.REPOSITORY / "Dockerfile").read_text()
    found = re.search(r"^FROM \S+ AS sandbox$(.*?)(?=^FROM )", text, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


def read_instruction(name: str) -> str:
    found = re.findall(rf"^{name} (.+)$", read_sandbox_stage(), re.MULTILINE)
    assert len(found) == 1
    return str(found[0])


def test_both_run_the_same_program_as_the_same_user() -> None:
    assert {
        "User": read_instruction("USER"),
        "WorkingDir": read_instruction("WORKDIR"),
        "Env": read_instruction("ENV").split(),
        "Cmd": json.loads(read_instruction("CMD")),
    } == images.SANDBOX_CONFIG


def test_both_have_the_same_packages_and_runner() -> None:
    stage = read_sandbox_stage()

    for path in (rootfs.PACKAGE_LIST, rootfs.RUNNER):
        assert str(path.relative_to(layout.REPOSITORY)) in stage
    assert f"/{rootfs.RUNNER_PATH}\n" in stage


def test_both_have_the_same_kubectl() -> None:
    text = (layout.REPOSITORY / "Dockerfile").read_text()

    assert re.findall(r"^ARG KUBECTL_VERSION=(.+)$", text, re.MULTILINE) == [programs.read_versions()["Kubernetes"]]


def test_packages_are_named_once_without_comments() -> None:
    packages = rootfs.read_packages()

    assert "python3-yaml" in packages
    assert len(packages) == len(set(packages))
    assert all(re.fullmatch(r"[a-z0-9][a-z0-9.+-]+", package) for package in packages)
