"""The images of the tests are those that users build."""

import json
import re

from tests.cluster import images, layout, programs, rootfs
from tests.e2e.installed import image as bot_image


def read_stage(name: str) -> str:
    text = (layout.REPOSITORY / "Dockerfile").read_text()
    found = re.search(rf"^FROM \S+ AS {name}$(.*?)(?=^FROM |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


def read_instruction(name: str, stage: str = "sandbox") -> str:
    found = re.findall(rf"^{name} (.+)$", read_stage(stage), re.MULTILINE)
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
    stage = read_stage("sandbox")

    for path in (rootfs.PACKAGE_LIST, rootfs.RUNNER):
        assert str(path.relative_to(layout.REPOSITORY)) in stage
    assert f"/{rootfs.RUNNER_PATH}\n" in stage


def test_the_bots_image_starts_the_same_program_as_the_same_user() -> None:
    config = bot_image.CONFIG

    assert (config["User"], config["WorkingDir"]) == (read_instruction("USER", "bot"), read_instruction("WORKDIR", "bot"))
    assert config["Entrypoint"] == json.loads(read_instruction("ENTRYPOINT", "bot"))
    assert config["Cmd"] == json.loads(read_instruction("CMD", "bot"))
    assert "--require-hashes --no-deps --dest /wheels --requirement requirements.lock" in read_stage("build")


def test_kubectl_is_that_of_the_machine_that_is_built_for() -> None:
    """A default would win over what the builder says."""
    text = (layout.REPOSITORY / "Dockerfile").read_text()

    assert "\nARG TARGETARCH\n" in text
    assert "ARG TARGETARCH=" not in text


def test_both_have_the_same_kubectl() -> None:
    text = (layout.REPOSITORY / "Dockerfile").read_text()

    assert re.findall(r"^ARG KUBECTL_VERSION=(.+)$", text, re.MULTILINE) == [programs.read_versions()["Kubernetes"]]


def test_packages_are_named_once_without_comments() -> None:
    packages = rootfs.read_packages()

    assert "python3-yaml" in packages
    assert len(packages) == len(set(packages))
    assert all(re.fullmatch(r"[a-z0-9][a-z0-9.+-]+", package) for package in packages)
