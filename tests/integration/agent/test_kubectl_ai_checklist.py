"""Fifteen things that are known to go wrong in kubectl-ai must not go wrong here; each test is named for its item.

The scripted services refuse, as the real ones do, every history in which a call has no answer, an answer has no call, or a signature is
missing: a question that is answered after the event is the proof. Items 4 and 15 are in test_asking_again. Items
8, 9 and 14 are about what a cluster does: they are in test_checklist_on_a_cluster, test_logs_of_a_node and test_installed_rights; so are 12
and 13 once more, in test_sandboxes_of_a_controller."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.agent import loop
from bot.changes.change import Change, State
from bot.sandbox.api import Api
from bot.sandbox.claims import Claims
from bot.settings import SandboxSettings
from bot.values.transcript import Answered, Ended, Happened, Replied
from tests.fakes import prints
from tests.integration.agent.conftest import WIRES, Open
from tests.integration.agent.conversation import Conversation, Ran
from tests.unit.sandbox.fake_cluster import FakeCluster, format_time, make_ready
from tests.unit.threads.harness import bench

MANIFESTS = Path(__file__).parents[3] / "manifests"

SCRIPT = """
rules:
  - {when: {question: Call the tool again}, reply: [{text: Done.}]}
  - {when: {question: how are you}, reply: [{text: Fine.}]}
  - {when: {question: was decided}, reply: [{text: Noted.}]}
  - when: {question: three changes, step: 0}
    reply: [{call: {args: {command: write a}}}, {call: {args: {command: write b}}}, {call: {args: {command: write c}}}]
  - {when: {question: unknown tool, step: 0}, reply: [{call: {name: kubectl, args: {command: get pods}}}, {call: {args: {command: read}}}]}
  - {when: {question: bad arguments, step: 0}, reply: [{call: {args: {}}}, {call: {args: {command: 3}}}]}
  - {when: {question: forever}, reply: [{call: {args: {command: read}}}]}
  - {when: {question: one change, step: 0}, reply: [{text: I do it.}, {call: {args: {command: write a}}}]}
  - {when: {question: huge, step: 0}, reply: [{call: {args: {command: huge}}}]}
  - {when: {question: huge, step: 1}, reply: [{call: {name: read_output, args: {output: 1, grep: needle}}}]}
  - {when: {question: empty twice, step: 0}, reply: []}
  - {when: {question: malformed, step: 0}, reply: [], finish: MALFORMED_FUNCTION_CALL}
  - {reply: [{text: Done.}]}
"""
HUGE = "x" * 99 + "\n"
BIG_LOG = HUGE * 25_000 + "the needle\n" + HUGE * 25_000

both_wires = pytest.mark.parametrize("service", WIRES)


def run(command: str) -> Ran:
    return Ran(BIG_LOG if command == "huge" else f"{command}\n", writes=command.startswith("write"))


def deny(change: Change) -> Change:
    return replace(change, state=State.DENIED, decided_by="U2")


async def assert_still_answers(talk: Conversation) -> None:
    assert await talk.ask("how are you?") == "Fine."


@both_wires
async def test_item_1_declining_a_batch_of_three_answers_all_three(open_bench: Open, service: str) -> None:
    wire = await open_bench(SCRIPT, service)
    talk = Conversation(wire.model, run, deny)

    answer = await talk.ask("three changes")

    assert answer == "Done."
    assert [text.splitlines()[0] for text in wire.answers_sent()] == ["status: denied"] * 3
    await assert_still_answers(talk)


@both_wires
async def test_item_2_an_unknown_tool_is_answered_and_the_loop_goes_on(open_bench: Open, service: str) -> None:
    wire = await open_bench(SCRIPT, service)
    talk = Conversation(wire.model, run)

    answer = await talk.ask("unknown tool")

    assert answer == "Done."
    assert "There is no tool named 'kubectl'" in wire.answers_sent()[0]
    assert talk.commands == ["read"]


@both_wires
async def test_item_2_bad_arguments_are_answered_and_nothing_runs(open_bench: Open, service: str) -> None:
    wire = await open_bench(SCRIPT, service)
    talk = Conversation(wire.model, run)

    answer = await talk.ask("bad arguments")

    assert answer == "Done."
    assert talk.commands == []
    await assert_still_answers(talk)


@both_wires
async def test_item_3_after_the_step_limit_the_history_is_valid_and_the_person_can_go_on(open_bench: Open, service: str) -> None:
    wire = await open_bench(SCRIPT, service)
    talk = Conversation(wire.model, run, max_steps=3)

    await talk.ask("forever")

    assert talk.commands == ["read"] * 3
    assert [e.reason for e in talk.entries if isinstance(e, Ended)] == ["limit"]
    await assert_still_answers(talk)


async def test_item_5_all_chunks_of_a_reply_are_one_content_with_every_signature(open_bench: Open) -> None:
    wire = await open_bench("""
rules:
  - when: {question: look, step: 0}
    reply:
      - {text: Let me look.}
      - {raw: {candidates: [{index: 0}]}}
      - {call: {args: {command: read}}, signature: first}
      - {raw: {candidates: [{content: {role: model, parts: [{text: ""}]}}]}}
      - {call: {args: {command: read b}}}
      - {signature: the last one}
  - {reply: [{text: Done.}]}
""")
    talk = Conversation(wire.model, run)

    answer = await talk.ask("look")

    assert answer == "Done."
    assert talk.commands == ["read", "read b"]
    (first, _) = [e for e in talk.entries if isinstance(e, Replied)]
    assert [sorted(part) for part in json.loads(first.content)["parts"]] == [
        ["text"],
        ["functionCall", "thoughtSignature"],
        ["functionCall"],
        ["text", "thoughtSignature"],
    ]


async def test_item_5_text_and_two_calls_between_empty_chunks_are_one_message(open_bench: Open) -> None:
    reply = "[{text: I look.}, {}, {call: {args: {command: read}}}, {}, {call: {args: {command: read b}}}, {}]"
    wire = await open_bench(f"rules: [{{when: {{step: 0}}, reply: {reply}}}, {{reply: [{{text: Done.}}]}}]", "openai")
    talk = Conversation(wire.model, run)

    answer = await talk.ask("look")

    assert answer == "Done."
    assert talk.commands == ["read", "read b"]
    assert [message["role"] for message in wire.requests[-1]["messages"]] == ["system", "user", "assistant", "tool", "tool"]


@both_wires
async def test_item_6_a_click_after_a_restart_works_once(open_bench: Open, service: str) -> None:
    wire = await open_bench(SCRIPT, service)
    before = Conversation(wire.model, run)
    await before.ask("one change")
    after = Conversation(wire.model, run)
    after.entries, after.changes = list(before.entries), {1: replace(before.changes[1], state=State.APPROVED)}

    await after.work()
    again = await after.work()

    assert after.changes[1].state is State.DONE
    assert sum(isinstance(e, Answered) for e in after.entries) == 1
    assert again == loop.Idle()
    await assert_still_answers(after)


@both_wires
async def test_item_7_text_while_an_approval_is_open_is_answered_and_the_approval_still_counts(open_bench: Open, service: str) -> None:
    wire = await open_bench(SCRIPT, service)
    talk = Conversation(wire.model, run)
    await talk.ask("one change")

    answer = await talk.ask("how are you?")
    talk.settle(1, State.APPROVED)
    await talk.work()

    assert answer == "Fine."
    assert talk.changes[1].state is State.DONE
    assert [e.change_id for e in talk.entries if isinstance(e, Happened)] == [1]
    assert next(e.text for e in talk.entries if isinstance(e, Happened)).startswith("Change 1 (`write a`)")
    await assert_still_answers(talk)


@both_wires
async def test_a_stop_between_two_of_three_calls_leaves_a_history_that_is_accepted(open_bench: Open, service: str) -> None:
    wire = await open_bench(SCRIPT, service)
    talk = Conversation(wire.model, run)
    await talk.ask("three changes")
    talk.stop_by = "U2"

    await talk.work()

    assert talk.changes[1].state is State.DENIED
    assert [e.reason for e in talk.entries if isinstance(e, Ended)] == ["stopped"]
    await assert_still_answers(talk)


@both_wires
async def test_an_empty_reply_is_asked_for_again_and_then_told(open_bench: Open, service: str) -> None:
    wire = await open_bench(SCRIPT, service)
    talk = Conversation(wire.model, run)

    await talk.ask("empty twice")

    assert len(wire.requests) == 3
    (ended,) = [e for e in talk.entries if isinstance(e, Ended)]
    assert ended.reason == "failed"
    assert "empty answer" in ended.text
    await assert_still_answers(talk)


@both_wires
async def test_a_malformed_call_is_asked_for_again_with_a_note(open_bench: Open, service: str) -> None:
    wire = await open_bench(SCRIPT, service)
    talk = Conversation(wire.model, run)

    answer = await talk.ask("malformed")

    assert answer == "Done."
    assert "cannot be read. Call the tool again" in json.dumps(wire.requests[-1])
    await assert_still_answers(talk)


@both_wires
async def test_item_10_five_megabytes_are_a_bounded_request_and_all_of_it_can_be_read(open_bench: Open, service: str) -> None:
    wire = await open_bench(SCRIPT, service)
    async with bench() as b:
        b.model = wire.model
        b.sandboxes.programs["huge"] = prints(BIG_LOG)
        await b.write("huge")

        await b.rest()

        assert len(BIG_LOG) > 5_000_000
        assert max(len(json.dumps(request)) for request in wire.requests) < 40_000
        bounded, found = wire.answers_sent()
        assert "left out" in bounded
        assert "call read_output with output 1" in bounded
        assert "25001:the needle" in found
        assert b.sandboxes.ran == ["huge"]


def manifest(path: str, kind: str, name: str = "") -> dict[str, Any]:
    documents = list(yaml.safe_load_all((MANIFESTS / path).read_text(encoding="utf-8")))
    return next(d for d in documents if d and d["kind"] == kind and name in ("", d["metadata"]["name"]))


def test_item_11_nothing_of_the_bot_s_environment_is_in_a_sandbox() -> None:
    template = next(p for p in (MANIFESTS / "sandbox").glob("*.yaml") if "kind: SandboxTemplate" in p.read_text(encoding="utf-8"))
    pod = manifest(f"sandbox/{template.name}", "SandboxTemplate")["spec"]["podTemplate"]["spec"]

    (container,) = pod["containers"]
    assert not any("valueFrom" in variable for variable in container.get("env", []))
    assert "envFrom" not in container
    assert pod["automountServiceAccountToken"] is False


async def claim_one() -> tuple[FakeCluster, str]:
    """A claim, as the controller answers it; the cluster and the sandbox's name."""
    cluster = FakeCluster()
    cluster.on_create = make_ready
    settings = SandboxSettings(lease_seconds=600, ready_seconds=5.0)
    async with cluster.serve() as connection:
        claim = await Claims(Api(connection), settings, lambda: 1_800_000_000.0).obtain("T1:C1:1.2")
    return cluster, claim.sandbox


async def test_item_12_a_sandbox_ends_by_itself_when_the_bot_is_gone() -> None:
    cluster, _ = await claim_one()

    assert cluster.claims[0]["spec"]["lifecycle"] == {"shutdownTime": format_time(1_800_000_600.0), "shutdownPolicy": "Delete"}


async def test_item_13_the_sandbox_of_a_claim_is_the_one_its_status_names() -> None:
    cluster, sandbox = await claim_one()

    assert sandbox == "kubectl-ai-abcde"
    assert sandbox != cluster.claims[0]["metadata"]["name"]
