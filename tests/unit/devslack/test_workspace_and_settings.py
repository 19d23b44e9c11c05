"""Workspaces from files, set-up progress, addresses, and the command line's refusals."""

from __future__ import annotations

import json

import pytest

from bot.devslack.__main__ import main
from bot.devslack.fixture import build_default_workspace, build_workspace, read_workspace
from bot.devslack.journal import Journal
from bot.devslack.server import check_loopback
from bot.devslack.setup import read_progress
from bot.errors import ConfigError


def test_the_default_workspace_has_two_on_call_a_member_and_a_guest():
    workspace = build_default_workspace()

    assert workspace.user_groups[0].users == ("U01ANA", "U01BEN")
    assert [person.real_name for person in workspace.people if person.is_restricted] == ["Gil Guest"]
    assert [channel.name for channel in workspace.channels] == ["oncall", "random"]


def test_a_file_replaces_what_it_names_and_keeps_the_rest(tmp_path):
    path = tmp_path / "workspace.yaml"
    path.write_text("people: [{id: U09ZOE, handle: zoe, real_name: Zoe}]\napp: {slash_commands: [/k]}\n")

    workspace = read_workspace(path)

    assert [person.handle for person in workspace.people] == ["zoe"]
    assert workspace.app.slash_commands == ("/k",)
    assert workspace.app.bot_user_id == build_default_workspace().app.bot_user_id


@pytest.mark.parametrize("document", [["a list"], {"people": [{"id": "U1", "height": 3}]}, {"app": {"colour": "red"}}])
def test_a_workspace_that_does_not_fit_is_one_sentence(document):
    with pytest.raises(ConfigError, match="workspace file"):
        build_workspace(document)


def test_progress_is_read_whole_and_unknown_fields_are_left_out(tmp_path):
    path = tmp_path / "progress.json"
    path.write_text(json.dumps({"step": 2, "steps": 5, "label": "Etcd", "done": False, "secret": "x"}))

    progress = read_progress(path)

    assert (progress["step"], progress["label"]) == (2, "Etcd")
    assert "secret" not in progress


def test_a_set_up_without_its_file_has_not_begun(tmp_path):
    assert read_progress(tmp_path / "later.json")["label"] == "Starting"
    assert read_progress(None) is None


def test_half_a_progress_file_is_no_progress(tmp_path):
    path = tmp_path / "progress.json"
    path.write_text('{"step": 2')

    assert read_progress(path) is None


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.53", "::1", "localhost"])
def test_loopback_addresses_are_served(host):
    check_loopback(host)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--host", "0.0.0.0"], "loopback only"),
        (["--workspace", "/does/not/exist.yaml"], "cannot be read"),
    ],
)
def test_the_command_says_why_it_cannot_start(options, reason, capsys):
    code = main([*options, "--port", "0"])

    assert code == 2
    assert reason in capsys.readouterr().err


def test_a_broken_line_inside_the_journal_is_not_skipped(tmp_path):
    path = tmp_path / "slack.jsonl"
    path.write_text('{"op":"read"}\nnot json\n{"op":"read"}\n')

    with pytest.raises(ConfigError, match="Line 2"):
        list(Journal(path).load())
