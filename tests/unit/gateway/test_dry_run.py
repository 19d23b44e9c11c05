"""Whatever a client sends, what leaves during a rehearsal has exactly one dry run in every place where the API server looks for one."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.gateway.protocol import delete_options, dry_run, media
from bot.gateway.protocol.request_info import Parsed, parse
from bot.values.requests import ApiRequest, RequestInfo

PATH = "/api/v1/namespaces/shop/configmaps/a"
PROTOBUF_HEAD = b"k8s\x00\n\x13\n\x02v1\x12\rDeleteOptions"


def _info(method: str = "DELETE", path: str = PATH) -> RequestInfo:
    parsed = parse(method, path)
    assert isinstance(parsed, Parsed)
    return parsed.info


def _protobuf(raw: bytes) -> bytes:
    return PROTOBUF_HEAD + b"\x12" + bytes([len(raw)]) + raw


_QUERY = st.lists(
    st.tuples(
        st.sampled_from(["dryRun", "dryrun", "DRYRUN", "fieldManager", "force", "propagationPolicy"]),
        st.sampled_from(["All", "", "None", "all", "x"]),
    ),
    max_size=5,
)
_OPTIONS = st.dictionaries(
    st.sampled_from(["dryRun", "dryrun", "DryRun", "gracePeriodSeconds", "kind", "preconditions"]),
    st.one_of(st.none(), st.integers(0, 60), st.lists(st.sampled_from(["All", "None"]), max_size=2), st.text(max_size=5)),
    max_size=5,
)
_BODIES = st.one_of(
    st.just(b""),
    _OPTIONS.map(orjson.dumps),
    st.binary(max_size=40),
    st.binary(max_size=30).map(_protobuf),
    st.just(b'{"dryRun":["All"],"dryRun":[]}'),
)
_KINDS = st.sampled_from(
    ["", media.JSON, "Application/JSON; charset=utf-8", media.PROTOBUF, media.YAML, media.CBOR, "text/plain", media.MERGE_PATCH]
)


@given(st.sampled_from(["POST", "PUT", "PATCH", "DELETE"]), _QUERY, _KINDS, _BODIES)
def test_every_write_leaves_as_a_dry_run_or_not_at_all(method: str, query: list[tuple[str, str]], kind: str, body: bytes) -> None:
    forced = dry_run.force(ApiRequest(method, PATH, tuple(query), kind, body))

    if forced is None:
        assert method == "DELETE"
        assert body
        return
    assert [pair for pair in forced.query if pair[0].lower() == "dryrun"] == [("dryRun", "All")]
    if method == "DELETE" and forced.body:
        assert forced.content_type == media.JSON
        options = orjson.loads(forced.body)
        assert options["dryRun"] == ["All"]
        assert [key for key in options if key.lower() == "dryrun"] == ["dryRun"]


@given(st.sampled_from(["POST", "PUT", "PATCH", "DELETE"]), _QUERY, _KINDS, _BODIES)
def test_what_is_replayed_has_no_dry_run_and_otherwise_says_the_same(
    method: str, query: list[tuple[str, str]], kind: str, body: bytes
) -> None:
    request = ApiRequest(method, PATH, tuple(query), kind, body)
    forced, stripped = dry_run.force(request), dry_run.strip(request)

    assert (forced is None) == (stripped is None)
    if forced is None or stripped is None:
        return
    assert stripped.query == forced.query[:-1]
    if method == "DELETE" and stripped.body:
        sent, replayed = orjson.loads(forced.body), orjson.loads(stripped.body)
        sent.pop("dryRun")
        assert sent == replayed
    else:
        assert stripped.body == body


@pytest.mark.parametrize(
    ("query", "kind", "body", "is_own"),
    [
        ((("dryRun", "All"),), "", b"", True),
        ((("dryRun", "All"), ("dryRun", "All")), "", b"", True),
        ((("dryRun", "All"), ("dryRun", "x")), "", b"", False),
        ((("dryRun", ""),), "", b"", False),
        ((), "", b"", False),
        ((("dryRun", "All"),), media.JSON, b"{}", False),
        ((("dryRun", "All"),), media.JSON, b'{"dryRun":["None"]}', False),
        ((), media.JSON, b'{"dryRun":["All"]}', True),
        ((), media.JSON, b'{"dryrun":["All"]}', False),
        ((), media.PROTOBUF, _protobuf(b"*\x03All"), True),
        ((("dryRun", "All"),), media.PROTOBUF, _protobuf(b""), False),
    ],
)
def test_a_delete_is_the_clients_own_dry_run_only_if_the_server_would_see_one(
    query: tuple[tuple[str, str], ...], kind: str, body: bytes, is_own: bool
) -> None:
    assert dry_run.is_own(ApiRequest("DELETE", PATH, query, kind, body), _info()) is is_own


def test_an_eviction_says_its_dry_run_in_its_body() -> None:
    info = _info("POST", "/api/v1/namespaces/shop/pods/p/eviction")
    as_json = ApiRequest("POST", info.path, (), media.JSON, b'{"deleteOptions":{"dryRun":["All"]}}')
    inner = b"*\x03All"
    eviction = b"\x12" + bytes([len(inner)]) + inner
    as_protobuf = ApiRequest("POST", info.path, (), media.PROTOBUF, b"k8s\x00\x12" + bytes([len(eviction)]) + eviction)

    assert dry_run.is_own(as_json, info)
    assert dry_run.is_own(as_protobuf, info)
    assert not dry_run.is_own(ApiRequest("POST", info.path, (), media.JSON, b'{"deleteOptions":{}}'), info)
    assert not dry_run.is_own(ApiRequest("POST", info.path, (), media.JSON, b"junk"), info)


def test_protobuf_delete_options_are_read_whole() -> None:
    raw = b"\x08\x1e" + b"\x12\x0c\n\x03u-1\x12\x05r-123"[:16] + b"\x18\x01" + b"\x22\x06Orphan" + b"*\x03All"

    options = delete_options.decode(media.PROTOBUF, _protobuf(raw))

    assert options == {
        "apiVersion": "v1",
        "kind": "DeleteOptions",
        "gracePeriodSeconds": 30,
        "preconditions": {"uid": "u-1", "resourceVersion": "r-123"},
        "orphanDependents": True,
        "propagationPolicy": "Orphan",
        "dryRun": ["All"],
    }


def test_negative_numbers_are_twos_complement() -> None:
    raw = b"\x08" + b"\xff" * 9 + b"\x01"

    options = delete_options.decode(media.PROTOBUF, _protobuf(raw))

    assert options is not None
    assert options["gracePeriodSeconds"] == -1


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (media.PROTOBUF, b"{}"),
        (media.PROTOBUF, _protobuf(b"\x78\x01")),
        (media.PROTOBUF, _protobuf(b"\x08")),
        (media.PROTOBUF, PROTOBUF_HEAD.replace(b"DeleteOptions", b"DeleteOption\x00") + b"\x12\x00"),
        (media.JSON, b"[]"),
        (media.JSON, b"{}{}"),
        (media.JSON, b"\xef\xbb\xbf{}"),
        (media.YAML, b"{}"),
        (media.CBOR, b"\xa0"),
    ],
)
def test_delete_options_that_are_not_understood_are_not_guessed(kind: str, body: bytes) -> None:
    assert delete_options.decode(kind, body) is None
