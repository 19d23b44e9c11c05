"""The transcript as messages: order, one answer per call, what is said about people, what is fenced."""

from __future__ import annotations

from collections.abc import Sequence

from bot.agent import history
from bot.agent.history import Message, ModelSaid, ToolsAnswered, UserSaid
from bot.values.transcript import Cleared, Compacted, Entry, Happened, Mode, ToolResult
from tests.unit.agent.builders import answered, asked, ended, ran, replied, shell


def kinds(messages: Sequence[Message]) -> list[str]:
    return [type(message).__name__ for message in messages]


def test_a_turn_is_question_reply_answers_reply() -> None:
    calls = (shell("a"), shell("b"))
    rows: list[Entry] = [asked(), replied(1, *calls, content="{1}"), answered(1, "a", ran("A")), answered(1, "b", ran("B"))]

    messages = history.messages([*rows, replied(1, text="done", content="{2}"), ended()])

    assert kinds(messages) == ["UserSaid", "ModelSaid", "ToolsAnswered", "ModelSaid"]
    assert messages[0] == UserSaid("U1 asks:\nwhy is the shop down?")
    assert messages[1] == ModelSaid("m", "{1}", "", calls)
    assert messages[3] == ModelSaid("m", "{2}", "done", ())


def test_answers_come_in_the_order_of_the_calls_whatever_the_order_of_the_rows() -> None:
    rows = [asked(), replied(1, shell("a"), shell("b")), answered(1, "b", ran("B")), answered(1, "a", ran("A"))]

    tools = history.messages(rows)[2]

    assert isinstance(tools, ToolsAnswered)
    assert [answer.call.id for answer in tools.answers] == ["a", "b"]
    assert ">\nA\n<" in tools.answers[0].text


def test_a_message_that_waits_for_its_turn_is_not_seen_by_the_turn_that_runs() -> None:
    rows = [asked(1), replied(1, shell("a")), asked(2, "unrelated"), answered(1, "a")]

    assert kinds(history.messages(rows)) == ["UserSaid", "ModelSaid", "ToolsAnswered"]
    assert "unrelated" not in str(history.messages(rows))


def test_rows_of_turns_that_overlap_are_told_turn_by_turn() -> None:
    rows = [asked(1), replied(1, shell("a")), asked(2, "next"), answered(1, "a"), ended(1, "waiting")]

    messages = history.messages(rows)

    assert kinds(messages) == ["UserSaid", "ModelSaid", "ToolsAnswered", "UserSaid"]
    assert messages[-1] == UserSaid("U1 asks:\nnext")


def test_a_damaged_transcript_still_gives_every_call_an_answer() -> None:
    rows = [asked(1), replied(1, shell("a"), shell("b")), answered(1, "b"), ended(1), asked(2)]

    tools = history.messages(rows)[2]

    assert isinstance(tools, ToolsAnswered)
    assert [answer.is_error for answer in tools.answers] == [True, False]


def test_a_command_line_of_a_person_is_context_with_its_output_fenced() -> None:
    rows = [asked(1, "! kubectl get pods", Mode.COMMAND), answered(1, "call-1", ran("web 1/1\n")), ended(1), asked(2, "why?")]

    first, second = history.messages(rows)

    assert isinstance(first, UserSaid)
    assert first.text.startswith("U1 ran this command line without you: kubectl get pods\nstatus: ok\n")
    assert "<untrusted-output stdout" in first.text
    assert second == UserSaid("U1 asks:\nwhy?")


def test_triage_is_named_not_pasted() -> None:
    rows = [asked(1, "triage shop", Mode.TRIAGE), answered(1, "call-1", ran("2 problems\n")), ended(1), asked(2)]

    first = history.messages(rows)[0]

    assert isinstance(first, UserSaid)
    assert first.text.startswith("U1 ran this command line without you: triage shop\n")
    assert "jq" not in first.text


def test_what_happened_between_turns_is_told_as_a_note() -> None:
    (message,) = history.messages([Happened(1, "Change 7 was applied.", 7, "U1")])

    assert message == UserSaid("Note of this program, not of a person: Change 7 was applied.")


def test_a_stop_is_told() -> None:
    rows = [asked(1), replied(1, shell("a")), answered(1, "a", ToolResult("stopped", note="Stopped by U2.")), ended(1, "stopped"), asked(2)]

    messages = history.messages(rows)

    assert kinds(messages) == ["UserSaid", "ModelSaid", "ToolsAnswered", "UserSaid", "UserSaid"]
    assert "stopped the turn" in str(messages[3])


def test_an_empty_reply_leaves_no_trace_and_a_malformed_one_a_note() -> None:
    empty = history.messages([asked(), replied(1, finish="empty", content="")])
    malformed = history.messages([asked(), replied(1, finish="malformed", content="")])

    assert kinds(empty) == ["UserSaid"]
    assert kinds(malformed) == ["UserSaid", "UserSaid"]


def test_old_outputs_are_left_out_and_the_answer_names_how_to_read_them_again() -> None:
    rows: list[Entry] = [asked()]
    for number in range(5):
        rows += [replied(1, shell(str(number))), answered(1, str(number), ran(f"begin {number}\n" + "x" * 9000))]

    texts = [m.answers[0].text for m in history.messages([*rows, Compacted(1, 3)]) if isinstance(m, ToolsAnswered)]

    assert [len(text) > 9000 for text in texts] == [False, False, False, True, True]
    assert texts[1].startswith("status: ok\nexit code: 0\n(output of 9,008 characters left out")
    assert "read_output with output 2" in texts[1]


def test_the_same_rows_give_the_same_messages() -> None:
    rows = [asked(), replied(1, shell("a")), answered(1, "a", ran("x" * 50_000))]

    assert history.messages(rows) == history.messages(list(rows))


def test_what_was_cleared_is_not_told_and_outputs_keep_their_numbers() -> None:
    old = [asked(1, "the word is swordfish"), replied(1, shell("a")), answered(1, "a", ran("swordfish")), ended(1)]
    new = [asked(2, "which word?"), replied(2, shell("b")), answered(2, "b", ran("x" * 50_000))]

    messages = history.messages([*old, Cleared(1, "U1"), *new])

    assert kinds(messages) == ["UserSaid", "ModelSaid", "ToolsAnswered"]
    assert "swordfish" not in str(messages)
    assert "call read_output with output 2" in str(messages)


def test_a_summary_from_before_a_clear_is_not_told_and_a_later_one_is() -> None:
    old: list[Entry] = [asked(1), ended(1), asked(2, "next"), replied(2, shell("a")), answered(2, "a"), Compacted(2, 1, "swordfish")]
    rows = [*old, Cleared(1, "U1")]

    assert kinds(history.messages(rows)) == ["UserSaid", "ModelSaid", "ToolsAnswered"]
    assert "swordfish" not in str(history.messages(rows))
    assert "only this" in str(history.messages([*rows, Compacted(2, 1, "only this")]))
