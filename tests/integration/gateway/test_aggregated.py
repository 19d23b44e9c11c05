"""An aggregated API is never asked for a dry run, and what is deleted of it is gone for the rest of the rehearsal."""

from __future__ import annotations

import json

import pytest

from tests.integration.gateway.audit import mark, since
from tests.integration.gateway.far import THINGS, far_api
from tests.integration.gateway.files import lay_out
from tests.integration.gateway.lab import Lab

pytestmark = pytest.mark.apiserver


@pytest.mark.parametrize(
    ("command", "writes"),
    [
        ("kubectl delete thing a b", ["DELETE things.far.example.org shop/a", "DELETE things.far.example.org shop/b"]),
        ("kubectl delete things --all", ["DELETE things.far.example.org shop/a", "DELETE things.far.example.org shop/b"]),
        (f"kubectl delete --raw {THINGS}", ["DELETE things.far.example.org shop/"]),
    ],
)
async def test_what_is_deleted_is_gone_for_the_rehearsal_and_its_wait_ends(lab: Lab, command: str, writes: list[str]) -> None:
    async with far_api(lab) as far:
        far.put("a", "b")
        ran = await lab.rehearse(
            f"{command} && kubectl wait --for=delete thing/a --timeout=20s && kubectl get things -o name && kubectl get thing a", seconds=40
        )

    assert ran.err.endswith('Error from server (NotFound): things.far.example.org "a" not found\n'), ran.err
    assert "thing.far.example.org/" not in ran.out
    assert ran.writes == writes
    assert all(not write.has_preview and "aggregated" in write.note for write in ran.recording.writes)
    assert (ran.recording.stopped, ran.recording.refused) == ("", ())
    assert far.writes == []
    assert sorted(far.things) == ["a", "b"]


LOOKS = "kubectl get things; kubectl get thing a; timeout 3 kubectl get things -w"
WRITES = ["kubectl label thing a x=y", f"""kubectl create --raw {THINGS} -f <(echo '{{"kind":"Thing","metadata":{{"name":"n"}}}}')"""]


@pytest.mark.parametrize("command", WRITES, ids=["patch", "create"])
async def test_a_rehearsed_object_is_printed_without_a_dry_run_too(lab: Lab, command: str) -> None:
    async with far_api(lab) as far:
        far.put("a")
        ran = await lab.rehearse(f"{command}; {LOOKS}", seconds=40)

    assert len(ran.writes) == 1
    assert "a " in ran.out
    assert far.writes == []


@pytest.mark.parametrize(("kind", "tells"), [("things/n1", False), ("", True)])
async def test_head_does_not_tell_the_length_of_what_get_redacts(lab: Lab, kind: str, tells: bool) -> None:
    line = (
        "curl -ksI -H \"Authorization: Bearer $(kubectl config view --raw -o jsonpath='{.users[0].user.token}')\""
        " $(kubectl config view -o jsonpath='{.clusters[0].cluster.server}')"
    )
    async with far_api(lab) as far:
        far.put("n1")
        ran = await lab.rehearse(
            f"{line}{THINGS.removesuffix('/namespaces/shop/things') if tells else THINGS.removesuffix('things') + kind}"
        )

    assert " 200 " in ran.out.splitlines()[0], ran.out
    assert ("content-length" in ran.out.lower()) is tells


async def test_custom_resources_of_the_server_itself_are_previewed_whatever_the_verb(lab: Lab) -> None:
    lay_out(lab.folder)
    begin = mark(lab.server)
    widgets = "/apis/example.com/v1/namespaces/shop/widgets"

    async with lab.nothing_persists():
        ran = await lab.rehearse(
            f"kubectl get widgets && kubectl delete --raw {widgets} && kubectl create -f widget.yaml && kubectl label widget w1 a=b"
            " && kubectl delete widget w1"
        )

    asked = [entry["requestURI"] for entry in since(lab.server, begin) if entry["user"]["username"] != "system:apiserver"]
    assert ran.code == 0, ran.err
    assert [write.has_preview for write in ran.recording.writes] == [True, True, True, False]  # the last is made by this change too
    assert sum(uri.partition("?")[0] == "/openapi/v3/apis/example.com/v1" for uri in asked) <= 2  # kubectl reads it as well


async def test_a_version_of_a_built_in_group_that_is_another_servers_is_not_asked_either(lab: Lab) -> None:
    async with far_api(lab, "batch", "v9") as far:
        far.put("a")
        ran = await lab.rehearse(f"kubectl delete --raw {far.path}/a")

    assert far.writes == []
    assert ran.writes == ["DELETE things.batch shop/a"]
    assert all(not write.has_preview and "aggregated" in write.note for write in ran.recording.writes)


async def test_nor_one_that_was_handed_over_a_moment_ago(lab: Lab) -> None:
    """It was nobody else's when the gateway looked the first time."""
    own = {"group": "batch", "version": "v9", "groupPriorityMinimum": 10, "versionPriority": 10}
    registered = {"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": {"name": "v9.batch"}, "spec": own}
    (lab.folder / "own.json").write_text(json.dumps(registered))
    things = "/apis/batch/v9/namespaces/shop/things"
    try:
        assert (await lab.direct("kubectl apply -f own.json")).code == 0
        before = await lab.rehearse(f"kubectl delete --raw {things}/a")
        async with far_api(lab, "batch", "v9") as far:
            far.put("a")
            ran = await lab.rehearse(f"kubectl delete --raw {far.path}/a")
    finally:
        await lab.direct("kubectl delete apiservice v9.batch --ignore-not-found")

    assert before.writes == []
    assert far.writes == []
    assert ran.writes == ["DELETE things.batch shop/a"]
    assert [write.has_preview for write in ran.recording.writes] == [False]
