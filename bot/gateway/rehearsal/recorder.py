"""The recording of one rehearsal as it grows."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from bot.values.requests import ApiRequest, RecordedConnect, RecordedWrite, Recording, RefusedRequest

_MOST_SOURCES = 100
_HUNG_UP = "Its client hung up, or the command ended, before there was an answer: it was not applied."


class Recorder:
    """Collects what one rehearsal asked of the cluster, in order."""

    def __init__(self) -> None:
        self._writes: list[RecordedWrite] = []
        self._passed: list[RecordedConnect] = []
        self._refused: list[RefusedRequest] = []
        self._unanswered: dict[ApiRequest, RefusedRequest] = {}
        self._answering: list[RefusedRequest] = []
        self._sources: dict[str, None] = {}
        self._limited: dict[str, None] = {}
        self._followed: dict[str, None] = {}
        self.reads = 0

    @property
    def write_count(self) -> int:
        return len(self._writes)

    def add_write(self, write: RecordedWrite) -> int:
        """Records a write; its place in the recording."""
        self._writes.append(write)
        return len(self._writes) - 1

    def write_at(self, position: int) -> RecordedWrite:
        """The write at this place."""
        return self._writes[position]

    def add_passed(self, connect: RecordedConnect) -> None:
        """Records an exec that was let through."""
        self._passed.append(connect)

    def add_refused(self, refused: RefusedRequest) -> None:
        """Records a refusal; clients that try again with another method are recorded once."""
        if not self._refused or replace(self._refused[-1], method=refused.method) != refused:
            self._refused.append(refused)

    @contextmanager
    def answering(self, method: str, path: str) -> Iterator[None]:
        """Around the answer to what could change something. If its client does not wait for the answer, it counts as refused: an API
        server does what it was asked even so, and a command that left it unseen would pass for a read."""
        asked = RefusedRequest(method, path, _HUNG_UP)
        self._answering.append(asked)
        try:
            yield
        except (asyncio.CancelledError, ConnectionResetError):
            raise
        except BaseException:
            self._answering.remove(asked)
            raise
        self._answering.remove(asked)

    def add_source(self, source: str) -> None:
        """Notes what was read that anybody may have written; '' is nothing."""
        if source and len(self._sources) < _MOST_SOURCES:
            self._sources[source] = None

    def add_limited(self, log: str) -> None:
        """Notes whose log was cut to its last lines."""
        if len(self._limited) < _MOST_SOURCES:
            self._limited[log] = None

    def add_followed(self, what: str) -> None:
        """Notes what was followed until that was enough."""
        if len(self._followed) < _MOST_SOURCES:
            self._followed[what] = None

    def add_unanswered(self, request: ApiRequest, refused: RefusedRequest) -> None:
        """Records a write that the API server had no answer to (429, 5xx), until `settle` says that it has been answered."""
        self._unanswered[request] = refused

    def settle(self, request: ApiRequest) -> None:
        """Forgets that the API server had no answer to this write at first: its client tried again."""
        self._unanswered.pop(request, None)

    def recording(self, stopped: str) -> Recording:
        """Everything so far."""
        refused = (*self._refused, *self._unanswered.values(), *self._answering)
        read = (self.reads, tuple(self._sources), tuple(self._limited), tuple(self._followed))
        return Recording(tuple(self._writes), tuple(self._passed), refused, stopped, *read)
