"""Requests tied to a version of their object."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from bot.changes.preconditions import with_precondition
from bot.values.requests import RecordedWrite
from tests.unit.changes.builders import APPLY, JSON, JSON_PATCH, MERGE, STRATEGIC, write

LIVE = {"metadata": {"name": "web", "uid": "u1", "resourceVersion": "7"}}
PROTOBUF = "application/vnd.kubernetes.protobuf"


def tied(written: RecordedWrite, live: Any = LIVE) -> tuple[Any, str]:
    request, precondition = with_precondition(written, live)
    return json.loads(request.body), precondition


@pytest.mark.parametrize("kind", [MERGE, STRATEGIC, APPLY])
@pytest.mark.parametrize("metadata", [None, {}, {"labels": {"a": "b"}, "resourceVersion": "1"}])
def test_a_patch_carries_the_version(kind: str, metadata: Any) -> None:
    body = {"spec": {"replicas": 5}} | ({} if metadata is None else {"metadata": metadata})

    patch, precondition = tied(write("patch", "deployments", "web", body, kind=kind))

    assert precondition == "7"
    assert patch == {"spec": {"replicas": 5}, "metadata": {**(metadata or {}), "resourceVersion": "7"}}


def test_an_apply_in_yaml_carries_the_version() -> None:
    patch, precondition = tied(write("patch", "deployments", "web", b"spec: {replicas: 5}\n", kind=APPLY))

    assert (patch, precondition) == ({"spec": {"replicas": 5}, "metadata": {"resourceVersion": "7"}}, "7")


@pytest.mark.parametrize(("manager", "annotation", "is_tied"), [("kubectl", True, False), ("kubectl", False, True), ("argo", True, True)])
def test_an_apply_that_the_server_keeps_a_copy_of_is_not_tied(manager: str, annotation: bool, is_tied: bool) -> None:
    body = {"metadata": {"name": "web"}, "spec": {"replicas": 5}}
    plain = write("patch", "deployments", "web", body, kind=APPLY)
    written = replace(plain, request=replace(plain.request, query=(("fieldManager", manager), ("force", "true"))))
    notes = {"annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"}} if annotation else {}

    request, precondition = with_precondition(written, {"metadata": {**LIVE["metadata"], **notes}})

    assert precondition == ("7" if is_tied else "")
    assert (b"resourceVersion" in request.body) is is_tied


def test_a_json_patch_replaces_the_version_last() -> None:
    own = [{"op": "test", "path": "/metadata/resourceVersion", "value": "1"}, {"op": "remove", "path": "/spec/x"}]

    patch, precondition = tied(write("patch", "deployments", "web", own, kind=JSON_PATCH))

    assert precondition == "7"
    assert patch == [own[1], {"op": "replace", "path": "/metadata/resourceVersion", "value": "7"}]


@pytest.mark.parametrize(("kind", "body"), [(JSON_PATCH, b"{}"), (MERGE, b"[]"), (MERGE, b"{"), (PROTOBUF, b"k8s\0")])
def test_a_patch_that_cannot_be_tied_stays_as_it_is(kind: str, body: bytes) -> None:
    written = write("patch", "deployments", "web", body, kind=kind)

    assert with_precondition(written, LIVE) == (written.request, "")


@pytest.mark.parametrize("subresource", ["", "scale", "status"])
def test_a_put_is_rebased(subresource: str) -> None:
    body = {"metadata": {"name": "web", "uid": "invented", "resourceVersion": "1"}, "spec": {}}
    written = write("update", "deployments", "web", body, kind=JSON, subresource=subresource)

    item, precondition = tied(written)

    assert precondition == "7"
    assert item["metadata"] == {"name": "web", "uid": "invented", "resourceVersion": "7"}
    item, _ = tied(replace(written, depends_on=(0,)))
    assert item["metadata"] == {"name": "web", "uid": "u1", "resourceVersion": "7"}


def test_a_put_of_what_is_not_there_or_in_protobuf_stays_as_it_is() -> None:
    written = write("update", "deployments", "web", {"metadata": {}}, kind=JSON)
    binary = write("update", "deployments", "web", b"k8s\0", kind=PROTOBUF)

    assert with_precondition(written, None) == (written.request, "")
    assert with_precondition(binary, LIVE) == (binary.request, "")


@pytest.mark.parametrize("options", [{"propagationPolicy": "Background"}, {"preconditions": {"uid": "other"}, "gracePeriodSeconds": 0}])
def test_a_deletion_is_tied_to_uid_and_version(options: dict[str, Any]) -> None:
    body, precondition = tied(write("delete", "pods", "p", options, kind=JSON))

    assert precondition == "u1/7"
    assert body == {**options, "preconditions": {"uid": "u1", "resourceVersion": "7"}}


def test_what_a_deletion_asked_in_its_query_moves_into_the_body() -> None:
    query = (
        ("gracePeriodSeconds", "0"),
        ("propagationPolicy", "Orphan"),
        ("orphanDependents", "true"),
        ("gracePeriodSeconds", "x"),
        ("pretty", "1"),
    )

    body, _ = tied(write("delete", "pods", "p", query=query))

    assert body == {
        "kind": "DeleteOptions",
        "apiVersion": "v1",
        "gracePeriodSeconds": 0,
        "propagationPolicy": "Orphan",
        "orphanDependents": True,
        "preconditions": {"uid": "u1", "resourceVersion": "7"},
    }


def test_a_deletion_with_unreadable_options_stays_as_it_is() -> None:
    written = write("delete", "pods", "p", b"k8s\0", kind=PROTOBUF)

    assert with_precondition(written, LIVE) == (written.request, "")


def test_an_eviction_is_tied_to_the_uid() -> None:
    written = write(
        "create", "pods", "p", {"kind": "Eviction", "deleteOptions": {"gracePeriodSeconds": 5}}, kind=JSON, subresource="eviction"
    )

    body, precondition = tied(written)

    assert precondition == "u1/"
    assert body["deleteOptions"] == {"gracePeriodSeconds": 5, "preconditions": {"uid": "u1"}}
    binary = replace(written, request=replace(written.request, body=b"k8s\0", content_type=PROTOBUF))
    assert with_precondition(binary, LIVE) == (binary.request, "")


@pytest.mark.parametrize(
    "written",
    [
        write("create", "configmaps", "", {"metadata": {"name": "c"}}, kind=JSON),
        write("create", "pods", "p", {"kind": "Binding"}, kind=JSON, subresource="binding"),
        write("deletecollection", "pods"),
        write("patch", "deployments", "new", {}, kind=APPLY),
    ],
)
def test_nothing_is_ever_tied_to_a_creation_or_a_collection(written: RecordedWrite) -> None:
    live = None if written.info.verb == "patch" else LIVE

    assert with_precondition(written, live) == (written.request, "")
