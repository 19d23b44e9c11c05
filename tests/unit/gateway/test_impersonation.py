"""Whom a client may act as."""

from __future__ import annotations

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from bot.gateway.protocol.impersonation import wanted
from bot.values.requests import Identity


def _headers(*pairs: tuple[str, str]) -> CIMultiDictProxy[str]:
    return CIMultiDictProxy(CIMultiDict(pairs))


def test_a_request_that_names_nobody_is_as_it_is() -> None:
    assert wanted(_headers(("Accept", "*/*")), is_allowed=True) is None
    assert wanted(_headers(), is_allowed=False) is None


def test_a_user_and_groups_are_taken_where_that_is_allowed() -> None:
    headers = _headers(("impersonate-user", "ann"), ("Impersonate-Group", "ops"), ("Impersonate-Group", "dev"))

    assert wanted(headers, is_allowed=True) == Identity("ann", ("ops", "dev"))
    assert "Nobody can be impersonated" in str(wanted(headers, is_allowed=False))


def test_a_uid_and_extra_fields_go_with_the_user() -> None:
    extra = [("impersonate-extra-scopes", "x"), ("Impersonate-Extra-scopes", "y"), ("Impersonate-Extra-a%2fb", "z")]

    acting = wanted(_headers(("Impersonate-User", "ann"), ("Impersonate-Uid", "7"), *extra), is_allowed=True)

    assert acting == Identity("ann", (), "7", (("scopes", "x"), ("scopes", "y"), ("a%2fb", "z")))


@pytest.mark.parametrize(
    "pairs",
    [
        [("Impersonate-Group", "system:masters")],
        [("Impersonate-User", "")],
        [("Impersonate-User", "a"), ("Impersonate-User", "b")],
        [("Impersonate-User", "a"), ("Impersonate-Uid", "1"), ("Impersonate-Uid", "2")],
        [("Impersonate-User", "a"), ("Impersonate-Extra-", "x")],
        [("Impersonate-User", "a"), ("Impersonate-Other", "x")],
        [("Impersonate-Uid", "1")],
    ],
)
def test_what_the_api_server_does_not_know_is_refused(pairs: list[tuple[str, str]]) -> None:
    assert isinstance(wanted(_headers(*pairs), is_allowed=True), str)
