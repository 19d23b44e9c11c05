"""What is dry-run of a Secret holds stand-ins for its values, in every kind of body, and nothing else changes."""

from __future__ import annotations

import base64
import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.gateway.hiding.redaction import Redactor
from bot.values.requests import ApiRequest, RequestInfo

GUESS = "gu3ss-of-a-value"
REDACTOR = Redactor(b"salt of this test")
SECRET = RequestInfo("patch", True, "/api/v1/namespaces/shop/secrets/db", "", "v1", "secrets", "", "shop", "db")
WORK = RequestInfo("update", True, "/apis/x.example.com/v1/works/w", "x.example.com", "v1", "works", "", "", "w")
POD = RequestInfo("create", True, "/api/v1/namespaces/shop/pods", "", "v1", "pods", "", "shop")
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def blind(body: bytes, kind: str = "application/json", info: RequestInfo = SECRET) -> bytes:
    blinded = REDACTOR.blind(ApiRequest("PATCH", info.path, (), kind, body), info)
    assert blinded is not None
    return blinded.body


def length_delimited(number: int, content: bytes) -> bytes:
    assert len(content) < 128 * 128
    size = bytes([len(content)]) if len(content) < 128 else bytes([len(content) & 127 | 128, len(content) >> 7])
    return bytes([number << 3 | 2]) + size + content


def protobuf_secret(values: dict[str, bytes], texts: dict[str, str], annotations: dict[str, str]) -> bytes:
    def entries(number: int, items: dict[str, bytes]) -> bytes:
        pairs = (length_delimited(1, key.encode()) + length_delimited(2, value) for key, value in items.items())
        return b"".join(length_delimited(number, pair) for pair in pairs)

    notes = entries(12, {key: value.encode() for key, value in annotations.items()})
    metadata = length_delimited(1, length_delimited(1, b"db") + notes)
    raw = metadata + entries(2, values) + length_delimited(3, b"Opaque") + entries(4, {key: value.encode() for key, value in texts.items()})
    kind = length_delimited(1, length_delimited(1, b"v1") + length_delimited(2, b"Secret"))
    return b"k8s\x00" + kind + length_delimited(2, raw)


WHOLE = {"kind": "Secret", "metadata": {"name": "db"}, "data": {"a": b64(GUESS)}, "stringData": {"b": GUESS}, "type": "Opaque"}
NOTED = {"metadata": {"annotations": {LAST_APPLIED: json.dumps(WHOLE), "note": f"password={GUESS}", "team": "shop"}}}
BODIES: dict[str, tuple[str, Any]] = {
    "object": ("application/json", WHOLE),
    "object of no kind": ("application/json", {"data": {"a": b64(GUESS)}}),
    "object of another kind": ("application/json", {"kind": "Other", "data": {"a": b64(GUESS)}, "stringData": {"b": GUESS}}),
    "another case": ("application/json", {"Data": {"a": b64(GUESS)}, "STRINGDATA": {"b": GUESS}}),
    "merge patch": ("application/merge-patch+json", {"stringData": {"a": GUESS, "b": None}}),
    "strategic patch": ("application/strategic-merge-patch+json", {"data": {"$patch": "replace", "a": b64(GUESS)}}),
    "apply": ("application/apply-patch+yaml", WHOLE),
    "annotations": ("application/merge-patch+json", NOTED),
    "json patch of a value": ("application/json-patch+json", [{"op": "add", "path": "/data/a~1b", "value": b64(GUESS)}]),
    "json patch of texts": ("application/json-patch+json", [{"op": "add", "path": "/stringData", "value": {"a": GUESS}}]),
    "json patch of all": ("application/json-patch+json", [{"op": "replace", "path": "", "value": WHOLE}]),
    "json patch of an annotation": (
        "application/json-patch+json",
        [{"op": "add", "path": f"/metadata/annotations/{LAST_APPLIED.replace('/', '~1')}", "value": json.dumps(WHOLE)}],
    ),
}


@pytest.mark.parametrize("how", BODIES)
def test_a_value_is_replaced_in_every_kind_of_body(how: str) -> None:
    kind, body = BODIES[how]

    blinded = blind(orjson.dumps(body), kind)

    assert GUESS.encode() not in blinded
    assert b64(GUESS).encode() not in blinded
    assert len(orjson.loads(blinded)) == len(body)
    assert blind(blinded, kind) == blinded


def test_a_value_in_yaml_is_replaced() -> None:
    assert b"gu3ss" not in blind(f"kind: Secret\nstringData:\n  a: {GUESS}\n".encode(), "application/apply-patch+yaml")


def test_a_value_in_protobuf_is_replaced() -> None:
    body = protobuf_secret({"a": GUESS.encode(), "b": b"\x00\xff"}, {"c": GUESS}, {"note": f"password={GUESS}", "team": "shop"})

    blinded = blind(body, "application/vnd.kubernetes.protobuf")

    assert GUESS.encode() not in blinded
    assert b"\x00\xff" not in blinded
    assert b"Opaque" in blinded
    assert b"shop" in blinded


def test_the_answer_shows_a_mark_of_its_own_kind_for_a_stand_in() -> None:
    answered = orjson.loads(blind(orjson.dumps(WHOLE | NOTED)))

    shown = REDACTOR.redact_object(answered, SECRET)

    marks = {base64.b64decode(shown["data"]["a"]).decode(), shown["stringData"]["b"]}
    assert len(marks) == 1
    assert marks.pop().startswith("[redacted:new-")
    assert shown["metadata"]["annotations"]["note"].startswith("password=[redacted:new-")
    assert shown["metadata"]["annotations"]["team"] == "shop"
    read = REDACTOR.redact_object(WHOLE, SECRET)
    assert base64.b64decode(read["data"]["a"])[10:14] != b"new-"


@given(st.binary(max_size=400) | st.just(b'{"auths":{}}') | st.just(b"x" * 1_048_576))
def test_a_stand_in_says_nothing_but_is_stable_and_of_one_length(value: bytes) -> None:
    body = orjson.dumps({"data": {"a": base64.b64encode(value).decode()}})

    stand_in = base64.b64decode(orjson.loads(blind(body))["data"]["a"])

    assert stand_in == base64.b64decode(orjson.loads(blind(body))["data"]["a"])
    assert stand_in != value
    assert len(stand_in) == 47


def test_what_no_secret_can_hold_stays_too_large() -> None:
    body = orjson.dumps({"stringData": {"a": "x" * 1_048_577}})

    assert len(orjson.loads(blind(body))["stringData"]["a"]) == 1_048_577


def test_json_stays_json_and_what_is_not_base64_stays_wrong() -> None:
    body = {"data": {"a": b64('{"auths":{}}'), "b": b64('{"auths'), "c": "not base64!"}}

    blinded = orjson.loads(blind(orjson.dumps(body)))["data"]

    assert isinstance(orjson.loads(base64.b64decode(blinded["a"])), dict)
    with pytest.raises(orjson.JSONDecodeError):
        orjson.loads(base64.b64decode(blinded["b"]))
    assert blinded["c"] == "not base64!"


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", b'{"data":{"a":"Zw=="},"data":{}}'),
        ("application/json", b'{"data":{"a":"Zw==","a":"aA=="}}'),
        ("application/json", b'{"data":'),
        ("application/json", b'"text"'),
        ("application/json", b'{"data":{"a":[103,117]}}'),
        ("application/merge-patch+json", b'{"metadata":{"labels":{"a":"b"}},"Data":{"a":[]}}'),
        ("application/json-patch+json", b'[{"op":"add","path":"/data/a","value":[103,117]}]'),
        ("application/json-patch+json", b'[{"op":"add","path":"/data","value":{"a":[103,117]}}]'),
        ("application/yaml", b"data:\n  a: [103, 117]\n"),
        ("application/apply-patch+yaml", b"a: &x {b: c}\ndata: *x\n"),
        ("application/vnd.kubernetes.protobuf", b"k8s\x00\xff\xff"),
    ],
)
def test_what_cannot_be_read_in_one_way_is_not_dry_run(kind: str, body: bytes) -> None:
    assert REDACTOR.blind(ApiRequest("PATCH", SECRET.path, (), kind, body), SECRET) is None


def test_a_secret_inside_another_object_gets_stand_ins_too() -> None:
    body = {"kind": "Work", "metadata": {"name": "w"}, "spec": [WHOLE, {"kind": "ConfigMap", "data": {"a": "b"}}]}

    blinded = blind(orjson.dumps(body), info=WORK)

    assert GUESS.encode() not in blinded
    assert orjson.loads(blinded)["spec"][1] == body["spec"][1]


def test_other_writes_are_sent_byte_for_byte() -> None:
    for body in (b'{ "kind": "Pod", "spec": {"password": "x"} }', b"not json", b""):
        request = ApiRequest("POST", POD.path, (), "application/json", body)

        assert REDACTOR.blind(request, POD) is request
