"""Calls of MCP tools as writes: what is approved is exactly what is called."""

from __future__ import annotations

import pytest

from bot.changes import diff, digest, undo
from bot.changes.change import FieldDiff, ObjectDiff
from bot.gateway.protocol.decide import Kind, decide
from bot.gateway.protocol.request_info import Parsed, parse
from bot.values.tool_use import ToolUse, read_use, to_write
from tests.fakes import FakeCluster

USE = ToolUse("tickets", "queue/close it", {"number": 7, "why": "größer", "nested": {"kind": "Secret", "data": {"a": "b"}}})


def test_a_call_survives_being_a_write() -> None:
    assert read_use(to_write(USE)) == USE


def test_a_request_to_an_api_server_is_no_call() -> None:
    assert read_use(FakeCluster().scale(5)) is None


@pytest.mark.parametrize(
    "other",
    [
        ToolUse("tickets", "queue/close it", {**USE.arguments, "number": 8}),
        ToolUse("tickets", "queue/open it", USE.arguments),
        ToolUse("other", "queue/close it", USE.arguments),
    ],
)
def test_another_call_has_another_digest(other: ToolUse) -> None:
    digests = {digest.of([to_write(use)], cluster="prod", asked_by="U1") for use in (USE, other)}

    assert len(digests) == 2


def test_its_diff_names_the_tool_and_each_argument() -> None:
    nested = FieldDiff("nested", None, {"kind": "Secret", "data": {"a": "b"}}, "run")

    assert diff.of_write(to_write(USE)) == ObjectDiff(
        "call",
        "Tool",
        "",
        "tickets/queue/close it",
        (nested, FieldDiff("number", None, 7, "run"), FieldDiff("why", None, "größer", "run")),
        ("What the tool does cannot be previewed.",),
    )


def test_it_cannot_be_undone() -> None:
    assert undo.obstacle(to_write(USE)) == "what a tool did is not known."


def test_no_client_of_the_gateway_can_record_one() -> None:
    parsed = parse("CALL", "/mcp/tickets/close")

    assert isinstance(parsed, Parsed)
    assert decide("CALL", parsed.info, upgrade=False).kind is Kind.REFUSED
