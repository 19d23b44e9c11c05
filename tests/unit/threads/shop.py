"""The cluster of the plays: an API server in memory, other hands in it, and what goes wrong on the way to it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from bot.values.requests import ApiRequest, ApiResponse, Identity, RecordedWrite
from bot.values.sandbox import Ran
from tests.fakes import FakeCluster, FakeRehearsal, Program, Time
from tests.unit.changes import cluster as memory
from tests.unit.changes.builders import JSON, deployment, path_of, rehearse, write

WEB, SETTINGS = path_of("deployments", "web"), path_of("configmaps", "settings")


@dataclass(frozen=True, slots=True)
class Trouble:
    """What goes wrong with the next change: its object `moved` before, the approval comes `late`, or something happens to its write
    number `nth`: it is `refused`, it or its answer is lost (`before`, `after`), or its answer is and somebody else writes the object
    next (`taken over`); or a freeze begins as soon as it has landed (`frozen`)."""

    kind: str = ""
    nth: int = 1


QUIET = Trouble()


def nothing(request: ApiRequest, dry_run: bool) -> str:
    """No fault."""
    return ""


async def no_freeze() -> None:
    """Nobody freezes anything."""


class Shop(FakeCluster):
    """The fake rehearsals in front of an API server in memory that knows versions, conflicts and preconditions."""

    def __init__(self, time: Time) -> None:
        super().__init__()
        self._time = time
        self._moves = 0
        self.freeze: Callable[[], Awaitable[None]] = no_freeze
        """Puts a freeze in force."""
        self.freezes_after: int | None = None
        """After how many writes that land from now on that happens."""
        self.persisted_at_freeze: int | None = None
        """How many writes had landed when it did."""
        self.server = memory.FakeCluster()
        self.server.put(WEB, deployment(3))
        self.server.put(SETTINGS, {"data": {"a": "0"}})

    async def send(self, request: ApiRequest, identity: Identity | None, *, dry_run: bool) -> ApiResponse:
        await asyncio.sleep(0)
        answer = await self.server.send(request, identity, dry_run=dry_run)
        self._time.now += 0.0 if answer.is_success else 20.0  # what a replay that waits for better times gets through
        if answer.is_success and request.method != "GET" and not dry_run:
            await self._count_down_to_freeze()
        return answer

    async def _count_down_to_freeze(self) -> None:
        if self.freezes_after is None:
            return
        self.freezes_after -= 1
        if self.freezes_after == 0:
            self.freezes_after = None
            await self.freeze()
            self.persisted_at_freeze = len(self.server.persisted)

    def records(self, writes: Sequence[RecordedWrite]) -> Program:
        """A program whose rehearsal records these writes as the cluster previews them then."""

        async def run(rehearsal: FakeRehearsal) -> Ran:
            for one in writes:
                rehearsal.record(await rehearse(self.server, one))
            return Ran(0, "", "", 0.1)

        return run

    def writes(self, kind: str, number: int) -> list[RecordedWrite]:
        scale = write("patch", "deployments", "web", {"spec": {"replicas": number + 10}})
        label = write("patch", "configmaps", "settings", {"data": {"a": str(number)}})
        made = [path.rsplit("/", 1)[-1] for path in self.server.objects if "/configmaps/made-" in path]
        if kind == "delete" and made:
            options = {"kind": "DeleteOptions", "propagationPolicy": "Background"}
            return [write("delete", "configmaps", made[0], options, kind=JSON)]
        if kind in ("create", "delete"):
            item = {"kind": "ConfigMap", "metadata": {"name": f"made-{number}"}, "data": {"a": "1"}}
            return [write("create", "configmaps", "", item, kind=JSON)]
        return {"scale": [scale], "label": [label]}.get(kind, [scale, label])

    def move(self, path: str, *, is_same_field: bool) -> None:
        """Somebody else changes an object, in what our writes change or beside it."""
        self._moves += 1
        item = json.loads(json.dumps(self.server.objects[path]))
        if path == SETTINGS:
            item["data"]["a" if is_same_field else "theirs"] = f"theirs-{self._moves}"
        elif is_same_field:
            item["spec"]["replicas"] = 500 + self._moves
        else:
            item["metadata"]["labels"] = {"theirs": str(self._moves)}
        self.server.put(path, item)

    def move_all(self) -> None:
        for path in (WEB, SETTINGS):
            self.move(path, is_same_field=True)

    def spoil_a_write(self, trouble: Trouble) -> None:
        server, left = self.server, trouble.nth

        def fault(request: ApiRequest, dry_run: bool) -> str:
            nonlocal left
            if left == 0:  # the write was lost; this is the first look at what became of it
                server.fault = nothing
                self.move_all()
                return ""
            if request.method == "GET" or dry_run:
                return ""
            left -= 1
            if left:
                return ""
            if trouble.kind == "taken over":
                return "after"
            server.fault = nothing
            if trouble.kind == "refused":
                server.refusals.append((422, "Invalid", "spec is invalid"))
                return ""
            return trouble.kind

        server.fault = fault
