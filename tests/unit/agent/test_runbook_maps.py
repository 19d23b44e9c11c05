"""Runbooks that are kept in ConfigMaps."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bot.agent import runbook_maps
from bot.errors import ConfigError, UpstreamUnavailableError
from bot.values.execs import Executed
from bot.values.requests import ApiRequest, ApiResponse, Identity

READER = Identity("reader")
PAYMENTS = {
    "metadata": {"namespace": "ops", "name": "books"},
    "data": {"payments.md": "# Payments crash\nRestart the ledger.", "notes.txt": "no runbook", "a.md": "no heading"},
}


class Api:
    """An API server with one answer."""

    def __init__(self, status: int, body: dict[str, Any] | None) -> None:
        self.answer = ApiResponse(status, {}, json.dumps(body).encode(), body)
        self.asked: list[tuple[ApiRequest, Identity | None]] = []

    async def send(self, request: ApiRequest, identity: Identity | None, *, dry_run: bool) -> ApiResponse:
        self.asked.append((request, identity))
        if self.answer.status == 0:
            raise UpstreamUnavailableError("The Kubernetes API does not answer.")
        return self.answer

    async def execute(
        self, request: ApiRequest, identity: Identity | None, *, seconds: float, most_bytes: int, kept_bytes: int
    ) -> Executed:
        raise AssertionError("nothing is run")


async def test_one_config_map_is_read_as_the_reader() -> None:
    api = Api(200, PAYMENTS)

    books = await runbook_maps.fetch("ops/books", api, READER)

    assert [(book.name, book.title) for book in books] == [
        ("ops/books/a.md", "ops/books/a.md"),
        ("ops/books/payments.md", "Payments crash"),
    ]
    assert api.asked == [(ApiRequest("GET", "/api/v1/namespaces/ops/configmaps/books"), READER)]


async def test_all_config_maps_with_a_label_are_read() -> None:
    other = {"metadata": {"namespace": "ops", "name": "more"}, "data": {"dns.md": "# DNS fails"}}
    api = Api(200, {"items": [PAYMENTS, other]})

    books = await runbook_maps.fetch("ops/runbooks=yes", api, READER)

    assert [book.name for book in books] == ["ops/books/a.md", "ops/books/payments.md", "ops/more/dns.md"]
    assert api.asked[0][0] == ApiRequest("GET", "/api/v1/namespaces/ops/configmaps", (("labelSelector", "runbooks=yes"),))


async def test_nothing_is_asked_for_where_none_is_set() -> None:
    assert await runbook_maps.fetch("", Api(0, None), READER) == ()


@pytest.mark.parametrize(
    ("where", "api", "why"),
    [
        ("books", Api(200, PAYMENTS), "write namespace/name"),
        ("ops/books", Api(404, {"message": 'configmaps "books" not found'}), 'cannot be read as reader: configmaps "books" not found'),
        ("ops/books", Api(0, None), "cannot be read: The Kubernetes API does not answer"),
        ("ops/books", Api(200, {"metadata": {"namespace": "ops", "name": "books"}}), "There is no runbook in ops/books"),
        ("ops/a=b", Api(200, {"items": []}), "There is no runbook in ops/a=b"),
    ],
)
async def test_what_gives_no_runbook_is_an_error_that_says_why(where: str, api: Api, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        await runbook_maps.fetch(where, api, READER)
