"""Selectors, media types, protobuf, patches, discovery: the small pure parts."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.gateway.protocol import bodies, media, patches, protobuf, status, subresources
from bot.gateway.protocol.request_info import Parsed, parse
from bot.gateway.protocol.selectors import exact_field, matches
from bot.gateway.reading import discovery
from bot.gateway.rehearsal import synthesis
from bot.gateway.rehearsal.overlay import Definition, Entry, Key, Overlay
from bot.values.requests import Json, RequestInfo

WEB = {"kind": "Deployment", "metadata": {"name": "web", "labels": {"app": "web", "tier": "front", "n": "5"}}, "spec": {"replicas": 3}}


@pytest.mark.parametrize(
    ("labels", "fields", "expected"),
    [
        ("", "", True),
        ("app=web", "", True),
        ("app==web,tier!=back", "", True),
        ("app=api", "", False),
        ("app in (web, api)", "", True),
        ("app notin (web)", "", False),
        ("other notin (x)", "", True),
        ("app", "", True),
        ("!app", "", False),
        ("!other,app in (web),tier", "", True),
        ("n>4", "", True),
        ("n<4", "", False),
        ("app=web,", "", True),
        ("app=(", "", False),
        ("", "metadata.name=web", True),
        ("", "metadata.name!=web", False),
        ("", "metadata.name=web,spec.replicas=3", True),
        ("", "status.phase=Running", False),
        ("", "status.phase!=Running", True),
        ("", "nonsense", False),
    ],
)
def test_selectors_match_as_the_api_server_matches_them(labels: str, fields: str, expected: bool) -> None:
    assert matches(WEB, labels, fields) is expected


def test_a_name_is_read_from_a_field_selector() -> None:
    assert exact_field("metadata.name=a\\,b,x=y", "metadata.name") == "a,b"
    assert exact_field("metadata.name!=a", "metadata.name") == ""


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("application/json", "application/json"),
        ("*/*", "application/json"),
        ("application/vnd.kubernetes.protobuf,application/json", "application/json"),
        ("application/vnd.kubernetes.protobuf", "application/json"),
        (
            "application/json;as=Table;v=v1;g=meta.k8s.io,application/json",
            "application/json;as=Table;v=v1;g=meta.k8s.io,application/json",
        ),
        (
            "application/vnd.kubernetes.protobuf;as=PartialObjectMetadata;v=v1;g=meta.k8s.io",
            "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io,application/json",
        ),
        ("application/cbor;q=1, application/yaml;q=0.5", "application/json"),
        ("", "application/json"),
    ],
)
def test_what_must_be_looked_at_is_asked_for_in_json(accept: str, expected: str) -> None:
    assert media.accept_json(accept) == expected


@pytest.mark.parametrize(
    ("accept", "takes"),
    [
        ("", True),
        ("*/*", True),
        ("application/*;q=0.1", True),
        ("application/vnd.kubernetes.protobuf, */*", True),
        ("application/json;as=Table;v=v1;g=meta.k8s.io", True),
        ("application/yaml", False),
        ("application/vnd.kubernetes.protobuf,application/cbor", False),
        ("text/*", False),
    ],
)
def test_a_client_takes_json_if_it_says_so(accept: str, takes: bool) -> None:
    assert media.takes_json(accept) is takes


@given(st.text(max_size=80))
def test_no_accept_header_gets_through_as_anything_but_json(accept: str) -> None:
    for wish in media.accept_json(accept).split(","):
        assert wish.split(";")[0] == "application/json"


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("application/json;as=Table;v=v1;g=meta.k8s.io,application/json", "Table"),
        ("application/json, application/json;as=Table", ""),
        ("*/*", ""),
    ],
)
def test_the_first_wish_decides_the_form(accept: str, form: str) -> None:
    assert media.wanted_form(accept) == form


def _field(number: int, data: bytes) -> bytes:
    return bytes([number << 3 | 2, len(data)]) + data


_OBJECT = (
    b"k8s\x00"
    + _field(1, _field(1, b"v1") + _field(2, b"ConfigMap"))
    + _field(2, _field(1, _field(1, b"old") + _field(3, b"shop")) + _field(2, b"x"))
)


def test_a_protobuf_object_gets_another_name_and_keeps_the_rest() -> None:
    renamed = protobuf.renamed(_OBJECT, "new", "other")

    item = bodies.read(media.PROTOBUF, renamed)
    assert item == {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "new", "namespace": "other"}}
    assert protobuf.find(protobuf.unwrap(renamed).raw, 2) == b"x"


@given(st.binary(max_size=60))
def test_any_bytes_are_a_message_or_a_wire_error(data: bytes) -> None:
    assert bodies.read(media.PROTOBUF, b"k8s\x00" + data) is None or isinstance(bodies.read(media.PROTOBUF, b"k8s\x00" + data), dict)


@given(st.binary(max_size=60))
def test_any_body_of_any_kind_can_be_looked_at(data: bytes) -> None:
    for kind in (media.JSON, media.YAML, media.APPLY_PATCH, media.JSON_PATCH, media.PROTOBUF, "x/y"):
        bodies.read(kind, data)
        bodies.renamed(kind, data, "n")


def test_a_yaml_date_stays_text_as_the_api_server_reads_it() -> None:
    assert bodies.read(media.YAML, b"data: {day: 2026-01-02}") == {"data": {"day": "2026-01-02"}}


def test_yaml_that_grows_when_it_is_read_is_not_read() -> None:
    bomb = b"a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n"

    assert bodies.read(media.YAML, bomb) is None


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=8,
)
_NO_NULLS = st.recursive(
    st.booleans() | st.integers(-5, 5) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcd"), inner, max_size=3),
    max_leaves=8,
)
_OBJECTS = st.dictionaries(st.sampled_from("abcd"), _NO_NULLS, max_size=4)


@given(_OBJECTS, _OBJECTS)
def test_a_merge_patch_between_two_objects_makes_one_of_the_other(old: Json, new: Json) -> None:
    assert patches.merge(old, patches.merge_between(old, new)) == new


@given(_OBJECTS, _JSON)
def test_patching_leaves_the_object_itself_alone(old: Json, patch: Json) -> None:
    copy = repr(old)

    patches.merge(old, patch)
    with suppress(patches.PatchError):
        patches.apply_json_patch(old, [{"op": "add", "path": "/a", "value": patch}, {"op": "remove", "path": "/b"}])

    assert repr(old) == copy


def _crd(group: str = "example.net") -> Json:
    versions = [{"name": "v1", "served": True, "storage": True, "subresources": {"scale": {"specReplicasPath": ".spec.size"}}}]
    names = {"plural": "gears", "singular": "gear", "kind": "Gear", "shortNames": ["gr"]}
    return {"metadata": {"name": f"gears.{group}"}, "spec": {"group": group, "scope": "Namespaced", "names": names, "versions": versions}}


def test_discovery_shows_a_new_kind_once_in_a_new_and_in_a_known_group() -> None:
    definition = Definition("example.net", "gears", ("v1",), _crd())
    known = {"metadata": {"name": "example.net"}, "versions": [{"version": "v1", "resources": [{"resource": "cogs"}]}]}

    fresh = discovery.extend("/apis", {"kind": "APIGroupDiscoveryList", "items": []}, [definition])
    merged = discovery.extend("/apis", {"kind": "APIGroupDiscoveryList", "items": [known]}, [definition])

    assert [resource["resource"] for resource in fresh["items"][0]["versions"][0]["resources"]] == ["gears"]
    assert [resource["resource"] for resource in merged["items"][0]["versions"][0]["resources"]] == ["cogs", "gears"]
    assert discovery.document("/apis/example.net/v1", [definition])["resources"][0]["kind"] == "Gear"
    assert discovery.document("/apis/other.net/v1", [definition]) is None
    assert "apis/example.net/v1" in discovery.extend("/openapi/v3", {"paths": {}}, [definition])["paths"]


def test_a_definition_is_established_at_once() -> None:
    info = RequestInfo("create", True, "", "apiextensions.k8s.io", "v1", "customresourcedefinitions")

    item = synthesis.settled(info, _crd())

    assert [c["type"] for c in item["status"]["conditions"]] == ["NamesAccepted", "Established"]


def test_the_size_of_a_custom_resource_is_where_its_definition_says() -> None:
    path = subresources.size_path_of(_crd(), "v1")

    assert path == ("spec", "size")
    assert subresources.effect("scale", {"spec": {"size": 1, "a": 2}}, None, {"spec": {"replicas": 5}}, path) == {
        "spec": {"size": 5, "a": 2}
    }
    assert subresources.size_path_of(None, "v1") == ("spec", "replicas")


def test_statuses_are_worded_as_the_api_server_words_them() -> None:
    parsed = parse("GET", "/apis/apps/v1/namespaces/shop/deployments/web")
    assert isinstance(parsed, Parsed)

    found = status.not_found(parsed.info)

    assert found["message"] == 'deployments.apps "web" not found'
    assert (found["reason"], found["code"], found["status"]) == ("NotFound", 404, "Failure")
    assert found["details"] == {"name": "web", "group": "apps", "kind": "deployments"}


def _entry(key: Key, live: Json, current: Json, place: int) -> Entry:
    return Entry(key, "v1", "ConfigMap", live, current, (place,))


def test_what_is_deleted_and_made_again_is_a_new_object_with_all_its_writes() -> None:
    overlay = Overlay()
    key = Key("", "configmaps", "shop", "a")

    overlay.put(_entry(key, {"x": 1}, None, 0))
    overlay.put(_entry(key, None, {"x": 2}, 1))
    overlay.put(_entry(key, None, {"x": 3}, 2))

    entry = overlay.find(key)
    assert entry is not None
    assert (entry.live, entry.current, entry.positions, entry.is_new) == ({"x": 1}, {"x": 3}, (0, 1, 2), True)


def test_a_namespace_that_is_gone_or_new_hides_what_the_cluster_has_in_it() -> None:
    overlay = Overlay()
    key = Key("", "namespaces", "", "shop")
    info = RequestInfo("list", True, "", "", "v1", "pods", "", "shop")

    overlay.put(_entry(key, {"x": 1}, None, 0))
    assert overlay.namespace_is_gone("shop")
    assert overlay.hides_live(info)
    overlay.put(_entry(key, None, {"x": 1}, 1))

    assert overlay.namespace_is_new("shop")
    assert overlay.hides_live(info)
    assert overlay.parents(info) == (0, 1)


@pytest.mark.parametrize(
    ("resource", "metadata", "spec", "expected"),
    [
        ("configmaps", {"deletionTimestamp": "t"}, None, True),
        ("configmaps", {"deletionTimestamp": "t", "finalizers": ["x"]}, None, False),
        ("configmaps", {}, None, False),
        ("pods", {"deletionTimestamp": "t", "deletionGracePeriodSeconds": 30}, None, False),
        ("pods", {"deletionTimestamp": "t", "deletionGracePeriodSeconds": 0}, None, True),
        ("namespaces", {"deletionTimestamp": "t"}, {"finalizers": ["kubernetes"]}, False),
        ("namespaces", {"deletionTimestamp": "t"}, {}, True),
    ],
)
def test_what_is_being_deleted_is_gone_when_nothing_holds_it(resource: str, metadata: Json, spec: Json, expected: bool) -> None:
    info = RequestInfo("patch", True, "/x", "", "v1", resource, "", "shop", "x")

    assert synthesis.is_released(info, {"metadata": metadata, "spec": spec}) is expected
