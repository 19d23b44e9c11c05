"""Credentials in ordinary objects: a diff shows that they change, and nothing of what they are."""

from __future__ import annotations

from typing import Any

import pytest

from bot.changes import diff, literals
from bot.changes.change import FieldDiff
from bot.values.requests import ApiRequest, RecordedWrite, RequestInfo

JWT = "eyJhbGciOiJSUzI1NiIsImtpZCI6IiJ9.eyJzdWIiOiJodW50ZXIyaHVudGVyMiJ9.hunter2-hunter2-hunter2"
ENV = "spec.template.spec.containers[web].env"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (f"{ENV}[DB_PASSWORD].value", "hunter2"),
        (f"{ENV}[API_KEY].value", "Hunter2hunter2"),
        (f"{ENV}[DATABASE_URL].value", "postgres://app:hunter2@db/shop"),
        (f"{ENV}[SESSION].value", JWT),
        ("data.password", "hunter2"),
        ('data["app.properties"]', "user=app\npassword=hunter2\n"),
        ('metadata.annotations["example.com/token"]', "hunter2hunter2A"),
        (f"{ENV}[DB_PASSWORD]", {"value": "hunter2"}),
        (ENV, [{"name": "DB_PASSWORD", "value": "hunter2"}]),
        ("spec.template.spec.containers[web].args", ["--password=hunter2", "--verbose"]),
        ("spec.auth", {"password": "hunter2", "user": "app"}),
    ],
)
def test_a_credential_is_not_shown(path: str, value: Any) -> None:
    (added,) = literals.shown([FieldDiff(path, None, value, "add")])
    (changed,) = literals.shown([FieldDiff(path, value, "x", "replace")])

    assert "unter2" not in repr((added, changed))
    assert (added.path, added.op, added.old) == (path, "add", None)
    assert "(hidden)" in repr(added.new)
    assert literals.holds_hidden(added)
    assert literals.holds_hidden(changed)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("spec.template.spec.containers[web].image", "nginx@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"),
        ("spec.replicas", 5),
        (f"{ENV}[DB_PASSWORD].valueFrom.secretKeyRef", {"name": "db-credentials", "key": "password"}),
        (f"{ENV}[TOKEN_TTL].value", "24h0m0s"),
        ("spec.tls[0].secretName", "web-tls"),
        ("automountServiceAccountToken", False),
        ("data.password", "[redacted:0123456789ab]"),
        (f"{ENV}[DB_PASSWORD].value", "$(FROM_ELSEWHERE)"),
    ],
)
def test_everything_else_stays_as_it_is(path: str, value: Any) -> None:
    field = FieldDiff(path, None, value, "add")

    (shown,) = literals.shown([field])

    assert shown is field
    assert not literals.holds_hidden(shown)


def test_the_diff_of_a_write_hides_what_the_request_keeps() -> None:
    def deployment(password: str) -> dict[str, Any]:
        env = [{"name": "DB_PASSWORD", "value": password}]
        return {
            "kind": "Deployment",
            "metadata": {"name": "web"},
            "spec": {"template": {"spec": {"containers": [{"name": "web", "env": env}]}}},
        }

    info = RequestInfo("patch", True, "/x", "apps", "v1", "deployments", "", "shop", "web")
    request = ApiRequest("PATCH", "/x", (), "application/merge-patch+json", b'{"spec":{"password":"hunter3"}}')
    write = RecordedWrite(request, info, None, deployment("hunter2"), deployment("hunter3"))

    (field,) = diff.of_write(write).fields

    assert (field.path, field.old, field.new) == (f"{ENV}[DB_PASSWORD].value", "(hidden)", "(hidden)")
    assert b"hunter3" in write.request.body
