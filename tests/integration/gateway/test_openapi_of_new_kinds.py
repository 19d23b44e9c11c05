"""Kinds that a rehearsal defines, as `kubectl explain` finds them: the same words as when the cluster has them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.integration.gateway.lab import Lab

pytestmark = pytest.mark.apiserver

_NEW_GROUP = "explained.example.org"


def _define(folder: Path, group: str, plural: str, kind: str, *, scope: str = "Namespaced") -> None:
    spec = {"type": "object", "description": "What is wanted.", "required": ["teeth"], "properties": {"teeth": {"type": "integer"}}}
    schema = {"type": "object", "description": f"{kind} turns.", "properties": {"spec": spec, "status": {"type": "object"}}}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}, "subresources": {"status": {}}}
    names = {"plural": plural, "singular": plural.removesuffix("s"), "kind": kind}
    crd = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {"group": group, "scope": scope, "names": names, "versions": [version]},
    }
    (folder / f"{plural}.json").write_text(json.dumps(crd))
    item = {"apiVersion": f"{group}/v1", "kind": kind, "metadata": {"name": "one"}, "spec": {"teeth": 3}}
    (folder / f"one-{plural}.json").write_text(json.dumps(item))


def _document(group: str) -> str:
    return f"/openapi/v3/apis/{group}/v1"


def _explain(*plurals: str) -> str:
    asked = [plural + field for plural in plurals for field in ("", ".spec", ".metadata.name", " --recursive")]
    return "; ".join(f"echo; kubectl explain {one}" for one in asked)


async def _explained_for_real(lab: Lab, group: str, plurals: tuple[str, ...]) -> str:
    files = " ".join(f"-f {plural}.json" for plural in plurals)
    known = " && ".join(f"kubectl explain {plural}.{group} >/dev/null 2>&1" for plural in plurals)
    try:
        ran = await lab.direct(
            f"kubectl apply {files} >/dev/null; for i in $(seq 150); do {known} && break; sleep 0.2; done; {_explain(*plurals)}"
        )
        assert ran.code == 0, ran.err
        return ran.out
    finally:
        await lab.direct(f"kubectl delete {files}")


async def test_kinds_of_a_new_group_are_explained_as_when_they_are_there(lab: Lab) -> None:
    _define(lab.folder, _NEW_GROUP, "gearwheels", "Gearwheel")
    _define(lab.folder, _NEW_GROUP, "sprockets", "Sprocket", scope="Cluster")
    create = "kubectl create -f gearwheels.json -f sprockets.json >/dev/null"

    rehearsed = await lab.rehearse(f"{create}; {_explain('gearwheels', 'sprockets')}")

    assert rehearsed.err.count("Warning:") == len(rehearsed.err.splitlines()), rehearsed.err
    assert "DESCRIPTION:\n    Sprocket turns." in rehearsed.out
    assert "teeth\t<integer> -required-" in rehearsed.out
    assert rehearsed.out == await _explained_for_real(lab, _NEW_GROUP, ("gearwheels", "sprockets"))


async def test_a_second_kind_of_a_group_version_that_is_there_is_explained_beside_the_first(lab: Lab) -> None:
    _define(lab.folder, "example.com", "cogwheels", "Cogwheel")

    before = await lab.rehearse("kubectl explain cogwheels; kubectl explain widgets")
    rehearsed = await lab.rehearse(f"kubectl create -f cogwheels.json >/dev/null; {_explain('widgets', 'cogwheels')}")
    after = await lab.rehearse("kubectl explain cogwheels; kubectl explain widgets")

    assert "Cogwheel turns." in rehearsed.out
    assert "colour\t<string>" in rehearsed.out, "the cluster's own kind is still there"
    assert (after.out, "cogwheels" in after.err) == (before.out, True), "no client keeps what was true for one rehearsal"
    explained = await lab.rehearse(f"kubectl create -f cogwheels.json >/dev/null; {_explain('cogwheels')}")
    assert explained.out == await _explained_for_real(lab, "example.com", ("cogwheels",))


async def test_the_documents_lead_to_each_other_and_name_what_a_write_takes(lab: Lab) -> None:
    _define(lab.folder, "example.com", "cogwheels", "Cogwheel")
    _define(lab.folder, _NEW_GROUP, "gearwheels", "Gearwheel")
    read = " && ".join(f"kubectl get --raw {path}" for path in ("/openapi/v3", _document("example.com"), _document(_NEW_GROUP)))

    ran = await lab.rehearse(f"kubectl create -f cogwheels.json -f gearwheels.json >/dev/null && {read}")

    index, merged, fresh = (json.loads(line) for line in ran.out.splitlines() if line)
    for group in ("example.com", _NEW_GROUP):
        assert index["paths"][f"apis/{group}/v1"] == {"serverRelativeURL": _document(group)}, "a hash would be kept for ever"
    assert "?hash=" in index["paths"]["apis/apps/v1"]["serverRelativeURL"]
    assert {"com.example.v1.Widget", "com.example.v1.Cogwheel"} <= merged["components"]["schemas"].keys()
    assert "/apis/example.com/v1/namespaces/{namespace}/widgets/{name}" in merged["paths"]
    for document, path in (
        (merged, "/apis/example.com/v1/namespaces/{namespace}/cogwheels/{name}"),
        (fresh, f"/apis/{_NEW_GROUP}/v1/namespaces/{{namespace}}/gearwheels/{{name}}"),
    ):
        names = {parameter["name"] for parameter in document["paths"][path]["patch"]["parameters"]}
        assert names == {"dryRun", "fieldManager", "fieldValidation"}


async def test_kubectl_applies_an_object_of_a_kind_that_it_looks_up(lab: Lab) -> None:
    _define(lab.folder, "example.com", "cogwheels", "Cogwheel")

    ran = await lab.rehearse("kubectl create -f cogwheels.json && kubectl apply --validate=strict -f one-cogwheels.json")

    assert ran.code == 0, ran.err
    assert ran.writes[1] == "POST cogwheels.example.com shop/one"
