"""Notices a rehearsal that waits for its own write: nothing was applied, so it would wait for ever.

Clients retry watch errors without end, so an error does not help: the rehearsal itself is ended, with what it recorded so far.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass

from bot.gateway.influence import influences
from bot.gateway.limits import Limits
from bot.gateway.overlay import Entry, Key
from bot.gateway.request_info import Parsed
from bot.values.requests import RequestInfo

_PASSING = frozenset({"resourceVersion", "resourceVersionMatch", "timeoutSeconds", "allowWatchBookmarks", "sendInitialEvents", "timeout"})
"""Parameters that may differ between two rounds of one loop."""


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
        self._polls: dict[Hashable, _Poll] = {}
        self._unseen: dict[Key, Entry] = {}

    @property
    def expects(self) -> bool:
        """Whether there is anything of `unseen`."""
        return bool(self._unseen)

    def unseen(self, info: RequestInfo) -> list[Entry]:
        """Recorded writes of objects that this GET, LIST or WATCH goes on to show as they are."""
        kind = (info.group, info.resource)
        return [e for e in self._unseen.values() if (e.key.group, e.key.resource) == kind and info.name in ("", e.key.name)]

    def expect(self, info: RequestInfo, kind: str) -> None:
        """Takes note of a write that has no effect which can be shown: an approval of a certificate."""
        now = asyncio.get_running_loop().time()
        self._unseen[Key.of(info)] = Entry(Key.of(info), info.version, kind, None, None, (), written_at=now)

    def note_read(self, entry: Entry, *, is_named: bool) -> None:
        """Counts a read that showed a written object: many of them over some time are a loop that waits for it to change."""
        self._count(entry.key, entry, 1 if is_named else 2)

    def note_request(self, parsed: Parsed, entries: Iterable[Entry]) -> None:
        """Counts a read or watch of what these written objects would change, were they applied: the same one again and again is a loop
        that waits for it. A look at it from several sides is not."""
        query = dict(reversed(parsed.query))
        if query.get("continue"):
            return
        about = [e for e in entries if influences(e, parsed.info, query.get("labelSelector", ""), query.get("fieldSelector", ""))]
        about += self.unseen(parsed.info)
        if not about:
            return
        same = (parsed.info.verb, parsed.info.path, tuple(pair for pair in parsed.query if pair[0] not in _PASSING))
        is_aimed = bool(parsed.info.name or query.get("labelSelector") or query.get("fieldSelector"))
        self._count(same, max(about, key=lambda entry: entry.written_at), 1 if is_aimed else 2)

    def patience(self, info: RequestInfo, entries: Iterable[Entry], opened_at: float) -> tuple[float, Entry] | None:
        """When (loop time) a watch counts as waiting that would show a change of these written objects, and for which; None for none."""
        latest = max(entries, key=lambda e: e.written_at, default=None)
        if latest is None:
            return None
        seconds = self._limits.named_wait_seconds if info.name and latest.key == Key.of(info) else self._limits.listed_wait_seconds
        return max(opened_at, latest.written_at) + seconds, latest

    def give_up(self, entry: Entry) -> None:
        """Ends the rehearsal because of this object."""
        self._stop(reason(entry))

    def _count(self, what: Hashable, entry: Entry, factor: int) -> None:
        now = asyncio.get_running_loop().time()
        poll = self._polls.get(what)
        if poll is None or poll.written_at != entry.written_at:
            poll = self._polls[what] = _Poll(entry.written_at, now)
        poll.reads += 1
        if poll.reads >= self._limits.poll_reads * factor and now - poll.first >= self._limits.poll_seconds * factor:
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
