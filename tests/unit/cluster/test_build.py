"""What the build does to the files of others, and how it explains a failure."""

import re
from pathlib import Path

import pytest

from tests.cluster import build, programs, update
from tests.cluster.errors import ClusterError

CRD = """\
apiVersion: apiextensions.k8s.io/v1
spec:
  conversion:
    strategy: Webhook
    webhook:
      conversionReviewVersions:
      - v1
  group: agents.x-k8s.io
"""


def test_the_conversion_is_removed_and_nothing_else() -> None:
    assert build.remove_conversion(CRD) == "apiVersion: apiextensions.k8s.io/v1\nspec:\n  group: agents.x-k8s.io\n"


def test_a_crd_without_conversion_stays_as_it_is() -> None:
    plain = "spec:\n  group: agents.x-k8s.io\n"

    assert build.remove_conversion(plain) == plain


def test_a_pattern_that_no_longer_matches_stops_the_build() -> None:
    with pytest.raises(ClusterError, match=r"manager\.go .* does not match"):
        build.replace_once("package v2\n", r"^package v1$", "package main", "manager.go")


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        ("write /x: no space left on device", "the disk is full"),
        ("dial tcp: lookup modules.example.org: no such host", "module proxy cannot be reached"),
        ("link: signal: killed", "lack of memory"),
        ("undefined: x", "goes on where it stopped"),
    ],
)
def test_a_failure_says_what_to_do_and_what_go_said(said: str, advice: str) -> None:
    text = build.explain_failure(["build", "./coredns"], [said])

    assert advice in text
    assert said in text


def test_versions_are_read_from_the_modules() -> None:
    versions = programs.read_versions()

    assert all(re.fullmatch(r"v\d+\.\d+\.\d+(-\S+)?", version) for version in versions.values()), versions


def test_a_module_that_is_not_required_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "go.mod").write_text("module x\n")

    with pytest.raises(ClusterError, match="does not require"):
        programs.read_version("k8s.io/kubernetes", tmp_path / "go.mod")


def test_the_versions_of_kubernetes_are_linked_in() -> None:
    version = programs.read_versions()["Kubernetes"]

    assert f"k8s.io/component-base/version.gitVersion={version}" in programs.build_linker_flags()


def test_the_libraries_in_the_tree_of_kubernetes_are_found() -> None:
    go_mod = "replace (\n\tk8s.io/api => ./staging/src/k8s.io/api\n\texample.com/x => example.com/y v1.0.0\n)\n"

    assert update.find_libraries(go_mod) == ["k8s.io/api"]


def test_every_library_of_kubernetes_is_pinned_to_its_release() -> None:
    version = programs.read_versions()["Kubernetes"].replace("v1.", "v0.", 1)

    pins = re.findall(r"^\t(k8s\.io/\S+) => (\S+) (\S+)$", (programs.PROGRAMS_MODULE / "go.mod").read_text(), re.MULTILINE)

    assert pins
    assert all((library, version) == (target, pinned) for library, target, pinned in pins)
