"""What is written where, and that nothing that comes from a cluster or a model steers the terminal."""

from __future__ import annotations

import io

from rich.console import Console

from bot.chat.screen import Screen

ESCAPES = "\x1b[2J\x1b]0;title\x07\x9b31m\u202egnp.exe\x08"


def _open(*, is_terminal: bool = False) -> tuple[Screen, io.StringIO, io.StringIO]:
    out, err = io.StringIO(), io.StringIO()
    plain = {"force_terminal": is_terminal, "no_color": True, "width": 60, "legacy_windows": False}
    return Screen(Console(file=out, **plain), Console(file=err, **plain)), out, err  # type: ignore[arg-type]


def test_a_reader_of_stdout_gets_commands_and_the_answer_as_they_are() -> None:
    screen, out, err = _open()
    answer = "# Title\n\n| a | b |\n|---|---|\n" + "long " * 40 + "[bold]not markup[/bold]"

    screen.show_running("kubectl get pods")
    screen.show_now("thinking", "text so far")
    screen.say("A sentence.")
    screen.show_card("a card")
    screen.show_answer(answer)

    assert out.getvalue() == f"\n  Running: kubectl get pods\n{answer}\n"
    assert err.getvalue() == "A sentence.\na card\n"


def test_a_person_gets_all_of_it_on_one_screen_and_markdown_drawn() -> None:
    screen, out, err = _open(is_terminal=True)

    screen.say("A sentence.")
    screen.show_now("thinking", "text so far")
    screen.show_answer("**bold** words")
    screen.rest()

    assert "A sentence." in out.getvalue()
    assert "text so far" in out.getvalue()
    assert "**" not in out.getvalue()
    assert err.getvalue() == ""


def test_nothing_steers_the_terminal() -> None:
    screen, out, err = _open()

    screen.show_running(f"echo {ESCAPES}")
    screen.show_output(f"output {ESCAPES}")
    screen.show_answer(f"answer {ESCAPES}", f"code {ESCAPES}")
    screen.say(f"said {ESCAPES}")
    screen.complain(f"complaint {ESCAPES}")

    written = out.getvalue() + err.getvalue()
    assert not [character for character in written if ord(character) < 32 and character != "\n"]
    assert not [character for character in ("\x9b", "\u202e") if character in written]
    assert "\\u001b[2J" in out.getvalue()  # a command shows what it holds


def test_a_command_of_several_lines_is_one_line() -> None:
    screen, out, _ = _open()

    screen.show_running("cat <<EOF\nRunning: nothing\nEOF\n")

    assert out.getvalue() == "\n  Running: cat <<EOF\\nRunning: nothing\\nEOF\n"


def test_a_long_line_of_output_is_whole_so_that_it_can_be_copied() -> None:
    screen, out, _ = _open(is_terminal=True)
    line = "NAME" + " " * 80 + "READINESS GATES"

    screen.show_answer("", line)
    screen.show_output(line)

    assert out.getvalue().count(f"{line}\n") + out.getvalue().count(f"{line}\x1b") == 2
