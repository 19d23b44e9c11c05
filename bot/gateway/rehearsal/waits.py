"""Notices a rehearsal that waits for its own write: nothing was applied, so it would wait for ever.

Clients retry watch errors without end, so an error does not help: the rehearsal itself is ended, with what it recorded so far.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field

from bot.gateway.limits import Limits
from bot.gateway.protocol.request_info import Parsed
from bot.gateway.rehearsal.influence import influences, is_namespace, may_change
from bot.gateway.rehearsal.overlay import Entry, Key
from bot.values.requests import RequestInfo

_PASSING = frozenset({"resourceVersion", "resourceVersionMatch", "timeoutSeconds", "allowWatchBookmarks", "sendInitialEvents", "timeout"})
"""Parameters that may differ between two rounds of one loop."""


@dataclass(slots=True)
class _Poll:
    written_at: float
    first: float
    reads: int = 0


@dataclass(slots=True)
class _Standstill:
    """The reads since something last went on: a write, a read that was not made before, or an answer that is not the one from before."""

    since: float = 0.0
    answers: dict[Hashable, tuple[Hashable, RequestInfo]] = field(default_factory=dict)
    """In the order in which they were first asked for."""
    repeats: dict[Hashable, int] = field(default_factory=dict)

    def end(self, now: float) -> None:
        self.since = now
        self.repeats.clear()


class Waits:
    """Looks at the watches and reads of one rehearsal."""

    def __init__(self, limits: Limits, stop: Callable[[str], None]) -> None:
        self._limits = limits
        self._stop = stop
        self._polls: dict[Hashable, _Poll] = {}
        self._unseen: dict[Key, Entry] = {}
        self._still = _Standstill()
        self._wrote_at = 0.0

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
        """Counts a read that showed a written object: many of them over some time are a loop that waits for it to change. Those of a
        namespace, at which kubectl has a look whenever something in it is not found, count in `note_answer`."""
        if is_namespace(entry.key):
            return
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
        same = _identify(parsed)
        is_aimed = bool(parsed.info.name or query.get("labelSelector") or query.get("fieldSelector"))
        self._count(same, max(about, key=lambda entry: entry.written_at), 1 if is_aimed else 2)

    def note_answer(self, parsed: Parsed, answer: Hashable | None, entries: Iterable[Entry]) -> None:
        """Counts what was read once more with the same `answer` (None: nobody can say) while nothing else went on. Round after round of
        that is a loop that waits for what somebody else makes of a write: a Secret that comes of a certificate's custom resource."""
        now, same, known = asyncio.get_running_loop().time(), _identify(parsed), list(entries)
        if answer is None or self._still.answers.get(same, (None,))[0] != answer:
            self.go_on()
        if answer is None:
            return
        self._still.answers[same] = answer, parsed.info
        self._still.repeats[same] = self._still.repeats.get(same, 0) + 1
        if self._still.repeats[same] >= 2 * self._limits.poll_reads and now - self._still.since >= 2 * self._limits.poll_seconds:
            self._stop_for_first(known)

    def _stop_for_first(self, entries: Sequence[Entry]) -> None:
        """Ends the rehearsal, and names the first read of its loop: kubectl looks for the namespace too of what it does not find."""
        for same, (_, info) in self._still.answers.items():
            about = [entry for entry in entries if entry.key == Key.of(info) or may_change(entry, info)]
            if about and self._still.repeats.get(same, 0) >= 2 * self._limits.poll_reads - 1:
                self._stop(guess(info, max(about, key=lambda entry: entry.written_at)))
                return

    def note_write(self) -> None:
        """Takes note of a recorded write: a loop that writes in every round does not wait."""
        self._wrote_at = asyncio.get_running_loop().time()
        self.go_on()

    def go_on(self) -> None:
        """Takes note of something that may have told the client something new."""
        self._still.end(asyncio.get_running_loop().time())

    def patience(self, info: RequestInfo, entries: Iterable[Entry], opened_at: float) -> tuple[float, str] | None:
        """When (loop time) a watch counts as waiting that would show a change of these written objects, and why; None for none."""
        latest = max(entries, key=lambda e: e.written_at, default=None)
        if latest is None:
            return None
        seconds = self._limits.named_wait_seconds if info.name and latest.key == Key.of(info) else self._limits.listed_wait_seconds
        return max(opened_at, latest.written_at) + seconds, reason(latest)

    def long_patience(self, info: RequestInfo, entries: Iterable[Entry], told_at: float) -> tuple[float, str] | None:
        """The same for a watch of one object that somebody else may change because of them. `told_at` is when it last told something."""
        about = [entry for entry in entries if info.name and may_change(entry, info)]
        if not about:
            return None
        latest = max(about, key=lambda entry: entry.written_at)
        return max(told_at, latest.written_at, self._still.since) + 2 * self._limits.listed_wait_seconds, guess(info, latest)

    def give_up(self, why: str) -> None:
        """Ends the rehearsal for this reason."""
        self._stop(why)

    def _count(self, what: Hashable, entry: Entry, factor: int) -> None:
        now = asyncio.get_running_loop().time()
        poll = self._polls.get(what)
        if poll is None or poll.written_at != entry.written_at or poll.first < self._wrote_at:
            poll = self._polls[what] = _Poll(entry.written_at, now)
        poll.reads += 1
        if poll.reads >= self._limits.poll_reads * factor and now - poll.first >= self._limits.poll_seconds * factor:
            self._stop(reason(entry))


def _identify(parsed: Parsed) -> Hashable:
    """Equal for the same read in two rounds of one loop."""
    return parsed.info.verb, parsed.info.path, tuple(pair for pair in parsed.query if pair[0] not in _PASSING)


def guess(info: RequestInfo, entry: Entry) -> str:
    """`stopped: waits for secrets shop/tls, which may change only after approval of Certificate shop/tls`"""
    if entry.key == Key.of(info):
        return reason(entry)
    place = "/".join(part for part in (info.namespace if info.resource != "namespaces" else "", info.name) if part)
    return f"stopped: waits for {f'{info.resource} {place}'.strip()}, which may change only after approval of {entry.title}"


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
