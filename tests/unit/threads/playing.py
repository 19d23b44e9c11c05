"""Where the plays of `test_state_machine` take place: a thread, people, a cluster, and bots that crash, restart and double."""

from __future__ import annotations

import asyncio
import io
import json
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st
from pydantic import SecretStr

from bot.changes.change import OPEN, Change, SendState, State
from bot.changes.freeze import Freeze
from bot.changes.ledger import is_spared
from bot.changes.ports import AuditLine
from bot.settings import StoreSettings
from bot.slack.rendering.cards import render_change
from bot.store.opening import open_store
from bot.threads.stores import Stores
from bot.values.people import Person
from tests.fakes import FakeSandboxes, FakeSurface, Time
from tests.unit.threads.crashing import Crash
from tests.unit.threads.harness import KEY, RULES, THREAD, Bench
from tests.unit.threads.shop import Shop, Trouble

REACHES = {
    "approved": State.APPROVED,
    "denied": State.DENIED,
    "replay_held": State.DENIED,
    "expired": State.EXPIRED,
    "replay_lapsed": State.EXPIRED,
    "replay_started": State.REPLAYING,
    "change_superseded": State.SUPERSEDED,
    "edited": State.SUPERSEDED,
    "change_undone": State.UNDONE,
    **{f"change_{state.value}": state for state in (State.DONE, State.FAILED, State.PARTIAL, State.UNKNOWN)},
}
"""The state that a change is in after an audit line with this action."""
PATIENCE_SECONDS = 120
"""A play comes to rest within a second on a quiet machine."""
TRIGGER = """
CREATE TABLE IF NOT EXISTS transitions (change_id INTEGER, state TEXT);
CREATE TRIGGER IF NOT EXISTS watch AFTER UPDATE OF state ON changes WHEN OLD.state <> NEW.state
BEGIN INSERT INTO transitions VALUES (NEW.id, NEW.state); END;
"""


@dataclass(frozen=True, slots=True)
class Run:
    """How the bot runs until nothing is left to do: crashing at a call of a port, on two replicas, after a restart."""

    crash_at: int = 0
    replicas: int = 1
    is_restarted: bool = False


RUNS = st.one_of(
    st.builds(Run, is_restarted=st.booleans()),
    st.just(Run(replicas=2)),
    st.builds(Run, crash_at=st.integers(1, 40)),
)


class Stage:
    """One thread of one channel, and everything around it."""

    def __init__(self) -> None:
        self.runner = asyncio.Runner()
        memory_disk = "/dev/shm"  # where there is one: the plays write a lot
        self.folder = tempfile.TemporaryDirectory(prefix="play-", dir=memory_disk if Path(memory_disk).is_dir() else None)
        self.file = Path(self.folder.name) / "bot.db"
        self.time = Time(1000.0)
        self.surface = FakeSurface()
        self.surface.people["U3"] = Person("U3", "T1", "cleo")
        self.surface.groups["S1"] = frozenset({"U2", "U3"})
        self.cluster = Shop(self.time)
        self.cluster.freeze = self._freeze
        self.sandboxes = FakeSandboxes(self.cluster)
        self.number = 0
        self.opened = 0
        self.stack = AsyncExitStack()
        self.benches: list[Bench] = []

        self.reached: set[State] = set()
        """Every state that a change was seen in when the bot had nothing left to do."""

    def open(self) -> None:
        self.runner.run(self._restart())
        with closing(sqlite3.connect(self.file)) as connection:
            connection.executescript(TRIGGER)

    def close(self) -> None:
        self.runner.run(self.stack.aclose())
        self.runner.close()
        self.folder.cleanup()

    def changes(self) -> Sequence[Change]:
        return self.runner.run(self.bench.stores.changes.of_thread(THREAD))

    # What happens ------------------------------------------------------------------------------------------------

    def ask(self, kind: str, run: Run) -> None:
        command = self.next_command(kind)
        self.play(run, self.bench.write(f"! {command}", ts=f"{100 + self.number}.1"))

    def press(self, action: str, people: Sequence[str], place: int, states: set[State], run: Run) -> None:
        """The people press a button on one card, one that fits if there is one, before the bot looks."""
        changes = self.changes()
        fitting = [change for change in changes if change.state in states] or changes
        number = fitting[-1 - place % len(fitting)].id
        self.play(run, *(self.bench.click(action, number, user=user) for user in people))

    def make(self, trouble: Trouble) -> None:
        if trouble.kind == "moved":
            self.cluster.move_all()
        elif trouble.kind == "late":
            self.time.now += RULES.changes.lapse_seconds + 1
        elif trouble.kind == "frozen":
            self.cluster.freezes_after = trouble.nth
        elif trouble.kind:
            self.cluster.spoil_a_write(trouble)

    async def _freeze(self) -> None:
        """As another process of the bot does that got the order."""
        self.number += 1
        audit = AuditLine("frozen", "U2", THREAD, {"cluster": "prod"})
        await self.bench.stores.freezes.begin(f"by another {self.number}", Freeze("prod", "U2", "the sale", self.time.now), audit)

    def next_command(self, kind: str) -> str:
        """A command that nobody ran yet; `none` writes nothing, a `typo` is no program."""
        self.number += 1
        command = f"kubectl {kind} {self.number}"
        if kind != "typo":
            self.sandboxes.programs[command] = self.cluster.records(self.cluster.writes(kind, self.number) if kind != "none" else [])
        return command

    # How the bot runs --------------------------------------------------------------------------------------------

    @property
    def bench(self) -> Bench:
        return self.benches[0]

    def play(self, run: Run, *events: Any, may_thaw: bool = False) -> None:
        self.runner.run(self._go_on(self._go(run, events, may_thaw=may_thaw)))

    async def _go_on(self, going: Coroutine[Any, Any, None]) -> None:
        """Fails with where everything stands if the bot does not come to rest."""
        task = asyncio.create_task(going)
        await asyncio.wait({task}, timeout=PATIENCE_SECONDS)
        if not task.done():
            stacks = io.StringIO()
            for other in asyncio.all_tasks():
                other.print_stack(file=stacks)
            pytest.fail(f"the bot did not come to rest within {PATIENCE_SECONDS} s:\n{stacks.getvalue()}")
        task.result()

    async def _go(self, run: Run, events: Sequence[Any], *, may_thaw: bool) -> None:
        is_frozen = await self.bench.stores.freezes.active("prod") is not None
        before = len(self.cluster.server.persisted)
        self.cluster.persisted_at_freeze = None
        for event in events:
            await event
        if run.is_restarted:
            await self._restart()
        if run.crash_at:
            crash = Crash(run.crash_at)
            await self.bench.rest(crash)
            await self._restart()
            self.time.now += 30  # leases of the dead end
        await self._rest(run.replicas)
        if is_frozen and not may_thaw:
            assert len(self.cluster.server.persisted) == before, "something landed during a freeze"
        if self.cluster.persisted_at_freeze is not None and not may_thaw:
            assert len(self.cluster.server.persisted) == self.cluster.persisted_at_freeze, "a replay went on when a freeze had begun"
        await self._check()

    async def _rest(self, replicas: int) -> None:
        while len(self.benches) < replicas:
            self.benches.append(await self._open())
        async with AsyncExitStack() as stack:
            bots = [await stack.enter_async_context(bench.running()) for bench in self.benches[:replicas]]
            while True:
                await asyncio.gather(*(bot.settled() for bot in bots))
                # One may have begun with what another, which was settled before it, left.
                due = await self.bench.stores.threads.due(self.time.now)
                if not due and not any(bot.worker.active or bot.intake.active for bot in bots):
                    return

    async def _restart(self) -> None:
        """A new process: nothing survives but the database and the world outside."""
        await self.stack.aclose()
        self.stack = AsyncExitStack()
        self.benches = [await self._open()]

    async def _open(self) -> Bench:
        url = f"sqlite+aiosqlite:///{self.file}"
        store = await self.stack.enter_async_context(open_store(StoreSettings(url=url, key=SecretStr(KEY)), self.time))
        bench = Bench(self.time, store.stores, self.surface, self.cluster, self.sandboxes, rules=RULES)
        self.opened += 1
        bench.sent = 1_000_000 * self.opened  # no event has the key of another process's
        return bench

    def next_ts(self) -> str:
        self.number += 1
        return f"{100 + self.number}.1"

    # What always holds -------------------------------------------------------------------------------------------

    async def _check(self) -> None:
        stores = self.bench.stores
        changes = await stores.changes.of_thread(THREAD)
        self._check_writes(changes)
        await self._check_cards(stores, changes)
        self._check_lines(changes)
        self.reached |= {change.state for change in changes}
        assert (await stores.audit.verify())[1] == ""

    def _check_writes(self, changes: Sequence[Change]) -> None:
        sends = [send for change in changes for send in change.sends if not is_spared(send)]
        landed = sum(send.state is SendState.LANDED for send in sends)
        unknown = sum(send.state is SendState.UNKNOWN for send in sends)
        persisted = len(self.cluster.server.persisted)
        assert landed <= persisted <= landed + unknown, "a write landed twice, or was counted without having landed"
        assert not any(change.state in (State.APPROVED, State.REPLAYING) for change in changes)
        for change in changes:
            if change.state is State.UNDONE:
                by = next(other for other in changes if other.id == change.undone_by)
                assert (by.undoes, by.state in (State.DONE, State.UNDONE)) == (change.id, True)

    async def _check_cards(self, stores: Stores, changes: Sequence[Change]) -> None:
        freeze = await stores.freezes.active("prod")
        for change in changes:
            shown, holding = self.surface.cards[change.id][-1], self.surface.freezes[change.id]
            wanted = freeze if change.is_open else None
            rules, now = RULES.changes, self.time.now
            assert render_change(shown, rules, now, freeze=holding) == render_change(change, rules, now, freeze=wanted), change.id

    def _check_lines(self, changes: Sequence[Change]) -> None:
        with closing(sqlite3.connect(self.file)) as connection:
            lines = [(action, json.loads(facts)) for action, facts in connection.execute("SELECT action, facts FROM audit")]
            transitions = Counter(connection.execute("SELECT change_id, state FROM transitions"))
        assert transitions == Counter((facts["change"], REACHES[action].value) for action, facts in lines if action in REACHES)
        begun = [facts["change"] for action, facts in lines if action == "proposed"]
        begun += [facts["successor"] for action, facts in lines if action == "change_superseded"]
        assert sorted(begun) == [change.id for change in changes]
        sent = Counter((facts["change"], facts["position"]) for action, facts in lines if action == "write_landed")
        assert all(count == 1 for count in sent.values())
        assert {state for _, state in transitions} <= {state.value for state in set(State) - (OPEN - {State.APPROVED, State.REPLAYING})}
