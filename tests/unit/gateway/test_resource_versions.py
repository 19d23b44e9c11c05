"""Which version a write asks for, in every form it can come in, and what is left of the write without it."""

from __future__ import annotations

import orjson
import pytest

from bot.gateway.apiserver.outcomes import Rehearsed
from bot.gateway.protocol import bodies, delete_options, media, protobuf
from bot.gateway.protocol.request_info import Parsed, parse
from bot.gateway.rehearsal import resource_versions
from bot.gateway.rehearsal.overlay import Entry, Key
from bot.gateway.rehearsal.planned import Write
from bot.values.requests import ApiRequest, Json

_SHOWN = {"kind": "Pod", "metadata": {"name": "p", "uid": "u-1", "resourceVersion": "1000000000000007"}}
_LIVE = {"kind": "Pod", "metadata": {"name": "p", "uid": "u-1", "resourceVersion": "41"}}
_PATH = "/api/v1/namespaces/shop/pods/p"
_FORMS = ["put", "protobuf put", "merge patch", "json patch", "delete", "protobuf delete", "eviction"]


def _entry(live: Json = _LIVE) -> Entry:
    return Entry(Key("", "pods", "shop", "p"), "v1", "Pod", live, _SHOWN, (0,))


def _field(number: int, content: bytes) -> bytes:
    return bytes((number << 3 | 2, len(content))) + content


def _wrapped(kind: str, raw: bytes) -> bytes:
    return b"k8s\x00" + _field(1, _field(1, b"v1") + _field(2, kind.encode())) + _field(2, raw)


def _write(form: str, version: str, uid: str = "u-1") -> Write:
    tie = {"uid": uid, "resourceVersion": version}
    method, path, kind, body = "PUT", _PATH, media.JSON, orjson.dumps({"kind": "Pod", "metadata": {"name": "p", **tie}})
    if form == "protobuf put":
        metadata = _field(1, b"p") + _field(5, uid.encode()) + _field(6, version.encode())
        kind, body = media.PROTOBUF, _wrapped("Pod", _field(1, metadata))
    elif form == "merge patch":
        method, kind = "PATCH", media.MERGE_PATCH
    elif form == "json patch":
        test = {"op": "test", "path": "/metadata/resourceVersion", "value": version}
        method, kind, body = "PATCH", media.JSON_PATCH, orjson.dumps([test, {"op": "remove", "path": "/spec"}])
    elif form == "delete":
        method, body = "DELETE", orjson.dumps({"gracePeriodSeconds": 0, "preconditions": tie})
    elif form == "protobuf delete":
        preconditions = _field(1, uid.encode()) + _field(2, version.encode())
        method, kind, body = "DELETE", media.PROTOBUF, _wrapped("DeleteOptions", _field(2, preconditions))
    elif form == "eviction":
        method, path = "POST", f"{_PATH}/eviction"
        body = orjson.dumps({"kind": "Eviction", "metadata": {"name": "p"}, "deleteOptions": {"preconditions": tie}})
    parsed = parse(method, path)
    assert isinstance(parsed, Parsed)
    read = delete_options.decode(kind, body) if method == "DELETE" else bodies.read(kind, body)
    return Write(ApiRequest(method, path, (), kind, body), parsed.info, read, kind)


@pytest.mark.parametrize("form", _FORMS)
@pytest.mark.parametrize(("version", "expected"), [("1000000000000007", False), ("41", True), ("1000000000000006", True), ("", False)])
def test_a_version_that_is_not_the_one_shown_is_stale(form: str, version: str, expected: bool) -> None:
    assert resource_versions.is_stale(_write(form, version), _entry()) is expected


@pytest.mark.parametrize("form", [form for form in _FORMS if form != "json patch"])
def test_another_object_of_the_same_name_is_stale_too(form: str) -> None:
    assert resource_versions.is_stale(_write(form, "", uid="u-2"), _entry())


@pytest.mark.parametrize("form", _FORMS)
@pytest.mark.parametrize("live", [_LIVE, None])
def test_what_only_the_rehearsal_knows_is_not_recorded(form: str, live: Json) -> None:
    untied = resource_versions.untied(_write(form, "1000000000000007"), _entry(live))

    assert b"1000000000000007" not in untied.request.body
    assert (b'"41"' in untied.request.body) is (form == "put" and live is not None)
    if form == "protobuf put":
        raw = protobuf.unwrap(untied.request.body).raw
        assert [protobuf.find(raw, 1, number) for number in (1, 5, 6)] == [b"p", b"u-1", b""]
    elif form != "json patch":
        assert b"u-1" in untied.request.body
    else:
        assert untied.body == [{"op": "remove", "path": "/spec"}]


@pytest.mark.parametrize("form", _FORMS)
def test_a_write_that_asks_for_no_version_is_recorded_byte_for_byte(form: str) -> None:
    write = _write(form, "")

    assert form == "json patch" or resource_versions.untied(write, _entry()) == write


def test_a_version_grows_with_the_place_in_the_recording_unless_nothing_changes() -> None:
    changed = Rehearsed(200, {**_SHOWN, "spec": {}}, _SHOWN, {**_SHOWN, "spec": {}})
    unchanged = Rehearsed(200, _LIVE, _SHOWN, {**_LIVE, "metadata": {**_LIVE["metadata"], "managedFields": []}})

    first, second = (resource_versions.moved(changed, place).after["metadata"]["resourceVersion"] for place in (9, 10))
    assert int(_SHOWN["metadata"]["resourceVersion"]) < int(first) < int(second)
    assert resource_versions.moved(changed, 9).reply == resource_versions.moved(changed, 9).after
    assert resource_versions.moved(unchanged, 9).after["metadata"]["resourceVersion"] == "1000000000000007"


def test_the_cluster_is_not_asked_for_a_version_that_it_does_not_know() -> None:
    asked = (("watch", "1"), ("resourceVersion", "1000000000000007"))

    assert resource_versions.in_cluster(asked) == (("watch", "1"), ("resourceVersion", "0"))
    assert resource_versions.in_cluster((("resourceVersion", "41"),)) == (("resourceVersion", "41"),)
    assert resource_versions.in_cluster((("resourceVersion", "x" * 9),)) == (("resourceVersion", "x" * 9),)
