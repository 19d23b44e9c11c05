"""A thread that a whole bot recorded with a real adapter over its wire is replayed, and every changed byte is found."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from bot import cli, replay
from bot.agent import findings
from bot.errors import ConfigError
from bot.settings import Settings, StoreSettings
from bot.settings_agent import BudgetSettings, LimitSettings
from bot.values.transcript import Answered, Asked, Compacted, Ended, Mode, Replied
from tests.fakes import prints, scales
from tests.integration.agent.conftest import WIRES, Open
from tests.unit.threads.harness import KEY, RULES, THREAD, bench

LOOKS = 8
SCRIPT = "\n".join(
    [
        "rules:",
        "  - {when: {question: getting too long}, reply: [{text: The cart crashes.}]}",
        "  - {when: {question: again, step: 0}, reply: [{text: As I }, {text: said.}]}",
        "  - when: {step: 0}",
        "    reply:",
        "      - {text: I look., signature: of the thought}",
        "      - {call: {args: {command: look 0}}}",
        "      - {call: {name: frobnicate, args: {x: 1}}}",
        *(
            f"  - {{when: {{step: {n}}}, reply: [{{text: On.}}, {{call: {{id: own-{n}, args: {{command: look {n}}}}}}}]}}"
            for n in range(1, LOOKS)
        ),
        f"  - {{when: {{step: {LOOKS}}}, reply: [{{call: {{name: read_output, args: {{output: 1, grep: needle}}}}}}]}}",
        f"  - {{when: {{step: {LOOKS + 1}}}, reply: [{{call: {{args: {{command: scale}}}}}}]}}",
        "  - {reply: [{text: Scaled.}]}",
    ]
)


@dataclass(frozen=True)
class Replayed:
    """How a replay ended, and its lines."""

    code: int
    lines: list[str]
    """One for each row, with what was asked and what differs."""
    limits: list[str]
    """What could not be compared."""


_recorded: dict[str, bytes] = {}
"""The database of each wire's thread, recorded once."""


async def record(folder: Path, wire: str, open_bench: Open) -> Settings:
    """A database with the recorded thread; its settings."""
    file = folder / "bot.db"
    if wire not in _recorded:
        await _record(f"sqlite+aiosqlite:///{file}", wire, open_bench)
        _recorded[wire] = file.read_bytes()
    file.write_bytes(_recorded[wire])
    return Settings(store=StoreSettings(url=f"sqlite+aiosqlite:///{file}", key=SecretStr(KEY)))


async def _record(url: str, wire: str, open_bench: Open) -> None:
    """A turn with tool calls, an error, a compaction and an approved change, and one after it."""
    service = await open_bench(SCRIPT, wire)
    async with bench(url) as b:
        b.rules = RULES.model_copy(update={"model": RULES.model.model_copy(update={"max_steps": 20, "context_tokens": 10_000})})
        b.model = service.model
        for number in range(LOOKS):
            b.sandboxes.programs[f"look {number}"] = prints(f"output {number} needle\n" + "x" * 4_000 + "\n")
        b.sandboxes.programs["scale"] = scales(b.cluster, 5)
        await b.write("why?")
        await b.rest()
        await b.click("approve", 1)
        await b.rest()
        await b.write("again?", ts="100.2")
        await b.rest()
        entries = await b.entries()
    assert any(isinstance(e, Compacted) for e in entries)
    assert {e.result.status for e in entries if isinstance(e, Answered)} == {"ok", "error", "applied"}
    assert all(e.request is not None for e in entries if isinstance(e, Replied))


async def replayed(settings: Settings, capsys: pytest.CaptureFixture[str], turn: int | None = None, *, requests: bool = False) -> Replayed:
    """What a replay prints, without the log that tests print too."""
    capsys.readouterr()
    code = await replay.run(settings, THREAD, turn, show_requests=requests)
    rows, _, limits = "\n".join(line for line in capsys.readouterr().out.splitlines() if "[info " not in line).partition(
        "\nnot compared:\n"
    )
    return Replayed(code, rows.splitlines(), [line.strip() for line in limits.splitlines()])


def change_row(folder: Path, kind: str, alter: Callable[[str], str], *, last: bool = False, holding: str = "") -> int:
    """Alters the first row (or the last) of a kind, or of those that hold a text, behind the bot's back; its number."""
    engine = sa.create_engine(f"sqlite:///{folder}/bot.db")
    rows = sa.table("entries", sa.column("seq"), sa.column("kind"), sa.column("data"))
    order = rows.c.seq.desc() if last else rows.c.seq
    with engine.begin() as connection:
        row = connection.execute(sa.select(rows).where(rows.c.kind == kind, rows.c.data.contains(holding)).order_by(order)).first()
        assert row is not None
        altered = alter(row.data)
        assert altered != row.data
        connection.execute(sa.update(rows).where(rows.c.seq == row.seq).values(data=altered))
    engine.dispose()
    return int(row.seq)


@pytest.mark.parametrize("wire", WIRES)
async def test_a_recorded_thread_is_the_same_again(wire: str, tmp_path: Path, open_bench: Open, capsys: pytest.CaptureFixture[str]) -> None:
    settings = await record(tmp_path, wire, open_bench)

    again = await replayed(settings, capsys)

    lines = [line.split(maxsplit=2)[1:] for line in again.lines]
    assert again.code == 0, lines
    assert {verdict for kind, verdict in lines if kind in ("replied", "compacted", "ended")} == {"equal"}
    assert {verdict for kind, verdict in lines if kind in ("asked", "proposed")} == {"given"}
    assert [verdict for kind, verdict in lines if kind == "answered"].count("equal") == 3  # refused, read again, applied
    kinds = (findings.SAID, findings.TIMED, findings.PRINTED, findings.RECORDED, findings.NAMED)
    assert [limit.rpartition(" (row")[0] for limit in again.limits] == [kind.note for kind in kinds]
    assert again.limits[0].endswith(f" (rows 1, {lines.index(['asked', 'given'], 1) + 1})")


ENDS = """
rules:
  - {when: {question: break}, fault: {status: 400, message: It broke.}}
  - {when: {question: scale, step: 0}, reply: [{call: {args: {command: scale}}}]}
  - {when: {question: go on}, reply: [{call: {args: {command: look}}}]}
  - {reply: [{text: So it is.}]}
"""


async def test_turns_that_a_limit_a_failure_or_an_edit_ended_are_compared_and_the_rest_is_told(
    tmp_path: Path, open_bench: Open, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path}/bot.db"
    async with bench(url) as b:
        b.model = (await open_bench(ENDS, "gemini")).model
        b.rules = RULES.model_copy(update={"budgets": BudgetSettings(turn=LimitSettings(steps=3))})
        b.sandboxes.programs |= {"scale": scales(b.cluster, 5), "more": scales(b.cluster, 7), "look": prints("web-1\n")}
        for number, question in enumerate(("go on", "break it", "scale it"), start=1):
            await b.write(question, ts=f"100.{number}")
            await b.rest()
        for command in ("typo", "more"):
            await b.edit(command, 1)
            await b.rest()
        await b.click("approve", 2)
        await b.rest()
        entries = await b.entries()
    reasons = [e.reason for e in entries if isinstance(e, Ended)]
    assert (reasons[:2], {e.mode for e in entries if isinstance(e, Asked)}) == (["limit", "failed"], {Mode.QUESTION, Mode.EDIT})

    again = await replayed(Settings(store=StoreSettings(url=url, key=SecretStr(KEY))), capsys)

    assert again.code == 0, again.lines
    ends = [line.split(maxsplit=2)[2] for line in again.lines if " ended " in line]
    assert ends[:2] == ["equal", "given"]
    assert set(ends[2:]) == {"equal"}
    assert [limit for limit in again.limits if limit.startswith(findings.FAILED.note)]
    notes = [limit.rpartition(" (row")[0] for limit in again.limits]
    assert len(notes) == len(set(notes))


async def test_a_changed_byte_in_the_note_about_an_edited_change_or_in_a_limit_is_found(
    tmp_path: Path, open_bench: Open, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path}/bot.db"
    settings = Settings(store=StoreSettings(url=url, key=SecretStr(KEY)))
    async with bench(url) as b:
        b.model = (await open_bench(ENDS, "gemini")).model
        b.rules = RULES.model_copy(update={"budgets": BudgetSettings(turn=LimitSettings(steps=3))})
        b.sandboxes.programs |= {"scale": scales(b.cluster, 5), "look": prints("web-1\n")}
        await b.write("! scale")
        await b.rest()
        await b.edit("typo", 1)
        await b.rest()
        await b.write("go on", ts="100.2")
        await b.rest()

    limit = change_row(tmp_path, "ended", lambda data: data.replace("of 3 steps", "of 4 steps"), last=True)
    of_limit = await replayed(settings, capsys)
    note = change_row(tmp_path, "answered", lambda data: data.replace("as it was", "as it is"), holding="as it was")
    of_note = await replayed(settings, capsys)

    assert (of_limit.code, of_note.code) == (1, 1)
    assert any(line.startswith(f"{limit} ended  differs  The rows before it did not use up a budget") for line in of_limit.lines)
    assert any(line.startswith(f"{note} answered  differs") for line in of_note.lines)


async def test_one_turn_is_replayed_with_the_requests_that_the_model_saw(
    tmp_path: Path, open_bench: Open, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = await record(tmp_path, "gemini", open_bench)

    again = await replayed(settings, capsys, 2, requests=True)

    asked, replied, *rest, ended = again.lines
    request = json.loads("\n".join(rest))
    assert again.code == 0
    assert [line.split(maxsplit=1)[1] for line in (asked, replied, ended)] == ["asked  given", "replied  equal", "ended  equal"]
    assert request["contents"][-1]["parts"][0]["text"].endswith("again?")
    assert "Scaled." in json.dumps(request)


async def record_thinking(folder: Path, wire: str, open_bench: Open) -> tuple[Settings, dict[str, Any]]:
    """One question to a model that is told to think; the settings, and the body that was sent."""
    url = f"sqlite+aiosqlite:///{folder}/bot.db"
    service = await open_bench("rules: [{reply: [{text: So it is.}]}]", wire, thinking="high")
    async with bench(url) as b:
        b.model = service.model
        await b.write("why?")
        await b.rest()
    return Settings(store=StoreSettings(url=url, key=SecretStr(KEY))), service.requests[0]


async def test_the_request_of_a_replay_is_the_body_that_was_sent(
    tmp_path: Path, open_bench: Open, capsys: pytest.CaptureFixture[str]
) -> None:
    settings, sent = await record_thinking(tmp_path, "openai", open_bench)

    again = await replayed(settings, capsys, requests=True)

    assert again.code == 0, again.lines
    assert sent["reasoning_effort"] == "high"
    assert sent["stream_options"] == {"include_usage": True}
    assert json.loads("\n".join(again.lines[2:-1])) == sent


@pytest.mark.parametrize("wire", WIRES)
async def test_another_level_of_thinking_is_another_request(
    wire: str, tmp_path: Path, open_bench: Open, capsys: pytest.CaptureFixture[str]
) -> None:
    settings, _ = await record_thinking(tmp_path, wire, open_bench)

    as_recorded = await replayed(settings, capsys)
    number = change_row(tmp_path, "replied", lambda data: data.replace('"thinking":"high"', '"thinking":"low"'))
    altered = await replayed(settings, capsys)

    assert as_recorded.code == 0, as_recorded.lines
    assert altered.code == 1
    assert any(line.startswith(f"{number} replied  differs  The request is not the one") for line in altered.lines)


@pytest.mark.parametrize("damage", ["", "other"])
async def test_an_older_row_is_compared_by_what_its_digest_covers(
    damage: str, tmp_path: Path, open_bench: Open, capsys: pytest.CaptureFixture[str]
) -> None:
    settings, sent = await record_thinking(tmp_path, "openai", open_bench)
    covered = {part: sent[part] for part in ("model", "messages", "tools")}
    canonical = json.dumps(covered, sort_keys=True, separators=(",", ":"), ensure_ascii=False) + damage

    def age(data: str) -> str:
        row = json.loads(data)
        del row["request"]["thinking"], row["request"]["version"]
        row["request"]["digest"] = hashlib.sha256(canonical.encode()).hexdigest()
        return json.dumps(row)

    change_row(tmp_path, "replied", age)

    again = await replayed(settings, capsys)

    assert again.code == (1 if damage else 0), again.lines


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize(
    "altered", [("I look.", "I lock."), ('"input_tokens":', '"input_tokens":1'), ('"finish":"stop"', '"finish":"length"')]
)
async def test_a_changed_byte_in_a_reply_is_found(
    wire: str, altered: tuple[str, str], tmp_path: Path, open_bench: Open, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = await record(tmp_path, wire, open_bench)
    number = change_row(tmp_path, "replied", lambda data: data.replace(*altered, 1))

    again = await replayed(settings, capsys)

    assert again.code == 1
    differing = next(line for line in again.lines if "  differs" in line)
    assert differing.startswith(f"{number} replied")
    assert any(line.startswith("    +") for line in again.lines)


async def test_a_changed_byte_in_the_last_signature_is_found(tmp_path: Path, open_bench: Open, capsys: pytest.CaptureFixture[str]) -> None:
    settings = await record(tmp_path, "gemini", open_bench)

    def alter(data: str) -> str:
        row = json.loads(data)
        content = json.loads(row["content"])
        content["parts"][0]["thoughtSignature"] = "b3RoZXI="
        return json.dumps(row | {"content": json.dumps(content)})

    number = change_row(tmp_path, "replied", alter, last=True)

    again = await replayed(settings, capsys, 2)

    assert again.code == 1
    assert any(line.startswith(f"{number} replied  differs") for line in again.lines)


async def test_a_changed_byte_in_a_commands_output_is_found_in_the_request_after_it(
    tmp_path: Path, open_bench: Open, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = await record(tmp_path, "gemini", open_bench)
    number = change_row(tmp_path, "answered", lambda data: data.replace("needle", "noodle"))

    again = await replayed(settings, capsys, 1)

    assert again.code == 1
    assert f"{number} answered  given" in again.lines
    assert any("replied  differs  The request is not the one that the model was sent" in line for line in again.lines)


async def test_a_changed_byte_in_the_answer_of_a_change_is_shown(
    tmp_path: Path, open_bench: Open, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = await record(tmp_path, "openai", open_bench)
    number = change_row(tmp_path, "answered", lambda data: data.replace("approved by bob", "approved by bub"), last=True)

    again = await replayed(settings, capsys, 1)

    out = "\n".join(again.lines)
    assert again.code == 1
    assert f"{number} answered  differs" in out
    assert "approved by bob" in out
    assert "approved by bub" in out


async def test_rows_that_do_not_tell_their_request_are_said_to_be_not_comparable(
    tmp_path: Path, open_bench: Open, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = await record(tmp_path, "gemini", open_bench)

    def forget(data: str) -> str:
        row = json.loads(data)
        del row["request"]
        return json.dumps(row)

    number = change_row(tmp_path, "replied", forget, last=True)

    again = await replayed(settings, capsys, 2)

    assert again.code == 0
    assert any(line.startswith(f"{number} replied  not comparable") for line in again.lines)


async def test_a_thread_or_turn_that_is_not_there_is_told_in_a_sentence(tmp_path: Path) -> None:
    settings = Settings(store=StoreSettings(url=f"sqlite+aiosqlite:///{tmp_path}/bot.db", key=SecretStr(KEY)))
    with pytest.raises(ConfigError, match="There is no database"):
        await replay.run(settings, THREAD, None, show_requests=False)
    async with bench(settings.store.url) as b:
        await b.write("!look")
        await b.rest()

        with pytest.raises(ConfigError, match="There is no thread T9:C9:9"):
            await replay.run(settings, "T9:C9:9", None, show_requests=False)
        with pytest.raises(ConfigError, match=f"Thread {THREAD} has no turn 7"):
            await replay.run(settings, THREAD, 7, show_requests=False)
        assert await replay.run(settings, THREAD, 1, show_requests=False) == 0


def test_the_command_says_in_one_sentence_what_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "")  # the command sets it for its own process
    monkeypatch.setenv("DATABASE_URL", f"sqlite+aiosqlite:///{tmp_path}/none.db")
    config = tmp_path / "settings.yaml"
    config.write_text("{}\n")

    code = cli.main(["replay", THREAD, "1", "--config", str(config)])

    assert code == 2
    assert capsys.readouterr().err.startswith(f"replay: There is no database {tmp_path}/none.db")
    assert not (tmp_path / "none.db").exists()
