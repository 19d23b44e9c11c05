"""The command line of `replay`: what names a thread, a turn or a file."""

from __future__ import annotations

import pytest

from bot import replay


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "name a thread, or a file with --from"),
        (["T1:C1:1", "two"], "a turn is one number"),
        (["T1:C1:1", "1", "2"], "a turn is one number"),
        (["--from", "f", "T1:C1:1"], "a turn is one number, and --from knows its thread"),
        (["T1:C1:1", "1", "--save", "f"], "--save takes the whole thread"),
        (["T1:C1:1", "--save", "f", "--from", "g"], "not allowed with"),
    ],
)
def test_what_cannot_be_meant_is_refused(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        replay.main(arguments)

    assert ended.value.code == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("data", [None, b"\xff", b"no JSON"])
def test_a_file_that_is_none_is_said_in_a_sentence_without_any_settings(
    data: bytes | None, tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "")  # the command sets it for its own process
    file = tmp_path_factory.mktemp("replay") / "thread.json"
    if data is not None:
        file.write_bytes(data)

    code = replay.main(["--from", str(file), "--config", "/nowhere/settings.yaml"])

    assert code == 2
    assert capsys.readouterr().err.startswith("replay: Cannot read the file" if data is None else "replay: It is no file that")
