"""The OpenAI-compatible adapter over real HTTP: streams, parallel calls, ids, finish reasons, and the oddities of other services."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

from bot.agent.models import requests
from bot.agent.models.openai import OpenAIModel
from bot.agent.ports import Model, ModelReply
from bot.agent.tools import tools
from bot.errors import ModelUnavailableError
from bot.values.transcript import Answered, Asked, Entry, Happened, Mode, Replied, ToolCall, ToolResult
from tests.integration.agent.conftest import OPENAIS, Open, make_model

ASKED = Asked(1, "U1", "why is the shop down?", Mode.QUESTION)

MIXED = """
rules:
  - when: {step: 0}
    reply:
      - {text: Let me look.}
      - {}
      - {call: {args: {command: kubectl get pods}}}
      - {call: {args: {command: kubectl get events}}}
      - {}
  - reply: [{text: The cart crashes.}]
"""


def row(reply: ModelReply, turn: int = 1) -> Replied:
    return Replied(turn, reply.model, reply.content, reply.text, reply.calls, reply.finish)


def answers(reply: ModelReply, turn: int = 1) -> list[Entry]:
    return [Answered(turn, call.id, ToolResult("ok", exit_code=0, stdout=f"output of {call.id}")) for call in reply.calls]


@pytest.mark.parametrize("service", OPENAIS)
async def test_text_arrives_in_pieces_and_usage_in_the_last_chunk(open_bench: Open, service: str) -> None:
    bench = await open_bench("rules: [{reply: [{text: 'It is '}, {text: 'DNS.'}, {}]}]", service)

    reply = await bench.reply(ASKED)

    assert (reply.text, reply.finish, reply.calls) == ("It is DNS.", "stop", ())
    assert bench.told == ["It is ", "It is DNS."]
    assert reply.input_tokens > 0
    assert reply.output_tokens > 0


async def test_the_request_carries_the_prompt_the_tools_and_the_question(open_bench: Open) -> None:
    bench = await open_bench("rules: [{reply: [{text: ok}]}]", "openai")

    await bench.reply(ASKED)

    (sent,) = bench.requests
    assert sent["messages"] == [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "U1 asks:\nwhy is the shop down?"}]
    assert {tool["function"]["name"] for tool in sent["tools"]} == {tool.name for tool in tools(has_runbooks=False)}
    assert sent["stream_options"] == {"include_usage": True}


@pytest.mark.parametrize("service", OPENAIS)
async def test_what_is_sent_is_the_body_that_is_accounted_for(open_bench: Open, service: str) -> None:
    bench = await open_bench("rules: [{reply: [{text: ok}]}]", service, thinking="low")
    assert isinstance(bench.model, OpenAIModel)

    reply = await bench.reply(ASKED)

    assert bench.requests == [bench.model.request("Be brief.", [ASKED], tools(has_runbooks=False))]
    assert reply.request is not None
    assert reply.request.digest == requests.digest(bench.requests[0])


@pytest.mark.parametrize("service", OPENAIS)
async def test_how_much_it_thinks_is_as_the_settings_say(open_bench: Open, service: str) -> None:
    script = "rules: [{reply: [{text: ok}]}]"
    told, untold = await open_bench(script, service, thinking="low"), await open_bench(script, service)

    await told.reply(ASKED)
    await untold.reply(ASKED)

    assert told.requests[0]["reasoning_effort"] == "low"
    assert "reasoning_effort" not in untold.requests[0]


async def test_text_and_parallel_calls_are_one_message_and_are_answered_one_by_one(open_bench: Open) -> None:
    bench = await open_bench(MIXED, "openai")
    first = await bench.reply(ASKED)

    second = await bench.reply(ASKED, row(first), *answers(first))

    assert first.text == "Let me look."
    assert [call.arguments["command"] for call in first.calls] == ["kubectl get pods", "kubectl get events"]
    assert second.text == "The cart crashes."
    _, _, assistant, one, two = bench.requests[1]["messages"]
    assert assistant == json.loads(first.content)
    assert [one["tool_call_id"], two["tool_call_id"]] == [call["id"] for call in assistant["tool_calls"]]
    assert "output of call_0" in one["content"]


async def test_ids_that_a_service_uses_again_in_every_reply_do_not_make_two_calls_one(open_bench: Open) -> None:
    bench = await open_bench("rules: [{when: {step: 2}, reply: [{text: ok}]}, {reply: [{call: {args: {command: a}}}]}]", "openai")

    first = await bench.reply(ASKED)
    second = await bench.reply(ASKED, row(first), *answers(first))
    third = await bench.reply(ASKED, row(first), *answers(first), row(second), *answers(second))

    assert [call.id for call in (*first.calls, *second.calls)] == ["call_0", "call-1-1-0"]
    assert third.text == "ok"


async def test_what_several_people_said_in_a_row_is_one_message(open_bench: Open) -> None:
    bench = await open_bench("rules: [{reply: [{text: ok}]}]", "openai")

    await bench.reply(Happened(1, "Change 7 was applied.", 7, "U1"), ASKED)

    (_, user) = bench.requests[0]["messages"]
    assert "Change 7 was applied." in user["content"]
    assert user["content"].endswith("U1 asks:\nwhy is the shop down?")


@pytest.mark.parametrize(
    ("reason", "finish"), [("MAX_TOKENS", "length"), ("SAFETY", "safety"), ("MALFORMED_FUNCTION_CALL", "malformed"), ("STOP", "empty")]
)
async def test_every_finish_reason_without_content_has_its_word(open_bench: Open, reason: str, finish: str) -> None:
    bench = await open_bench(f"rules: [{{reply: [], finish: {reason}}}]", "openai")

    reply = await bench.reply(ASKED)

    assert (reply.finish, reply.content, reply.text, reply.calls) == (finish, "", "", ())


@pytest.mark.parametrize("service", ["openai", "gemini"])
async def test_a_history_that_another_kind_of_service_began_is_accepted(open_bench: Open, service: str) -> None:
    other = "gemini" if service == "openai" else "openai"
    first_bench, second_bench = await open_bench(MIXED, other), await open_bench(MIXED, service)
    first = await first_bench.reply(ASKED)

    second = await second_bench.reply(ASKED, row(first), *answers(first))

    assert second.text == "The cart crashes."
    assert len(second_bench.answers_sent()) == 2


# --- recorded oddities of services that speak the same format -------------------------------------------------------------------------

Replay = Callable[..., Awaitable[Model]]


@pytest.fixture
async def replay() -> AsyncIterator[Replay]:
    """A service that sends the given chunks, whatever it is asked."""
    runners: list[web.AppRunner] = []
    models: list[Model] = []

    async def open_(*deltas: dict[str, Any], finish: str | None = "tool_calls", done: bool = True) -> Model:
        async def complete(_: web.Request) -> web.Response:
            head = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m"}
            choices = [*({"delta": delta, "finish_reason": None} for delta in deltas), {"delta": {}, "finish_reason": finish}]
            chunks = [{**head, "choices": [{"index": 0, **choice}]} for choice in choices if choice["delta"] or choice["finish_reason"]]
            text = ": keep-alive\n\n" + "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks)
            return web.Response(text=text + ("data: [DONE]\n\n" if done else ""), content_type="text/event-stream")

        app = web.Application()
        app.router.add_post("/v1/chat/completions", complete)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        runners.append(runner)
        models.append(make_model("openai", f"http://127.0.0.1:{runner.addresses[0][1]}"))
        return models[-1]

    yield open_
    for model in models:
        await model.close()
    for runner in runners:
        await runner.cleanup()


def call(command: str, **head: Any) -> dict[str, Any]:
    return {"index": 0, "type": "function", "function": {"name": "shell", "arguments": json.dumps({"command": command})}, **head}


async def ask(model: Model) -> ModelReply:
    return await model.reply("", [ASKED], tools(has_runbooks=False), lambda _: None)


async def test_parallel_calls_that_all_have_the_index_zero_stay_apart(replay: Replay) -> None:
    model = await replay({"tool_calls": [call("a", id="1")]}, {"tool_calls": [call("b", id="2")]})

    reply = await ask(model)

    assert reply.calls == (ToolCall("1", "shell", {"command": "a"}), ToolCall("2", "shell", {"command": "b"}))


async def test_a_name_that_comes_with_every_piece_is_one_name(replay: Replay) -> None:
    pieces = [{"index": 0, "id": "1", "function": {"name": "shell", "arguments": part}} for part in ('{"comm', 'and": "a"}')]

    reply = await ask(await replay(*({"tool_calls": [piece]} for piece in pieces)))

    assert reply.calls == (ToolCall("1", "shell", {"command": "a"}),)


async def test_calls_without_ids_get_some(replay: Replay) -> None:
    reply = await ask(await replay({"tool_calls": [call("a"), {**call("b"), "index": 1}]}))

    assert [c.id for c in reply.calls] == ["call-1-0-0", "call-1-0-1"]
    assert [c["id"] for c in json.loads(reply.content)["tool_calls"]] == ["call-1-0-0", "call-1-0-1"]


async def test_fields_of_the_service_s_own_go_back_with_the_call(replay: Replay) -> None:
    extra = {"google": {"thought_signature": "abc"}}

    reply = await ask(await replay({"tool_calls": [call("a", id="1", extra_content=extra)]}))

    assert json.loads(reply.content)["tool_calls"][0]["extra_content"] == extra


async def test_reasoning_is_neither_shown_nor_sent_back(replay: Replay) -> None:
    reply = await ask(await replay({"reasoning_content": "hm"}, {"content": "Yes."}, finish="stop"))

    assert reply.text == "Yes."
    assert "hm" not in reply.content


async def test_thoughts_within_the_text_are_neither_shown_nor_sent_back(replay: Replay) -> None:
    told: list[str] = []
    model = await replay(
        {"content": "<thi"}, {"content": "nk>\nhm, "}, {"content": "hm</think>\n\nYes"}, {"content": ", <think>."}, finish="stop"
    )

    reply = await model.reply("", [ASKED], tools(has_runbooks=False), told.append)

    assert reply.text == "Yes, <think>."
    assert "hm" not in reply.content
    assert told[-2:] == ["Yes", "Yes, <think>."]
    assert not any("hm" in text for text in told)


async def test_a_reply_of_thoughts_alone_is_empty(replay: Replay) -> None:
    reply = await ask(await replay({"content": "<think>hm"}, finish="stop"))

    assert (reply.finish, reply.text, reply.content) == ("empty", "", "")


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
async def test_arguments_that_only_python_can_read_make_a_reply_malformed(replay: Replay, number: str) -> None:
    odd = {"index": 0, "id": "1", "function": {"name": "shell", "arguments": f'{{"command": "a", "seconds": {number}}}'}}

    reply = await ask(await replay({"tool_calls": [odd]}))

    assert (reply.finish, reply.calls, reply.content) == ("malformed", (), "")


async def test_a_refusal_is_the_answer(replay: Replay) -> None:
    assert (await ask(await replay({"refusal": "I cannot."}, finish="stop"))).text == "I cannot."


async def test_arguments_that_were_cut_by_the_length_limit_are_dropped_and_the_cut_is_told(replay: Replay) -> None:
    cut = {"index": 1, "id": "2", "function": {"name": "shell", "arguments": '{"command": "kubectl ap'}}

    reply = await ask(await replay({"tool_calls": [call("a", id="1")]}, {"tool_calls": [cut]}, finish="length"))

    assert reply.finish == "length"
    assert [c.id for c in reply.calls] == ["1"]


async def test_an_invented_name_is_answered_as_unknown_and_sent_back_in_a_form_that_is_accepted(replay: Replay) -> None:
    odd = {"index": 0, "id": "1", "function": {"name": "functions.shell:0", "arguments": "{}"}}

    reply = await ask(await replay({"tool_calls": [odd]}))

    assert reply.calls[0].name == "functions.shell:0"
    assert json.loads(reply.content)["tool_calls"][0]["function"]["name"] == "functions_shell_0"


@pytest.mark.parametrize("finish", [None, "error", "abort"])
async def test_a_reply_that_the_service_gave_up_is_asked_for_again(replay: Replay, finish: str | None) -> None:
    model = await replay({"content": "Half"}, finish=finish)

    with pytest.raises(ModelUnavailableError):
        await ask(model)


async def test_a_stream_without_its_last_line_is_whole_if_it_has_a_finish_reason(replay: Replay) -> None:
    assert (await ask(await replay({"content": "Whole."}, finish="stop", done=False))).text == "Whole."
