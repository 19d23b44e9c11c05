"""Notices a rehearsal that waits for its own write: nothing was applied, so it would wait for ever.

Clients retry watch errors without end, so an error does not help: the rehearsal itself is ended, with what it recorded so far.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from bot.gateway.limits import Limits
from bot.gateway.overlay import Entry, Key
from bot.gateway.selectors import matches
from bot.values.requests import Json, RequestInfo


@dataclass(slots=True)
class _Poll:
    written_at: float
    first: float
    reads: int = 0


class Waits:
    """Looks at the watches and reads of one rehearsal."""

    def __init__(self, limits: Limits, stop: Callable[[str], None]) -> None:
        self._limits = limits
        self._stop = stop
        self._polls: dict[Key, _Poll] = {}

    def note_read(self, entry: Entry, *, is_named: bool) -> None:
        """Counts a read that showed a written object: many of them over some time are a loop that waits for it to change."""
        now = asyncio.get_running_loop().time()
        poll = self._polls.get(entry.key)
        if poll is None or poll.written_at != entry.written_at:
            poll = self._polls[entry.key] = _Poll(entry.written_at, now)
        poll.reads += 1
        factor = 1 if is_named else 2
        if poll.reads >= self._limits.poll_reads * factor and now - poll.first >= self._limits.poll_seconds * factor:
            self._stop(reason(entry))

    def patience(self, info: RequestInfo, entries: Iterable[Entry], opened_at: float) -> tuple[float, Entry] | None:
        """When (loop time) a watch that shows these written objects counts as waiting, and for which; None if it shows none."""
        latest = max((e for e in entries if e.current is not None), key=lambda e: e.written_at, default=None)
        if latest is None:
            return None
        seconds = self._limits.named_wait_seconds if info.name else self._limits.listed_wait_seconds
        return max(opened_at, latest.written_at) + seconds, latest

    def give_up(self, entry: Entry) -> None:
        """Ends the rehearsal because of this object."""
        self._stop(reason(entry))


def reason(entry: Entry) -> str:
    """`stopped: waits for Deployment shop/web, which changes only after approval`"""
    return f"stopped: waits for {entry.title}, which changes only after approval{_next_step(entry)}"


def _next_step(entry: Entry) -> str:
    """What to do once the debug container runs that `kubectl debug -i` would attach to; '' about everything else."""
    before, after = (
        {c["name"] for c in ((item or {}).get("spec") or {}).get("ephemeralContainers") or ()} for item in (entry.live, entry.current)
    )
    made = sorted(after - before) if entry.key.resource == "pods" else []
    if not made:
        return ""
    pod = entry.key.name
    return f"; then use `kubectl logs {pod} -c {made[0]}` or `kubectl exec {pod} -c {made[0]} -- COMMAND` instead of attaching"


def selects_pods_of(entry: Entry, namespace: str, label_selector: str) -> bool:
    """Whether a selector finds the pods of a workload that was written: waiting for them is waiting for the write."""
    if entry.current is None or entry.key.namespace != namespace or not label_selector:
        return False
    template: Json = (entry.current.get("spec") or {}).get("template")
    return isinstance(template, dict) and matches({"metadata": template.get("metadata") or {}}, label_selector, "")
