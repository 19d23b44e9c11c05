"""Execs on cards and in Details."""

from __future__ import annotations

import io
import json
import tarfile
from dataclasses import replace

from bot.changes import propose
from bot.changes.change import Change, Send, SendState, State
from bot.settings import ChangeSettings
from bot.slack.rendering.cards import render_change
from bot.slack.rendering.details import render_details
from bot.slack.rendering.execs import describe_stdin
from bot.values.execs import Output
from bot.values.requests import Recording
from tests.fakes import FakeCluster

RULES = ChangeSettings(approvers=("U2",))


def change(*argv: str, stdin: bytes = b"", state: State = State.PROPOSED, output: Output | None = None) -> Change:
    new = propose.build(
        Recording((FakeCluster().execing(*argv, stdin=stdin),)),
        thread_id="T1:C1:1",
        call_id="c",
        turn=1,
        cluster="prod",
        command="kubectl exec web-1 -- …",
        asked_by="U1",
        settings=RULES,
        now=1000.0,
    )
    fields = {name: getattr(new, name) for name in type(new).__dataclass_fields__}
    sends = (Send(0, SendState.UNKNOWN if state is State.UNKNOWN else SendState.LANDED, output=output),) if output else ()
    return Change(id=7, state=state, decided_by="U2", decided_at=1000.0, sends=sends, **fields)


def card(of: Change) -> str:
    return json.dumps(list(render_change(of, RULES, 1000.0).blocks), ensure_ascii=False)


def details(of: Change) -> str:
    return json.dumps(render_details(of), ensure_ascii=False)


def test_a_card_says_in_which_container_what_would_run() -> None:
    text = card(change("sh", "-c", "kill -HUP 1", stdin=b"12345"))

    assert "Pod shop/web-1" in text
    assert "container  web" in text
    assert "command    sh -c 'kill -HUP 1'" in text
    assert "stdin      5 bytes" in text
    assert "cannot be previewed" in text
    assert "🔴" in text


def test_a_long_command_line_can_be_read_before_it_is_approved() -> None:
    script = "; ".join(f"step{number}" for number in range(60))

    assert script[:600] in card(change("sh", "-c", script))
    assert script in details(change("sh", "-c", script))


def test_details_show_the_input_as_text_and_never_as_raw_bytes() -> None:
    text = details(change("tee", "/tmp/x", stdin=b"line one\nline \x1b[31mtwo\n"))
    binary = details(change("tee", "/tmp/x", stdin=b"\xff\xfe\0"))

    assert "stdin, 23 bytes" in text
    assert "line one" in text
    assert "line \\\\u001b[31mtwo" in text  # the escape as six characters that no terminal obeys
    assert "(binary data)" in binary


def test_of_an_archive_the_names_and_the_contents_are_listed() -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, data in (("etc/app.conf", b"debug = true\n"), ("bin/tool", b"\x7fELF\0")):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))

    shown = describe_stdin(FakeCluster().execing("tar", "-xmf", "-", "-C", "/", stdin=buffer.getvalue()))

    assert "a tar archive" in shown
    assert "etc/app.conf  13 bytes" in shown
    assert "    debug = true" in shown
    assert "bin/tool  5 bytes" in shown
    assert "    (binary data)" in shown


def test_an_archive_that_is_cut_off_is_still_described() -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        member = tarfile.TarInfo("x")
        member.size = 5000
        archive.addfile(member, io.BytesIO(b"y" * 5000))

    shown = describe_stdin(FakeCluster().execing("tar", "-xmf", "-", stdin=buffer.getvalue()[:700]))

    assert shown.startswith("stdin, 700 bytes")


def test_the_card_of_a_finished_exec_shows_its_code_and_head_and_tail_of_its_output() -> None:
    printed = "\n".join(f"line {number}" for number in range(500))
    done = change("ls", state=State.DONE, output=Output(3, stdout=printed, stderr="no such file"))

    text = card(done)

    assert "exit code 3" in text
    assert "line 0" in text
    assert "no such file" in text
    assert "line 250" not in text
    assert "line 250" in details(done)


def test_the_card_says_where_a_file_was_put() -> None:
    done = change("tar", "cf", "-", "/etc", state=State.DONE, output=Output(0, note="They are in /home/agent/change-7-1.tar."))

    assert "/home/agent/change-7-1.tar" in card(done)


def test_an_unknown_exec_says_how_to_look() -> None:
    unknown = replace(change("reload", state=State.UNKNOWN, output=Output(stdout="so far")), reason="It was begun.")

    text = card(unknown)

    assert "kubectl -n shop logs web-1 -c web" in text
    assert "no exit code" in text
    assert "so far" in text
