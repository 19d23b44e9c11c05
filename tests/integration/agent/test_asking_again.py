"""A whole bot with a real adapter: what is asked again, after which pause, what people see of it, and when another model is asked."""

from __future__ import annotations

import pytest

from tests.integration.agent.conftest import WIRES, Open
from tests.unit.threads.harness import THREAD, bench

HERE = "rules: [{reply: [{text: Here.}]}]"


@pytest.mark.parametrize("service", WIRES)
async def test_item_15_over_its_limits_it_waits_as_long_as_told_says_so_and_goes_on(open_bench: Open, service: str) -> None:
    fault = "{status: 429, message: Quota exceeded., retry_delay: 110s, times: 1}"
    wire = await open_bench(f"rules: [{{reply: [{{text: Here.}}], fault: {fault}}}]", service)
    async with bench() as b:
        b.model = wire.model
        await b.write("why?")

        await b.rest()

        headlines = [view.headline for view in b.surface.progress[THREAD, 1]]
        assert any("over its limits (429): Quota exceeded. Asking again in 110 s" in headline for headline in headlines)
        assert b.surface.texts[THREAD] == {"answer:1": ("Here.", "")}
        assert len(wire.requests) == 2
        assert wire.requests[0] == wire.requests[1]


@pytest.mark.parametrize("service", WIRES)
@pytest.mark.parametrize("fault", ["{cut: true, times: 1}", "{cut: true, after: 1, times: 1}", "{status: 500, after: 1, times: 1}"])
async def test_item_4_a_stream_that_breaks_before_or_after_its_first_chunk_leaves_the_history_as_it_was(
    open_bench: Open, service: str, fault: str
) -> None:
    wire = await open_bench(f"rules: [{{reply: [{{text: 'One, '}}, {{text: two.}}], fault: {fault}}}]", service)
    async with bench() as b:
        b.model = wire.model
        await b.write("why?")

        await b.rest()

        assert b.surface.texts[THREAD] == {"answer:1": ("One, two.", "")}
        assert wire.requests[0] == wire.requests[1]


@pytest.mark.parametrize("service", WIRES)
async def test_a_service_that_stays_away_is_asked_five_times_and_no_more(open_bench: Open, service: str) -> None:
    wire = await open_bench("rules: [{fault: {status: 503, message: overloaded}}]", service)
    async with bench() as b:
        b.model = wire.model
        await b.write("why?")

        await b.rest()

        (told, _) = b.surface.texts[THREAD]["ended:1"]
        assert told == "The model's service is failing (503): overloaded. I asked 5 times; ask again later."
        assert len(wire.requests) == 5


async def test_a_quota_of_the_day_is_not_waited_for(open_bench: Open) -> None:
    wire = await open_bench("rules: [{fault: {status: 429, retry_delay: 3600s}}]")
    async with bench() as b:
        b.model = wire.model
        await b.write("why?")

        await b.rest()

        assert "It asks to wait 3600 seconds" in b.surface.texts[THREAD]["ended:1"][0]
        assert len(wire.requests) == 1


@pytest.mark.parametrize(("service", "other"), [WIRES, WIRES[::-1]])
async def test_the_fallback_answers_when_waiting_would_not_help_and_the_thread_is_told(open_bench: Open, service: str, other: str) -> None:
    broken = await open_bench("rules: [{fault: {status: 403, message: suspended}}]", service)
    second = await open_bench(HERE, other)
    async with bench() as b:
        b.model, b.fallback = broken.model, second.model
        await b.write("why?")

        await b.rest()

        texts = b.surface.texts[THREAD]
        assert texts["answer:1"] == ("Here.", "")
        assert "suspended" in texts["notice:fallback:1"][0]
        assert texts["notice:fallback:1"][0].endswith("I go on with scripted.")
        assert len(broken.requests) == 1


@pytest.mark.parametrize(("service", "other"), [WIRES, WIRES[::-1]])
async def test_a_turn_that_the_first_model_began_is_finished_by_the_fallback_and_stays_with_it(
    open_bench: Open, service: str, other: str
) -> None:
    first = await open_bench(
        "models: [one]\nrules: [{when: {step: 0}, reply: [{call: {args: {command: look}}}]}, {fault: {status: 403}}]", service, name="one"
    )
    second = await open_bench(
        "models: [two]\nrules: [{when: {step: 1}, reply: [{call: {args: {command: look}}}]}, {when: {step: 2}, reply: [{text: Done.}]}]",
        other,
        name="two",
    )
    async with bench() as b:
        b.model, b.fallback = first.model, second.model
        await b.write("why?")

        await b.rest()

        assert b.surface.texts[THREAD]["answer:1"] == ("Done.", "")
        assert (len(first.requests), len(second.requests)) == (2, 2)


async def test_without_a_reply_from_either_the_turn_ends_with_the_last_reason(open_bench: Open) -> None:
    first = await open_bench("rules: [{fault: {status: 403, message: one}}]", "gemini")
    second = await open_bench("rules: [{fault: {status: 403, message: two}}]", "openai")
    async with bench() as b:
        b.model, b.fallback = first.model, second.model
        await b.write("why?")

        await b.rest()

        assert "two" in b.surface.texts[THREAD]["ended:1"][0]
