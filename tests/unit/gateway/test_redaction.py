"""Redaction of objects: no value of a Secret survives, in any form the API server shows it; nothing else changes."""

from __future__ import annotations

import base64
import gzip
import json
import re
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import GatewayError
from bot.gateway.hiding.redaction import Redactor
from bot.values.requests import ApiRequest, RequestInfo
from tests.unit.gateway.secret_forms import (
    CANARY,
    CONFIG_MAPS,
    DATA,
    FORMS,
    LAST_APPLIED,
    PODS,
    REDACTOR,
    SECRETS,
    WORKS,
    b64,
    leaks,
    partial,
    secret,
    without_kind,
)


@pytest.mark.parametrize("kind", DATA)
@pytest.mark.parametrize("form", FORMS)
def test_no_value_of_a_secret_survives(kind: str, form: str) -> None:
    item = FORMS[form](secret(kind))
    assert leaks(item)

    shown = REDACTOR.redact_object(item, SECRETS)

    assert not leaks(shown)
    assert REDACTOR.redact_object(shown, SECRETS) == shown


@pytest.mark.parametrize("form", ["single", "mixed list", "bare list", "table of objects", "watch event", "metadata", "table of metadata"])
def test_a_secret_is_found_where_nothing_says_what_was_asked_for(form: str) -> None:
    item = FORMS[form](secret("Opaque"))

    assert not leaks(REDACTOR.redact_object(item, None))
    assert not leaks(REDACTOR.redact_object(item, WORKS))


@pytest.mark.parametrize("form", ["single", "typed list", "mixed list", "metadata"])
def test_a_secret_in_an_answer_for_something_else_is_found(form: str) -> None:
    assert not leaks(REDACTOR.redact_object(FORMS[form](secret("Opaque")), PODS))


SIGNED = [
    ("certificatesigningrequests", "CertificateSigningRequest", "certificate"),
    ("podcertificaterequests", "PodCertificateRequest", "certificateChain"),
]


@pytest.mark.parametrize(("resource", "kind", "key"), SIGNED)
@pytest.mark.parametrize("form", ["single", "mixed list", "bare list", "table of objects", "watch event", "without kind"])
def test_an_issued_certificate_is_redacted_wherever_it_is(resource: str, kind: str, key: str, form: str) -> None:
    info = RequestInfo("list", True, "", "certificates.k8s.io", "v1", resource)
    item = {"kind": kind, "metadata": {"name": "x"}, "spec": {"request": "cmVx"}, "status": {"conditions": [], key: b64(CANARY)}}
    applied = {**item, "metadata": {"annotations": {LAST_APPLIED: json.dumps(item)}}}
    forms = {**FORMS, "without kind": lambda one: {"kind": f"{kind}List", "items": [without_kind(one)]}}

    shown = REDACTOR.redact_object(forms[form](applied), info)

    assert REDACTOR.needs_body(info)
    assert not leaks(shown)
    assert "cmVx" in json.dumps(shown)
    assert REDACTOR.redact_object(shown, info) == shown


def test_a_certificate_that_is_written_is_sent_as_it_is() -> None:
    info = RequestInfo("update", True, "/x", "certificates.k8s.io", "v1", "certificatesigningrequests", "status")
    body = json.dumps({"kind": "CertificateSigningRequest", "status": {"certificate": b64(CANARY)}}).encode()
    request = ApiRequest("PUT", "/x", (), "application/json", body)

    assert REDACTOR.blind(request, info) is request


def test_a_custom_resource_that_embeds_a_secret_is_redacted() -> None:
    work = {"kind": "ManifestWork", "spec": {"workload": {"manifests": [secret("Opaque"), {"kind": "ConfigMap", "data": {"a": "b"}}]}}}

    shown = REDACTOR.redact_object(work, WORKS)

    assert REDACTOR.needs_body(WORKS)
    assert not leaks(shown)
    assert shown["spec"]["workload"]["manifests"][1] is work["spec"]["workload"]["manifests"][1]


def test_an_annotation_deep_inside_is_redacted() -> None:
    item = {"kind": "Thing", "spec": {"template": {"annotations": {LAST_APPLIED: json.dumps(secret("Opaque"))}}}}

    assert not leaks(REDACTOR.redact_object(item, WORKS))


def test_a_marker_is_base64_of_its_text_so_that_clients_can_decode_it() -> None:
    shown = REDACTOR.redact_object(secret("Opaque"), SECRETS)

    marker = base64.b64decode(shown["data"]["password"], validate=True).decode()
    assert marker.startswith("[redacted:")
    assert REDACTOR.redact_text(f"password={marker}") == f"password={marker}"


def test_a_marker_of_one_kind_is_not_comparable_with_one_of_another() -> None:
    shown = base64.b64decode(REDACTOR.redact_object(secret("Opaque"), SECRETS)["data"]["password"]).decode()
    in_text = REDACTOR.redact_text(f"password={CANARY}").removeprefix("password=")
    embedded = REDACTOR.redact_object(secret("Opaque"), WORKS)["data"]["password"]

    assert re.fullmatch(r"\[redacted:[0-9a-f]{12}\]", shown)
    assert re.fullmatch(r"\[redacted:txt-[0-9a-f]{8}\]", in_text)
    assert base64.b64decode(embedded).decode() == "[redacted:not-compared]"
    assert shown[10:18] != in_text[14:22]


def test_names_types_and_managed_fields_stay() -> None:
    item = secret("kubernetes.io/basic-auth")

    shown = REDACTOR.redact_object(item, SECRETS)

    assert list(shown["data"]) == ["username", "password"]
    assert (shown["type"], shown["metadata"]["name"], shown["metadata"]["resourceVersion"]) == (item["type"], "db", "7")
    assert shown["metadata"]["managedFields"] is item["metadata"]["managedFields"]


def test_last_applied_stays_json_that_apply_can_read() -> None:
    shown = REDACTOR.redact_object(secret("Opaque"), SECRETS)

    text = shown["metadata"]["annotations"][LAST_APPLIED]
    applied = json.loads(text)
    assert applied["data"].keys() == shown["data"].keys()
    assert {base64.b64decode(value).decode() for value in applied["data"].values()} == {"[redacted:not-compared]"}
    assert applied["stringData"] == {"more": "[redacted:not-compared]"}
    assert text.endswith("\n")


@pytest.mark.parametrize("text", ["not json Secret " + CANARY, '{"kind":"Secret","data":{"a":"' + b64(CANARY)])
def test_an_unreadable_last_applied_becomes_a_marker(text: str) -> None:
    item = secret("Opaque")
    item["metadata"]["annotations"][LAST_APPLIED] = text

    for info in (SECRETS, PODS):
        assert not leaks(REDACTOR.redact_object(partial(item), info))


def test_a_token_in_an_annotation_of_a_secret_is_redacted() -> None:
    item = secret("Opaque", annotated=False)
    item["metadata"]["annotations"] |= {"openshift.io/token-secret.value": CANARY, "note": f"password={CANARY}", "team": "shop"}

    shown = REDACTOR.redact_object(item, SECRETS)

    assert not leaks(shown)
    assert shown["metadata"]["annotations"]["team"] == "shop"


@pytest.mark.parametrize("values", [None, {}, CANARY, [CANARY], {"a": None, "b": 7, "c": [CANARY], "d": "not base64 " + CANARY}])
def test_malformed_data_does_not_leak(values: Any) -> None:
    item = {"kind": "Secret", "data": values, "stringData": values}

    assert not leaks(REDACTOR.redact_object(item, SECRETS))


def test_a_token_request_keeps_its_token() -> None:
    item = {"kind": "TokenRequest", "status": {"token": CANARY, "expirationTimestamp": "2026-01-01T00:00:00Z"}}
    info = RequestInfo("create", True, "/api/v1/namespaces/a/serviceaccounts/b/token", "", "v1", "serviceaccounts", "token", "a", "b")

    for shown in (REDACTOR.redact_object(item, info), REDACTOR.redact_object(item, None), REDACTOR.redact_object(without_kind(item), info)):
        assert not leaks(shown)
        assert shown["status"]["expirationTimestamp"] == "2026-01-01T00:00:00Z"
    assert REDACTOR.redact_object({"kind": "TokenRequest", "spec": {}}, info) == {"kind": "TokenRequest", "spec": {}}


def test_a_helm_release_in_a_config_map_is_redacted() -> None:
    release = {"metadata": {"labels": {"owner": "helm"}}, "data": {"release": CANARY}}
    other = {"metadata": {"labels": {"owner": "me"}}, "data": {"release": "v1"}}

    shown = REDACTOR.redact_object({"kind": "ConfigMapList", "items": [release, other, {"data": {"release": "v2"}}]}, CONFIG_MAPS)

    assert not leaks(shown)
    assert shown["items"][1:] == [other, {"data": {"release": "v2"}}]


def test_a_packed_release_is_redacted_when_nothing_else_tells_that_it_is_one() -> None:
    packed = base64.b64encode(gzip.compress(CANARY.encode())).decode()
    item = {"kind": "ConfigMap", "metadata": {"name": "x"}, "data": {"moved": packed, "plain": "H4 is plain"}}

    shown = REDACTOR.redact_object(item, CONFIG_MAPS)

    assert shown["data"] == {"moved": "[redacted:not-compared]", "plain": "H4 is plain"}


def test_a_helm_release_that_was_applied_is_redacted_in_the_annotation_too() -> None:
    applied = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"labels": {"owner": "helm"}}, "data": {"release": CANARY}}
    annotations = {LAST_APPLIED: json.dumps(applied, separators=(",", ":"))}

    shown = REDACTOR.redact_object({**applied, "metadata": {"labels": {"owner": "helm"}, "annotations": annotations}}, CONFIG_MAPS)

    assert not leaks(shown)


def test_equal_values_have_equal_markers_under_one_salt_only() -> None:
    first, second = secret("Opaque"), secret("kubernetes.io/basic-auth")

    shown = [REDACTOR.redact_object(item, SECRETS)["data"]["password"] for item in (first, second)]
    elsewhere = Redactor(b"another salt").redact_object(first, SECRETS)["data"]["password"]

    assert shown[0] == shown[1] != elsewhere


def test_what_is_nested_too_deeply_is_withheld() -> None:
    item: dict[str, Any] = {"kind": "Secret", "data": {"a": b64(CANARY)}}
    for _ in range(20_000):
        item = {"kind": "Thing", "spec": item}

    with pytest.raises(GatewayError, match="withheld"):
        REDACTOR.redact_object(item, WORKS)


@pytest.mark.parametrize(
    ("info", "needed"),
    [
        (SECRETS, True),
        (CONFIG_MAPS, True),
        (WORKS, True),
        (PODS, False),
        (RequestInfo("get", True, "/x", "apps", "v1", "deployments", "", "a", "b"), False),
        (RequestInfo("create", True, "/x", "", "v1", "serviceaccounts", "token", "a", "b"), True),
        (RequestInfo("get", False, "/version"), False),
    ],
)
def test_only_answers_that_can_hold_secrets_are_read_whole(info: RequestInfo, needed: bool) -> None:
    assert REDACTOR.needs_body(info) is needed


KEYS = ["kind", "metadata", "annotations", "managedFields", LAST_APPLIED, "data", "items", "object", "x"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["kind", "metadata", "data", "items", "object", "x"]), inner)
    ),
    max_leaves=20,
)


NOT_SECRET_KINDS = st.sampled_from(["Pod", "PodList", "List", "Deployment", "Status", "Table", "Thing"])


def without_secrets(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: "Pod" if key == "kind" else without_secrets(value) for key, value in node.items()}
    return [without_secrets(item) for item in node] if isinstance(node, list) else node


@given(NOT_SECRET_KINDS, JSON)
def test_what_is_no_secret_comes_back_the_same(kind: str, content: Any) -> None:
    item = {"kind": kind, "spec": without_secrets(content)}

    for info in (PODS, WORKS, None):
        assert REDACTOR.redact_object(item, info) is item


@given(
    st.dictionaries(st.text(min_size=1, max_size=8), st.binary(min_size=12, max_size=40), min_size=1, max_size=4),
    st.sampled_from(sorted(FORMS)),
)
def test_no_generated_value_survives(values: dict[str, bytes], form: str) -> None:
    item = secret("Opaque", annotated=False)
    item["data"] = {key: base64.b64encode(value).decode() for key, value in values.items()}
    item["metadata"]["annotations"][LAST_APPLIED] = json.dumps({"kind": "Secret", "data": item["data"]})

    text = orjson.dumps(REDACTOR.redact_object(FORMS[form](item), SECRETS)).decode()

    assert not any(value in text for value in item["data"].values())


def test_what_is_no_object_is_passed_on_as_it_is() -> None:
    assert REDACTOR.redact_object("text", SECRETS) == "text"
    assert REDACTOR.redact_object(None, None) is None


def test_an_annotation_that_holds_nothing_stays_the_same() -> None:
    item = {"kind": "Thing", "spec": {"annotations": {LAST_APPLIED: '{"kind":"SecretStore"}'}}}
    bare = {"kind": "Secret", "metadata": {"name": "x"}, "type": "Opaque"}

    assert REDACTOR.redact_object(item, WORKS) is item
    assert REDACTOR.redact_object(bare, SECRETS) is bare


def test_what_other_objects_say_of_themselves_stays() -> None:
    annotations = {"team": "password=x", LAST_APPLIED: '{"kind":"Pod"}'}
    item = {"kind": "Pod", "metadata": {"annotations": annotations, "managedFields": [{"manager": "x"}]}}

    for info in (PODS, WORKS, None):
        assert REDACTOR.redact_object(item, info) is item


def test_a_marker_in_base64_is_not_taken_for_a_password() -> None:
    """What `kubectl get secret -o yaml` prints stays comparable with what `base64 -d` makes of it."""
    shown = REDACTOR.redact_object(secret("Opaque"), SECRETS)
    printed = f"data:\n  password: {shown['data']['password']}\n"

    again = REDACTOR.redact_text(printed)

    assert again == printed
    assert CANARY not in REDACTOR.redact_text(f"password: {b64('[redacted:0123456789ab]')}{CANARY}\n")
