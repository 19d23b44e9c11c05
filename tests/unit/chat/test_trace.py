"""The trace file: YAML documents, and nothing in them that is a credential."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from bot.chat.trace import open_trace
from bot.errors import ConfigError
from bot.local.hiding import hide
from bot.values.transcript import Answered, Asked, Cleared, Compacted, Ended, Entry, Happened, Mode, Proposed, Replied, ToolCall, ToolResult

KEY = "ghp_abcdefghijklmnopqrstuvwxyz0123456789"
RESULT = ToolResult("ok", "kubectl get cm", 0, f"token: {KEY}", "", "")
ENTRIES: tuple[Entry, ...] = (
    Asked(1, "local", f"use {KEY}", Mode.QUESTION),
    Happened(1, f"note {KEY}"),
    Replied(1, "m", f'{{"signature": "{KEY}"}}', f"I use {KEY}", (ToolCall("c1", "shell", {"command": f"echo {KEY}", "more": [KEY]}),)),
    Proposed(1, "c1", 7, RESULT),
    Answered(1, "c1", RESULT),
    Compacted(1, 0, f"summary {KEY}"),
    Cleared(1, "local"),
    Ended(1, "answered", f"end {KEY}"),
)


def test_every_entry_is_an_event_without_its_credentials(tmp_path: Path) -> None:
    path = tmp_path / "trace.yaml"
    trace = open_trace(str(path))

    for entry in ENTRIES:
        trace.write_entry(entry)
    trace.close()

    text = path.read_text()
    events = list(yaml.safe_load_all(text))
    assert KEY not in text
    assert [event["action"] for event in events] == [
        "question",
        "note",
        "llm-response",
        "tool-request",
        "change-proposed",
        "tool-response",
        "compacted",
        "cleared",
        "turn-ended",
    ]
    assert events[3]["payload"]["arguments"] == {"command": "echo [redacted]", "more": ["[redacted]"]}
    assert all(set(event) == {"timestamp", "action", "payload"} for event in events)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(exclude_categories=()), max_size=40))
def test_any_text_can_be_read_back(tmp_path: Path, text: str) -> None:
    path = tmp_path / "trace.yaml"
    trace = open_trace(str(path))
    assume(hide(text) == text)

    trace.write("ui.render", {"text": text})
    trace.close()

    (event,) = yaml.safe_load_all(path.read_bytes())
    assert len(event["payload"]["text"]) == len(text)


def test_a_file_that_cannot_be_written_is_said() -> None:
    with pytest.raises(ConfigError, match="name another with --trace-path"):
        open_trace("/nowhere/trace.yaml")
