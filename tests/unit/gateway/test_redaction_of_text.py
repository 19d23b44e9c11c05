"""Redaction of text: credentials go, and what only looks like one stays."""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.gateway.hiding.redaction import WITHHELD, Redactor

REDACTOR = Redactor(b"salt of this test")
PEM = (
    "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEAhunter2hunter2hunter2hunter2hunter2\n"
    "hunter2xyzhunter2xyzhunter2xyz0123456789abcd==\n-----END RSA PRIVATE KEY-----\n"
)
JWT = "eyJhbGciOiJSUzI1NiIsImtpZCI6IiJ9.eyJzdWIiOiJodW50ZXIyaHVudGVyMiJ9.hunter2-hunter2-hunter2"


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


CREDENTIALS = {
    "private key": PEM,
    "private key on one line": PEM.replace("\n", "\\n"),
    "private key indented": PEM.replace("\n", "\n    "),
    "private key with headers": PEM.replace("KEY-----\nM", "KEY-----\nProc-Type: 4,ENCRYPTED\n\nM"),
    "private key cut at its end": PEM[:90],
    "private key cut at its beginning": "and so on\n" + PEM[45:],
    "private key in base64": b64(PEM),
    "pgp key": "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nhunter2hunter2\n-----END PGP PRIVATE KEY BLOCK-----",
    "jwt": f"the token is {JWT}.",
    "jwt in base64": b64(JWT),
    "bearer": "Authorization: Bearer hunter2hunter2hunter2",
    "basic": f"authorization: Basic {b64('admin:hunter2')}",
    "token header": "curl -H 'Authorization: token hunter2hunter2'",
    "assignment": "password=hunter2",
    "environment of a pod": "      DB_PASSWORD:  hunter2",
    "environment in yaml": "- name: DB_PASSWORD\n  value: hunter2",
    "environment in json": '{"name":"DB_PASSWORD","value":"hunter2"}',
    "environment in escaped json": '{\\"name\\":\\"DB_PASSWORD\\",\\"value\\":\\"hunter2\\"}',
    "json with a space": '"password": "hunter2 and more"',
    "escaped json": '{\\"password\\":\\"hunter2\\"}',
    "flag": "mysql --password hunter2 --host db",
    "flag with equals": "--client-secret=hunter2-Hunter2",
    "before a command": "PGPASSWORD=hunter2 psql",
    "short names": "MYSQL_PWD=hunter2 REDIS_PASS=hunter2",
    "query": "GET /?access_token=hunter2hunter2&x=1",
    "kubeconfig token": "users:\n- user:\n    token: hunter2Hunter2",
    "kubeconfig key": f"    client-key-data: {b64('hunter2hunter2')}",
    "docker auth": f'"auth":"{b64("user:hunter2")}"',
    "docker config": f".dockerconfigjson: {b64(chr(123) + chr(34) + 'auths' + chr(34) + ':{},hunter2')}",
    "postgres address": "postgres://app:hunter2@db:5432/shop",
    "redis address": "redis://:hunter2@cache:6379",
    "odd password in an address": "mysql://u:hun/ter2@hunter2@db/shop",
    "azure": "AccountName=a;AccountKey=hunter2hunter2==;EndpointSuffix=core.windows.net",
    "aws secret": "aws_secret_access_key = hunter2/bPxRfiCY",
    "quoted key": "export API_KEY='Hunter2hunter2'",
}
KNOWN_FORMS = [
    "AKIAIOSFODNN7EXAMPLE",
    "AIzaSy" + "a1B" * 11,
    "AQ.Ab8" + "a1B" * 12,
    "ya29.a0AfH6SMBx" + "a1B" * 5,
    "GOCSPX-" + "a1B" * 9,
    "ghp_" + "a1B2" * 9,
    "github_pat_" + "a1B2" * 9,
    "glpat-" + "a1B2" * 6,
    "glsa_" + "a1B2" * 8,
    "xoxb-123456789012-abcdefABCDEF",
    "xoxe.xoxp-1-abcdefABCDEF",
    "xapp-1-A111-222-abcdef0123",
    "sk-proj-abcdEFGH1234ijklMNOP5678",
    "sk_live_" + "a1B2" * 6,
    "npm_" + "a1B2" * 9,
    "hf_" + "aBcD" * 9,
    "dckr_pat_" + "a1B2" * 6,
    "dop_v1_" + "0a" * 32,
    "pypi-AgEIcHlwaS5vcmc" + "a1B2" * 14,
    "SG." + "a1B2" * 5 + "." + "a1B2" * 10,
    "hvs.CAESI" + "a1B2" * 6,
    "AGE-SECRET-KEY-1" + "QPZR" * 14,
    "https://hooks.slack.com/services/T0000/B0000/XXXXXXXXXXXXXXXXXXXX",
]
HARMLESS = [
    "image: nginx@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    "uid: 3fa85f64-5717-4562-b3fc-2c963f66afa6",
    'resourceVersion: "123456"',
    "commit 9fceb02d0ae598e95dc970b74767f19372d61af8",
    "checksum/secret: 9fceb02d0ae598e95dc970b74767f19372d61af89fceb02d0ae598e95dc970b7",
    "pod/web-7c9f8d6b5-x2x7q",
    "sk-frontend-deployment-7c9f8d6b5-x2x7q",
    "task-abcdefghijklmnopqrst1B",
    "secretName: web-tls",
    "secret: db-credentials",
    "secret: db",
    "token: default-token-abcde",
    "Tokens:              default-token-x7k2p",
    "Mountable secrets:   default-token-x7k2p",
    "secretKeyRef:\n  name: db\n  key: password",
    "passwordSecretRef:\n  name: x",
    "imagePullSecrets:\n- name: regcred",
    "DB_PASSWORD:  <set to the key 'password' in secret 'db'>  Optional: false",
    "- name: DB_PASSWORD\n  valueFrom:\n    secretKeyRef:\n      name: db-credentials",
    "automountServiceAccountToken: false",
    "tokenExpirationSeconds: 3607",
    "Last compacted revision token: 12",
    'password: ""',
    "password: ***",
    "--password --user x",
    "use --token only once",
    "TOKEN=$(cat /var/run/secrets/token)",
    "postgres://app:$PASSWORD@db/shop",
    "--token-ttl=24h0m0s",
    "- --token-auth-file=/etc/kubernetes/tokens.csv",
    "- --service-account-key-file=/etc/kubernetes/pki/sa.pub",
    "PWD=/home/x",
    "type: kubernetes.io/service-account-token",
    "/var/run/secrets/kubernetes.io/serviceaccount",
    f"certificate-authority-data: {b64('-----BEGIN CERTIFICATE-----' + 'MIIabc' * 9)}",
    "-----BEGIN CERTIFICATE-----\nMIIabc\n-----END CERTIFICATE-----",
    "-----END RSA PRIVATE KEY-----",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJl3 me@host",
    "git@github.com:org/repo.git",
    "https://example.com:8080/a@b",
    'WWW-Authenticate: Bearer realm="kubernetes"',
    "continue: eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MTIzfQ",
    "Using basic authentication",
    "The bearer authenticates themselves",
    "password authentication failed for user app",
    "authentication failed: token expired",
    'secrets "db" is forbidden: User "x" cannot get resource "secrets"',
    "kind: Secret",
    "key: value",
    "author: me",
    "auth: none",
    "topologyKey: kubernetes.io/hostname",
    "pass: 3 fail: 2",
]


@pytest.mark.parametrize("text", CREDENTIALS.values(), ids=CREDENTIALS)
def test_a_credential_does_not_survive(text: str) -> None:
    shown = REDACTOR.redact_text(f"before\n{text}\nafter")

    assert "hunter2" not in shown
    assert b64("hunter2")[:8] not in shown
    assert "[redacted:" in shown
    assert shown.startswith("before\n")
    assert shown.endswith("\nafter")


@pytest.mark.parametrize("letters", [str.upper, str.lower, lambda text: "".join(c.upper() if i % 2 else c for i, c in enumerate(text))])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("bearer", " hunter2hunter2Hunter2"),
        ("basic", " dXNlcjpodW50ZXIyaHVudGVyMg=="),
        ("authorization: digest", " hunter2-of-somebody"),
        ("https://hooks.slack.com", "/services/T0000HUNT/B0000HUNT/hunter2hunter2hunter2"),
    ],
)
def test_the_case_of_the_word_before_a_credential_does_not_matter(before: str, after: str, letters: Callable[[str], str]) -> None:
    shown = REDACTOR.redact_text(f"x {letters(before)}{after} y")

    assert after.rpartition(" ")[2].rpartition("/")[2] not in shown
    assert letters(before) in shown


@pytest.mark.parametrize("text", KNOWN_FORMS)
def test_a_credential_of_a_known_form_does_not_survive(text: str) -> None:
    shown = REDACTOR.redact_text(f'x {text} y "{text}"')

    assert text not in shown
    assert text[-10:] not in shown


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_no_credential_stays(text: str) -> None:
    assert REDACTOR.redact_text(text) == text


@pytest.mark.parametrize("text", [*CREDENTIALS.values(), *KNOWN_FORMS], ids=[*CREDENTIALS, *(form[:9] for form in KNOWN_FORMS)])
def test_redacting_twice_changes_nothing_more(text: str) -> None:
    once = REDACTOR.redact_text(text)

    assert REDACTOR.redact_text(once) == once


def test_equal_credentials_have_equal_markers() -> None:
    shown = REDACTOR.redact_text("password=hunter2 url=postgres://a:hunter2@db").split("[redacted:")

    assert shown[1][:12] == shown[2][:12]


def test_what_cannot_be_checked_is_withheld() -> None:
    unusable: str = b"password=hunter2"  # type: ignore[assignment]

    assert REDACTOR.redact_text(unusable) == WITHHELD


def test_text_with_unpaired_surrogates_is_redacted() -> None:
    assert "[redacted:" in REDACTOR.redact_text("password=\ud800hunter2")


@given(st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "Z"]), max_size=200))
def test_text_without_a_telling_word_stays(text: str) -> None:
    lowered = text.lower()
    if any(word in lowered for word in ("pass", "pwd", "token", "secret", "key", "auth", "credential", "bearer", "basic", "://", "eyj")):
        return

    assert REDACTOR.redact_text(text) == text
