"""The adapters when the service fails: one attempt each, its hint passed on, clear refusals, nothing left half."""

from __future__ import annotations

import pytest

from bot.errors import ModelOverflowError, ModelRefusedError, ModelUnavailableError
from bot.values.transcript import Asked, Mode
from tests.integration.agent.conftest import EVERY_SERVICE, WIRES, Open, make_model

ASKED = Asked(1, "U1", "why?", Mode.QUESTION)


@pytest.mark.parametrize("service", WIRES)
async def test_over_its_limits_the_hint_is_passed_on_after_one_request(open_bench: Open, service: str) -> None:
    bench = await open_bench("rules: [{fault: {status: 429, message: Quota exceeded., retry_delay: 7s}}]", service)

    with pytest.raises(ModelUnavailableError, match=r"over its limits \(429\): Quota exceeded\.$") as caught:
        await bench.reply(ASKED)

    assert caught.value.retry_after_seconds == 7.0
    assert len(bench.requests) == 1


@pytest.mark.parametrize("service", WIRES)
@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_a_failing_service_is_unavailable_and_gives_no_hint(open_bench: Open, service: str, status: int) -> None:
    bench = await open_bench(f"rules: [{{fault: {{status: {status}, message: overloaded}}}}]", service)

    with pytest.raises(ModelUnavailableError, match="overloaded") as caught:
        await bench.reply(ASKED)

    assert caught.value.retry_after_seconds is None
    assert len(bench.requests) == 1


@pytest.mark.parametrize("service", WIRES)
@pytest.mark.parametrize("fault", ["{cut: true, after: 1, times: 1}", "{after: 1, times: 1}", "{status: 500, after: 1, times: 1}"])
async def test_a_stream_that_breaks_after_its_first_chunk_gives_nothing_and_can_be_asked_anew(
    open_bench: Open, service: str, fault: str
) -> None:
    bench = await open_bench(f"rules: [{{reply: [{{text: 'One, '}}, {{text: two.}}], fault: {fault}}}]", service)

    with pytest.raises(ModelUnavailableError):
        await bench.reply(ASKED)
    reply = await bench.reply(ASKED)

    assert reply.text == "One, two."
    assert bench.requests[0] == bench.requests[1]
    assert bench.told == ["One, ", "One, ", "One, two."]


@pytest.mark.parametrize("service", WIRES)
async def test_a_connection_cut_before_the_first_chunk_is_unavailable(open_bench: Open, service: str) -> None:
    bench = await open_bench("rules: [{reply: [{text: Here.}], fault: {cut: true}}]", service)

    with pytest.raises(ModelUnavailableError, match="cannot be reached"):
        await bench.reply(ASKED)

    assert bench.told == []


@pytest.mark.parametrize("service", WIRES)
async def test_a_service_that_hangs_is_left_after_the_time_limit(open_bench: Open, service: str) -> None:
    bench = await open_bench("rules: [{reply: [{text: Here.}], fault: {hang: 30}}]", service, timeout_seconds=0.5)

    with pytest.raises(ModelUnavailableError, match="in time"):
        await bench.reply(ASKED)


@pytest.mark.parametrize("service", WIRES)
async def test_nobody_listening_is_unavailable_and_not_a_wrong_setting(unused_tcp_port: int, service: str) -> None:
    model = make_model(service, f"http://127.0.0.1:{unused_tcp_port}")

    try:
        with pytest.raises(ModelUnavailableError, match="cannot be reached"):
            await model.check()
    finally:
        await model.close()


@pytest.mark.parametrize(
    ("service", "advice"), [("gemini", "Set GEMINI_API_KEY"), ("openai", "Set OPENAI_API_KEY"), ("azure", "Set OPENAI")]
)
async def test_a_bad_key_is_refused_with_what_to_do(open_bench: Open, service: str, advice: str) -> None:
    bench = await open_bench("key: right\nrules: []", service, key="wrong")

    with pytest.raises(ModelRefusedError, match=advice):
        await bench.model.check()
    with pytest.raises(ModelRefusedError, match=advice):
        await bench.reply(ASKED)


@pytest.mark.parametrize(("service", "advice"), [("gemini", "Set GEMINI_MODEL"), ("openai", "Set OPENAI_MODEL")])
async def test_an_unknown_model_is_refused_with_the_ones_there_are(open_bench: Open, service: str, advice: str) -> None:
    bench = await open_bench("models: [model-a, model-b]\nrules: []", service, name="old")

    with pytest.raises(ModelRefusedError, match=rf"no model old.*{advice}.*Served are: model-a, model-b\."):
        await bench.model.check()


async def test_an_openai_service_without_a_named_model_is_refused_with_the_ones_there_are(open_bench: Open) -> None:
    bench = await open_bench("models: [model-a]\nrules: []", "openai", name="")

    with pytest.raises(ModelRefusedError, match=r"set OPENAI_MODEL .*Served are: model-a\."):
        await bench.model.check()


async def test_vertex_ai_without_a_project_is_refused_with_what_to_do() -> None:
    model = make_model("vertex", "http://127.0.0.1:1")
    model._choice = model._choice.model_copy(update={"project": ""})  # type: ignore[attr-defined]

    with pytest.raises(ModelRefusedError, match="set GOOGLE_CLOUD_PROJECT"):
        await model.check()


@pytest.mark.parametrize("service", EVERY_SERVICE)
async def test_a_known_model_passes_the_check(open_bench: Open, service: str) -> None:
    bench = await open_bench("models: [model-a]\nrules: [{reply: [{text: ok}]}]", service, name="model-a")

    await bench.model.check()

    assert bench.model.window_tokens == {"gemini": 1_048_576, "vertex": 1_000_000}.get(service, 128_000)


@pytest.mark.parametrize("service", WIRES)
@pytest.mark.parametrize(("status", "words"), [(401, "refused the key"), (403, "may not use the model"), (400, "refused the request")])
async def test_a_refused_request_tells_why(open_bench: Open, service: str, status: int, words: str) -> None:
    bench = await open_bench(f"rules: [{{fault: {{status: {status}, message: nope}}}}]", service)

    with pytest.raises(ModelRefusedError, match=rf"{words}.*nope"):
        await bench.reply(ASKED)

    assert len(bench.requests) == 1


@pytest.mark.parametrize(
    ("service", "status", "message"),
    [
        ("gemini", 400, "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576)."),
        ("openai", 400, "This model's maximum context length is 8192 tokens."),
        ("openai", 400, "the request exceeds the available context size, try increasing it"),
        ("openai", 400, "This model's maximum prompt length is 131072 but the request contains 537812 tokens."),
        ("openai", 413, "Payload Too Large"),
        ("openai", 429, "Request too large for gpt-4o on tokens per min (TPM): Limit 30000, Requested 34210. The input must be reduced."),
    ],
)
async def test_a_request_that_is_too_long_is_told_from_other_refusals(open_bench: Open, service: str, status: int, message: str) -> None:
    bench = await open_bench(f"rules: [{{fault: {{status: {status}, message: '{message.replace(chr(39), chr(39) * 2)}'}}}}]", service)

    with pytest.raises(ModelOverflowError, match="too long for the model"):
        await bench.reply(ASKED)


@pytest.mark.parametrize("message", ["Rate limit reached: Limit 30000, Used 28000, Requested 4000.", "Too many tokens, please wait."])
async def test_a_minute_that_is_full_is_waited_for(open_bench: Open, message: str) -> None:
    bench = await open_bench(f"rules: [{{fault: {{status: 429, message: '{message}'}}}}]", "openai")

    with pytest.raises(ModelUnavailableError, match="over its limits"):
        await bench.reply(ASKED)
