"""What tests of retracing share: threads that a whole bot wrote, and what is found in their rows, altered or not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bot.agent import retracing
from bot.agent.findings import Finding, Verdict
from bot.agent.ports import ModelReply
from bot.values.transcript import Answered, Entry, Proposed, Replied
from tests.fakes import FakeModel, prints, say, scales
from tests.unit.threads.harness import THREAD, Bench


def scaling(*calls: tuple[str, str]) -> FakeModel:
    """A model that makes these calls in one reply, once, and then says what it knows."""

    def think(entries: Sequence[Entry]) -> ModelReply:
        return say("So it is.") if any(isinstance(e, Replied) for e in entries) else say("I look.", *calls)

    return FakeModel(think)


async def propose(b: Bench) -> None:
    """A reply with a read, a change that waits, and a call after it."""
    b.model = scaling(("c1", "get"), ("c2", "scale"), ("c3", "get"))
    b.sandboxes.programs["get"] = prints("ok\n")
    b.sandboxes.programs["scale"] = scales(b.cluster, 5)
    await b.write("why?")
    await b.rest()


async def retrace(b: Bench, entries: Sequence[Entry] | None = None) -> list[Finding]:
    entries = await b.entries() if entries is None else entries
    changes = {change.id: change for change in await b.stores.changes.of_thread(THREAD)}
    return [retracing.check(entries, changes, place) for place in range(len(entries))]


async def change_in(b: Bench, place: int, **values: object) -> Finding:
    """What is found in the row at the place (from the end if negative) when these fields of it, or of its result, are altered."""
    entries = list(await b.entries())
    place %= len(entries)
    row = entries[place]
    own = {name: value for name, value in values.items() if name in type(row).__dataclass_fields__}
    if isinstance(row, Answered | Proposed) and len(own) < len(values):
        own["result"] = replace(row.result, **{name: value for name, value in values.items() if name not in own})
    entries[place] = replace(row, **own)
    assert entries[place] != row
    return (await retrace(b, entries))[place]


def looking(rows: Sequence[Entry]) -> ModelReply:
    """A model that runs the same command for ever."""
    return say("", (f"c{len(rows)}", "get"))


async def digest_of(b: Bench, change_id: int) -> str:
    change = await b.stores.changes.get(change_id)
    assert change is not None
    return change.digest


def differing(findings: Sequence[Finding]) -> list[int]:
    return [place for place, finding in enumerate(findings) if finding.verdict is Verdict.DIFFERS]
