"""The Gemini adapter over real HTTP, to the Gemini API and to Vertex AI as they are scripted: streams, signatures, ids, finish reasons."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from google.genai import types

from bot.agent import history
from bot.agent.models.gemini_contents import build_contents
from bot.agent.ports import ModelReply
from bot.errors import ModelRefusedError
from bot.values.transcript import Answered, Asked, Entry, Mode, Replied, ToolResult
from tests.integration.agent.conftest import GEMINIS, Open

on_both = pytest.mark.parametrize("service", GEMINIS)

ASKED = Asked(1, "U1", "why is the shop down?", Mode.QUESTION)


def row(reply: ModelReply, turn: int = 1) -> Replied:
    return Replied(turn, reply.model, reply.content, reply.text, reply.calls, reply.finish)


def answers(reply: ModelReply, turn: int = 1) -> list[Entry]:
    return [Answered(turn, call.id, ToolResult("ok", exit_code=0, stdout=f"output of {call.id}")) for call in reply.calls]


def signature(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


async def test_text_arrives_in_pieces_and_as_a_whole(open_bench: Open) -> None:
    bench = await open_bench("rules: [{reply: [{text: 'It is '}, {text: 'DNS.'}]}]")

    reply = await bench.reply(ASKED)

    assert reply.text == "It is DNS."
    assert reply.finish == "stop"
    assert reply.calls == ()
    assert bench.told == ["It is ", "It is DNS."]
    assert reply.input_tokens > 0
    assert reply.output_tokens > 0


@on_both
async def test_the_request_carries_the_prompt_the_tool_and_the_question(open_bench: Open, service: str) -> None:
    bench = await open_bench("rules: [{reply: [{text: ok}]}]", service)

    await bench.reply(ASKED)

    (sent,) = bench.requests
    assert sent["systemInstruction"]["parts"] == [{"text": "Be brief."}]
    _, declaration = sent["tools"][0]["functionDeclarations"]
    assert declaration["name"] == "shell"
    assert declaration["parameters_json_schema"]["required"] == ["command"]
    assert sent["contents"] == [{"role": "user", "parts": [{"text": "U1 asks:\nwhy is the shop down?"}]}]
    assert sent.get("generationConfig", {}) == {}


MIXED = """
rules:
  - when: {step: 0}
    reply:
      - {text: Let me look.}
      - {raw: {candidates: [{index: 0}]}}
      - {call: {args: {command: kubectl get pods}}, signature: first}
      - {raw: {candidates: [{content: {role: model, parts: [{text: ""}]}}]}}
      - {call: {args: {command: kubectl get events}}}
      - {signature: the last one}
  - reply: [{text: The cart crashes.}]
"""


@pytest.mark.parametrize("level", ["minimal", "low", "medium", "high"])
@on_both
async def test_how_much_it_thinks_is_as_the_settings_say(open_bench: Open, service: str, level: str) -> None:
    bench = await open_bench("rules: [{reply: [{text: ok}]}]", service, thinking=level)

    reply = await bench.reply(ASKED)

    assert bench.requests[0]["generationConfig"] == {"thinkingConfig": {"thinking_level": level.upper()}}  # the API takes either spelling
    assert reply.text == "ok"


@on_both
async def test_text_and_calls_of_separate_chunks_are_one_content_with_every_signature(open_bench: Open, service: str) -> None:
    bench = await open_bench(MIXED, service)

    reply = await bench.reply(ASKED)

    assert reply.text == "Let me look."
    assert [call.arguments["command"] for call in reply.calls] == ["kubectl get pods", "kubectl get events"]
    parts = json.loads(reply.content)["parts"]
    assert [sorted(part) for part in parts] == [
        ["text"],
        ["functionCall", "thoughtSignature"],
        ["functionCall"],
        ["text", "thoughtSignature"],
    ]
    assert parts[1]["thoughtSignature"] == signature("first")
    assert parts[3] == {"text": "", "thoughtSignature": signature("the last one")}


@on_both
async def test_the_stored_content_goes_back_as_it_came_and_calls_are_answered_in_order(open_bench: Open, service: str) -> None:
    bench = await open_bench(MIXED, service)
    first = await bench.reply(ASKED)

    second = await bench.reply(ASKED, row(first), *answers(first))

    assert second.text == "The cart crashes."
    question, model, tools = bench.requests[1]["contents"]
    assert question == bench.requests[0]["contents"][0]
    assert normal(model) == normal(json.loads(first.content))
    outputs = [part["functionResponse"]["response"]["output"] for part in tools["parts"]]
    assert ["output of call-1-0-0" in text for text in outputs] == [True, False]
    assert ["output of call-1-0-1" in text for text in outputs] == [False, True]


def normal(content: dict[str, Any]) -> dict[str, Any]:
    """Signatures as bytes: the wire has two base64 alphabets for the same ones."""
    parts = []
    for part in content["parts"]:
        sign = part.get("thoughtSignature")
        parts.append({**part, "thoughtSignature": base64.urlsafe_b64decode(sign.replace("+", "-").replace("/", "_"))} if sign else part)
    return {**content, "parts": parts}


@on_both
async def test_a_stored_content_is_the_same_json_after_any_number_of_restarts(open_bench: Open, service: str) -> None:
    bench = await open_bench(MIXED, service)
    reply = await bench.reply(ASKED)

    again = reply.content
    for _ in range(3):
        (_, content, _) = build_contents(history.messages([ASKED, Replied(1, "m", again, "", reply.calls), *answers(reply)]))
        again = content.model_dump_json(by_alias=True, exclude_none=True)

    assert again == reply.content


@on_both
async def test_signature_bytes_survive_whatever_they_are(open_bench: Open, service: str) -> None:
    raw = bytes(range(256))
    part = {"functionCall": {"name": "shell", "args": {"command": "ls"}}, "thoughtSignature": base64.b64encode(raw).decode()}
    script = {
        "rules": [{"when": {"step": 0}, "reply": [{"raw": {"candidates": [{"content": {"parts": [part]}}]}}]}, {"reply": [{"text": "ok"}]}]
    }
    bench = await open_bench(json.dumps(script), service)

    reply = await bench.reply(ASKED)
    await bench.reply(ASKED, row(reply), *answers(reply))

    sent = normal(bench.requests[1]["contents"][1])["parts"][0]
    assert types.Content.model_validate_json(reply.content).parts[0].thought_signature == raw  # type: ignore[index]
    assert sent["thoughtSignature"] == raw


@on_both
async def test_a_history_without_its_signature_is_refused_by_the_service(open_bench: Open, service: str) -> None:
    bench = await open_bench(MIXED, service)
    reply = await bench.reply(ASKED)
    stripped = json.dumps(
        {"role": "model", "parts": [{k: v for k, v in p.items() if k != "thoughtSignature"} for p in json.loads(reply.content)["parts"]]}
    )

    with pytest.raises(ModelRefusedError, match="missing a thought_signature"):
        await bench.reply(ASKED, Replied(1, reply.model, stripped, "", reply.calls), *answers(reply))


@on_both
async def test_ids_are_made_when_the_service_gives_none_and_are_the_same_for_the_same_rows(open_bench: Open, service: str) -> None:
    bench = await open_bench(MIXED, service)

    first = await bench.reply(ASKED)
    again = await bench.reply(ASKED)

    assert [call.id for call in first.calls] == [call.id for call in again.calls] == ["call-1-0-0", "call-1-0-1"]


@on_both
async def test_ids_of_the_service_are_kept_and_go_back_with_the_response(open_bench: Open, service: str) -> None:
    bench = await open_bench("rules: [{when: {step: 0}, reply: [{call: {id: abc, args: {command: ls}}}]}, {reply: [{text: ok}]}]", service)

    reply = await bench.reply(ASKED)
    await bench.reply(ASKED, row(reply), *answers(reply))

    assert [call.id for call in reply.calls] == ["abc"]
    assert bench.requests[1]["contents"][2]["parts"][0]["functionResponse"]["id"] == "abc"


async def test_an_id_that_the_service_gives_twice_does_not_make_two_calls_one(open_bench: Open) -> None:
    twice = "[{call: {id: x, args: {command: a}}}, {call: {id: x, args: {command: b}}}]"
    bench = await open_bench(f"rules: [{{when: {{step: 2}}, reply: [{{text: ok}}]}}, {{reply: {twice}}}]")

    first = await bench.reply(ASKED)
    second = await bench.reply(ASKED, row(first), *answers(first))
    third = await bench.reply(ASKED, row(first), *answers(first), row(second), *answers(second))

    ids = [call.id for call in (*first.calls, *second.calls)]
    assert ids == ["x", "call-1-0-1", "call-1-1-0", "call-1-1-1"]
    assert third.text == "ok"
    assert [p["functionResponse"]["id"] for p in bench.requests[2]["contents"][4]["parts"]] == ["x", "x"]


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("MAX_TOKENS", "length"),
        ("SAFETY", "safety"),
        ("PROHIBITED_CONTENT", "safety"),
        ("MALFORMED_FUNCTION_CALL", "malformed"),
        ("STOP", "empty"),
        ("OTHER", "empty"),
    ],
)
async def test_every_finish_reason_without_content_has_its_word(open_bench: Open, reason: str, finish: str) -> None:
    bench = await open_bench(f"rules: [{{reply: [], finish: {reason}}}]")

    reply = await bench.reply(ASKED)

    assert (reply.finish, reply.content, reply.text, reply.calls) == (finish, "", "", ())


async def test_a_cut_answer_keeps_its_text(open_bench: Open) -> None:
    bench = await open_bench("rules: [{reply: [{text: The first}], finish: MAX_TOKENS}]")

    reply = await bench.reply(ASKED)

    assert (reply.finish, reply.text) == ("length", "The first")


async def test_a_finish_reason_of_the_future_is_taken_by_what_came_with_it(open_bench: Open) -> None:
    bench = await open_bench("rules: [{reply: [{text: Hello}], finish: SOMETHING_NEW}]")

    with pytest.warns(UserWarning, match="SOMETHING_NEW"):
        reply = await bench.reply(ASKED)

    assert (reply.finish, reply.text) == ("stop", "Hello")


async def test_a_blocked_question_is_a_safety_stop(open_bench: Open) -> None:
    bench = await open_bench("rules: [{reply: [{raw: {promptFeedback: {blockReason: SAFETY}}}], finish: ''}]")

    assert (await bench.reply(ASKED)).finish == "safety"


@on_both
async def test_a_signature_without_text_or_call_is_an_empty_reply_and_is_not_sent_back(open_bench: Open, service: str) -> None:
    bench = await open_bench("rules: [{when: {question: first}, reply: [{signature: alone}]}, {reply: [{text: ok}]}]", service)
    empty = await bench.reply(Asked(1, "U1", "first", Mode.QUESTION))

    again = await bench.reply(Asked(1, "U1", "second", Mode.QUESTION), row(empty))

    assert (empty.finish, empty.content) == ("empty", "")
    assert again.text == "ok"
    assert len(bench.requests[1]["contents"]) == 1


@on_both
async def test_thoughts_are_kept_but_not_shown(open_bench: Open, service: str) -> None:
    bench = await open_bench(
        "rules: [{reply: [{raw: {candidates: [{content: {role: model, parts: [{text: hm, thought: true}]}}]}}, {text: Yes.}]}]", service
    )

    reply = await bench.reply(ASKED)

    assert reply.text == "Yes."
    assert "hm" in reply.content
