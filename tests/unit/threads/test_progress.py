"""What a turn's rows look like to people."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.threads.ports import Step
from bot.threads.progress import Live, Text, by_turn, find_text, has_progress, texts_of, view_of
from bot.values.transcript import Answered, Asked, Ended, Entry, Happened, Mode, Replied, ToolCall, ToolResult

ASKED = Asked(1, "U1", "why?", Mode.QUESTION)


def replied(text: str, *commands: str) -> Replied:
    calls = tuple(ToolCall(f"c{number}", "shell", {"command": command}) for number, command in enumerate(commands))
    return Replied(1, "m", "{}", text, calls)


def answered(number: int, status: str = "ok", exit_code: int | None = 0) -> Answered:
    return Answered(1, f"c{number}", ToolResult(status, exit_code=exit_code, stdout="a\nb\n", stderr="c\n", seconds=0.5))


def test_steps_are_the_calls_with_an_answer_and_the_one_that_runs() -> None:
    own: list[Entry] = [ASKED, replied("Hm.", "one", "two", "three", "four"), answered(0), answered(1, exit_code=1)]

    view = view_of(own, {}, "shop", Live(turn=1, call_id="c2", headline="running"))

    assert view.steps == (Step("one", "ok", 0.5, 3, "step:1:0"), Step("two", "error", 0.5, 3, "step:1:1"), Step("three", "running"))
    assert (view.state, view.headline, view.thinking) == ("working", "running", "Hm.")


def test_whole_texts_are_found_by_the_keys_that_messages_carry() -> None:
    asked = [
        ASKED,
        replied("Let me look.", "one", "two"),
        answered(0),
        answered(1, exit_code=1),
        replied("All is well."),
        Ended(1, "answered"),
    ]
    ran = [replace(ASKED, turn=2, mode=Mode.COMMAND), Answered(2, "command", ToolResult("ok", exit_code=0, stdout="x\n" * 9_000))]

    def find(key: str) -> Text | None:
        return find_text({1: asked, 2: ran}, key)

    assert find("answer:1") == Text("answer:1", "All is well.")
    assert find("step:1:1") == Text("step:1:1", "", "a\nb\nc\nexit code 1")
    assert find("answer:2") == Text("answer:2", "", "\n".join("x" * 9_000))
    assert [find(key) for key in ("step:1:2", "step:1:", "step:9:0", "answer:x", "", "notice:1")] == [None] * 6


def test_what_another_turn_does_is_not_shown() -> None:
    view = view_of([ASKED], {}, "shop", Live(turn=2, headline="running", thinking="other"))

    assert (view.headline, view.thinking) == ("looking at shop", "")


def test_the_last_reply_without_calls_is_the_answer() -> None:
    own: list[Entry] = [ASKED, replied("Let me look.", "one"), answered(0), replied("All is well."), Ended(1, "answered")]

    assert texts_of(own) == (Text("answer:1", "All is well."),)
    assert view_of(own, {}, "shop", Live(turn=1, headline="late")).headline == "done, 1 command"


def test_an_answer_and_the_reason_it_ended_are_both_said() -> None:
    own: list[Entry] = [ASKED, replied("Half an"), Ended(1, "answered", "The answer was cut off.")]

    assert texts_of(own) == (Text("answer:1", "Half an"), Text("ended:1", "The answer was cut off."))


def test_a_stopped_turn_says_only_that() -> None:
    own: list[Entry] = [ASKED, replied("Half"), Ended(1, "stopped", "Stopped by ada.")]

    assert texts_of(own) == (Text("ended:1", "Stopped by ada."),)


def test_a_turn_that_only_heard_something_has_no_progress_message() -> None:
    happened = Happened(2, "Change 1 was denied.", 1)

    assert [has_progress(own) for own in ([happened], [happened, Ended(2, "answered")], [ASKED])] == [False, False, True]


@pytest.mark.parametrize("reason", ["no_model", "stopped", "failed"])
def test_a_progress_message_that_was_shown_is_shown_to_its_end(reason: str) -> None:
    """A turn that ends before anything came of it must not leave `looking at shop` and a Stop button behind."""
    ended = [ASKED, Ended(1, reason)]

    assert [has_progress([ASKED]), has_progress(ended)] == [True, True]
    assert [has_progress([ASKED], has_model=False), has_progress(ended, has_model=False)] == [False, False]


def test_turns_are_put_in_order_however_their_entries_mix() -> None:
    later = Asked(2, "U1", "and?", Mode.QUESTION)
    ended = Ended(1, "answered")

    assert by_turn([ASKED, later, ended]) == {1: [ASKED, ended], 2: [later]}
