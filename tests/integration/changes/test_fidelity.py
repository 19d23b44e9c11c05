"""What is rehearsed, approved and replayed comes to the same as what is done directly, and looks the same to whoever did it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

import orjson
import pytest

from bot.changes.change import SendState, State
from bot.values.requests import ApiRequest, Json
from tests.cluster.apiserver import ApiServer
from tests.integration.changes.fidelity_files import lay_out_all, seeds
from tests.integration.changes.fidelity_table import CHAPTERS, Line
from tests.integration.changes.replaying import approve_recording, carry_out
from tests.integration.changes.twins import Twin, differences, look
from tests.integration.gateway.audit import mark, persisted
from tests.integration.gateway.lab import Lab, Ran, open_lab
from tests.unit.changes.memory import MemoryChanges

pytestmark = [pytest.mark.apiserver, pytest.mark.timeout(900)]

_EVICTION = "evicting pod "
_SETTLE_SECONDS = 20.0
_CONTROLLED = ("deployments ", "statefulsets ", "daemonsets ")
"""For controllers to come to the same in both namespaces."""


@pytest.mark.parametrize("chapter", CHAPTERS)
async def test_a_replay_comes_to_the_same_as_the_command_itself(seeded: ApiServer, tmp_path: Path, chapter: str) -> None:
    direct, rehearsed = Twin(f"{chapter}-aa"), Twin(f"{chapter}-ab")
    failures: list[str] = []
    known: set[str] = set()
    async with _lab_for(seeded, tmp_path / "direct") as left, _lab_for(seeded, tmp_path / "rehearsed") as right:
        await asyncio.gather(_seed(left, direct), _seed(right, rehearsed))
        failures += [f"at the start: {one}" for one in await _settle(left, direct, rehearsed, known)]
        for line in CHAPTERS[chapter]:
            failures += [f"{line.command}\n    {one}" for one in await _compare(left, right, direct, rehearsed, line, known)]

    assert not failures, "\n".join(failures)


def test_the_table_is_as_long_as_was_promised() -> None:
    assert sum(len(lines) for lines in CHAPTERS.values()) >= 120


def _lab_for(server: ApiServer, folder: Path):  # type: ignore[no-untyped-def]
    folder.mkdir()
    lay_out_all(folder)
    return open_lab(server, folder)


async def _seed(lab: Lab, twin: Twin) -> None:
    for path, item in seeds(twin.name):
        request = ApiRequest("POST", path, (("fieldManager", "seed"),), "application/json", orjson.dumps(item))
        for _ in range(200):
            answer = await lab.cluster.api.send(request, None, dry_run=False)
            if answer.status != 403:  # the namespace's service account is not there yet
                break
            await asyncio.sleep(0.05)
        assert answer.is_success, answer.message


async def _compare(left: Lab, right: Lab, direct: Twin, rehearsed: Twin, line: Line, known: set[str]) -> list[str]:
    """Does the line both ways; what is not the same."""
    failures = []
    begin = mark(right.server)
    shown = await right.rehearse(rehearsed.prepare(line.command), namespace=rehearsed.name)
    leaked = persisted(right.server, begin)
    if leaked:
        failures.append(f"leaked before approval: {leaked}")
    failures += await _replay(right, shown, line, rehearsed)
    done = await left.direct(direct.prepare(line.command), namespace=direct.name)
    if done.code and not line.why_fails:
        failures.append(f"the command itself failed: {done.err}")
    if not line.why_other:
        failures += _compare_output(done, shown, direct, rehearsed)
    return failures + await _settle(left, direct, rehearsed, known, may_differ_in_owners=bool(line.why_apart))


async def _replay(lab: Lab, shown: Ran, line: Line, twin: Twin) -> list[str]:
    """Approves and replays what was recorded: each write has to land, once."""
    if not shown.recording.writes:
        return []
    changes = MemoryChanges()
    change = approve_recording(changes, shown.recording, line.command)
    begin = mark(lab.server)
    done = await carry_out(lab, changes, change)
    if done.state is not State.DONE:
        return [f"{done.state.value}: {done.reason}"]
    landed = sum(send.state is SendState.LANDED for send in done.sends)
    spared = sum(send.status in (304, 404) for send in done.sends)  # a controller was there first
    sent = sum(entry["responseStatus"]["code"] < 300 for entry in persisted(lab.server, begin))
    return [] if landed == sent + spared == len(done.writes) else [f"{len(done.writes)} recorded, {landed} landed, {sent} in the audit log"]


def _compare_output(done: Ran, shown: Ran, direct: Twin, rehearsed: Twin) -> list[str]:
    failures = []
    if done.code != shown.code:
        failures.append(f"exit code {done.code} directly, {shown.code} rehearsed")
    for name, one, other in (("stdout", done.out, shown.out), ("stderr", done.err, shown.err)):
        expected, found = _comparable(direct.blur(one)), _comparable(rehearsed.blur(other))
        if expected != found:
            failures.append(f"{name} directly: {expected!r}; rehearsed: {found!r}")
    return failures


def _comparable(text: str) -> Sequence[str]:
    """The lines without warnings: that nothing is applied yet is told by one. Drain evicts all pods of a node at once: its lines come in
    any order."""
    lines = [line for line in text.splitlines() if not line.startswith("Warning: ")]
    evictions = iter(sorted(line for line in lines if line.startswith(_EVICTION)))
    return [next(evictions) if line.startswith(_EVICTION) else line for line in lines]


def _is_seen(place: str, item: Json) -> bool:
    """Whether its controller has seen the object as it is: two that it has not come to yet are equal too soon."""
    if not place.startswith(_CONTROLLED):
        return True
    return bool((item.get("status") or {}).get("observedGeneration") == item["metadata"].get("generation"))


def _is_of_owners(difference: str) -> bool:
    return ".managedFields" in difference.partition(": ")[0]


async def _settle(lab: Lab, direct: Twin, rehearsed: Twin, known: set[str], *, may_differ_in_owners: bool = False) -> list[str]:
    """Waits until both namespaces hold the same; what is different if they do not come to it, each difference told only once."""
    deadline = time.monotonic() + _SETTLE_SECONDS
    while True:
        left, right = await look(lab, (direct, rehearsed))
        found = [one for one in differences(left, right) if one not in known]
        told = [one for one in found if not (may_differ_in_owners and _is_of_owners(one))]
        is_seen = all(_is_seen(place, item) for objects in (left, right) for place, items in objects.items() for item in items)
        if (not told and is_seen) or time.monotonic() > deadline:
            known.update(found)
            return told
        await asyncio.sleep(0.2)
