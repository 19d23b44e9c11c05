"""Errors of the API server quote what they are about: no value of a Secret survives in them, and what they say stays."""

from __future__ import annotations

import json

import pytest

from bot.values.requests import RequestInfo
from tests.unit.gateway.secret_forms import (
    CANARY,
    CONFIG_MAPS,
    REDACTOR,
    SECRETS,
    WORKS,
    leaks,
)


@pytest.mark.parametrize(
    "message",
    [
        f'Secret "db" is invalid: data[password]: Invalid value: "{CANARY}": too odd',
        f"data: Invalid value: {CANARY}: must be base64",
        f'cannot apply: v1.Secret{{Data: "{CANARY}"}}',
        f"cannot decode map[data:map[password:{CANARY}]]: no",
        f'cannot decode {{"data":{{"password":"{CANARY}"}}}}',
        f"admission webhook denied: password={CANARY}",
    ],
)
def test_a_failure_that_quotes_a_value_is_redacted(message: str) -> None:
    status = {"kind": "Status", "status": "Failure", "message": message, "details": {"causes": [{"message": message, "field": "data"}, {}]}}

    for item in (status, {"type": "ERROR", "object": status}):
        assert not leaks(REDACTOR.redact_object(item, SECRETS))


@pytest.mark.parametrize("info", [WORKS, CONFIG_MAPS], ids=["a custom resource", "a config map"])
@pytest.mark.parametrize(
    "dump",
    [
        json.dumps(json.dumps({"kind": "Work", "spec": {"kind": "Secret", "stringData": {"note": CANARY}}})),
        f'{{"spec":{{"stringData":{{"note":"{CANARY}"}}}}}}',
        f'"map[spec:map[note:{CANARY}]]"',
        f"map[spec:map[note:{CANARY}]]",
    ],
)
def test_a_failure_that_quotes_a_whole_object_is_redacted(dump: str, info: RequestInfo) -> None:
    message = f' "" is invalid: patch: Invalid value: {dump}: parsing time "zzz": no'
    status = {"kind": "Status", "status": "Failure", "message": message, "details": {"causes": [{"message": message, "field": "patch"}]}}

    shown = REDACTOR.redact_object(status, info)

    assert not leaks(shown)
    assert shown["message"].startswith(' "" is invalid: patch: Invalid value: "[redacted:')


def test_what_is_wrong_with_a_quoted_object_is_still_said() -> None:
    dump = json.dumps({"matchLabels": {"note": CANARY, "odd": '"}: '}})
    message = (
        f'Deployment.apps "web" is invalid: [spec.selector: Invalid value: {dump}: field is immutable, spec.x: Invalid value: {dump}: no]'
    )

    shown = REDACTOR.redact_object({"kind": "Status", "status": "Failure", "message": message}, WORKS)["message"]

    assert not leaks(shown)
    assert shown == (
        'Deployment.apps "web" is invalid: [spec.selector: Invalid value: "[redacted:not-compared]": field is immutable,'
        ' spec.x: Invalid value: "[redacted:not-compared]": no]'
    )


def test_a_failure_that_quotes_one_value_of_another_object_stays_readable() -> None:
    message = (
        'Work "w" is invalid: spec.size: Invalid value: "string": must be integer, spec.mode: Unsupported value: "x{": use "a", map[b]'
    )
    status = {"kind": "Status", "status": "Failure", "message": message}

    assert REDACTOR.redact_object(status, WORKS) is status


@pytest.mark.parametrize(
    "message",
    [
        'secrets "db" not found',
        'secrets "db" is forbidden: User "system:serviceaccount:a:b" cannot get resource "secrets" in API group "" in the namespace "shop"',
        'Secret "db" is invalid: type: Invalid value: "kubernetes.io/tls": field is immutable',
        "json: cannot unmarshal number into Go struct field Secret.data of type map[string][]uint8",
    ],
)
def test_an_ordinary_failure_stays_readable(message: str) -> None:
    status = {"kind": "Status", "status": "Failure", "message": message, "details": {"name": "db", "causes": [{"message": message}]}}

    assert REDACTOR.redact_object(status, SECRETS) is status


def test_a_failure_without_words_stays_the_same() -> None:
    for status in ({"kind": "Status", "code": 500}, {"kind": "Status", "message": 7, "details": {"causes": None}}):
        assert REDACTOR.redact_object(status, SECRETS) is status
