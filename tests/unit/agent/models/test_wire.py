"""Gemini's rules for a history, as the scripted service applies them, and what rules match on."""

from __future__ import annotations

from typing import Any

import pytest

from bot.agent.models import wire

CALL = {"functionCall": {"name": "shell", "args": {}}, "thoughtSignature": "c2ln"}
UNSIGNED = {"functionCall": {"name": "shell", "args": {}}}


def user(*texts: str) -> dict[str, Any]:
    return {"role": "user", "parts": [{"text": text} for text in texts]}


def model(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"role": "model", "parts": list(parts)}


def answer(*outputs: str, name: str = "shell") -> dict[str, Any]:
    return {"role": "user", "parts": [{"functionResponse": {"name": name, "response": {"output": text}}} for text in outputs]}


@pytest.mark.parametrize(
    ("contents", "words"),
    [
        ([], "contents is not specified"),
        (None, "contents is not specified"),
        ([{"role": "system", "parts": [{"text": "x"}]}], "valid role"),
        ([{"role": "user", "parts": []}], "parts must not be empty"),
        ([{"role": "user", "parts": [{}]}], "required oneof field 'data'"),
        ([user("q"), model({"text": "a"})], "end with a user role"),
        ([user("q"), model(CALL)], "end with a user role"),
        ([user("q"), model(CALL, CALL), answer("one")], "number of function response parts"),
        ([user("q"), model(CALL), user("hello?")], "number of function response parts"),
        ([user("q"), answer("one")], "immediately after a function call turn"),
        ([user("q"), model(CALL), answer("one", name="other")], "match the function call parts"),
        ([model(CALL), answer("one")], "after a user turn"),
        ([user("q"), model({"text": "a"}), model(CALL), answer("one")], "after a user turn"),
        ([user("q"), model(UNSIGNED), answer("one")], "missing a thought_signature"),
    ],
)
def test_a_history_that_the_service_refuses_is_refused(contents: Any, words: str) -> None:
    assert words in wire.refusal(contents, signatures=True)


@pytest.mark.parametrize(
    "contents",
    [
        [user("q")],
        [user("q"), user("again")],
        [user("q"), model({"text": "a"}), user("r")],
        [user("q"), model({"text": "a"}, CALL, UNSIGNED), answer("one", "two")],
        [user("q"), model(CALL), answer("one"), user("next")],
    ],
)
def test_a_history_that_the_service_takes_is_taken(contents: Any) -> None:
    assert wire.refusal(contents, signatures=True) == ""


def test_signatures_are_demanded_only_where_they_are_given() -> None:
    assert wire.refusal([user("q"), model(UNSIGNED), answer("one")], signatures=False) == ""


def test_the_step_counts_replies_since_the_last_words_of_a_person() -> None:
    contents = [
        user("old"),
        model(CALL),
        answer("x"),
        model({"text": "a"}),
        user("new"),
        model(CALL),
        answer("one"),
        model(CALL),
        answer("two"),
    ]

    asked = wire.read(contents)

    assert asked == wire.Asked("new", 2, "two", "one\ntwo")
    assert wire.read(contents[:5]) == wire.Asked("new", 0, "", "")


def test_all_chunks_of_a_reply_make_one_answer() -> None:
    chunks = [
        wire.chunk("m", [{"text": "a"}]),
        wire.chunk("m", [{"text": "b"}]),
        wire.chunk("m", [], finish="STOP", usage={"promptTokenCount": 3}),
    ]

    whole = wire.merge(chunks)

    assert whole["candidates"] == [
        {"index": 0, "finishReason": "STOP", "content": {"role": "model", "parts": [{"text": "a"}, {"text": "b"}]}}
    ]
    assert whole["usageMetadata"] == {"promptTokenCount": 3}
