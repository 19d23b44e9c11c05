"""Kubernetes API requests as values: what a client asked, what it means, what a rehearsal recorded."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

Json = Any
"""A decoded JSON value. Kubernetes objects have no narrower static type here."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom the API server shall see: the user, groups, uid and extra fields (key and value) of `Impersonate-*` headers."""

    user: str
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class RequestInfo:
    """What a request means, parsed as the API server parses it (`k8s.io/apiserver/pkg/endpoints/request`)."""

    verb: str
    """`get list watch create update patch delete deletecollection` for resources, the lower-case method otherwise."""
    is_resource: bool
    path: str
    """Normalised path: what is decided on is what is forwarded."""
    group: str = ""
    version: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""

    @property
    def qualified(self) -> str:
        """`deployments.apps/scale`, `pods`: the way RBAC and kubectl name it."""
        base = f"{self.resource}.{self.group}" if self.group else self.resource
        return f"{base}/{self.subresource}" if self.subresource else base


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """One request as it goes upstream: normalised path, decoded query pairs without `dryRun`, exact body bytes."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    content_type: str = ""
    body: bytes = b""
    accept: str = "application/json"


@dataclass(frozen=True, slots=True)
class ApiResponse:
    """An answer of the API server. `object` is the decoded JSON body, or None when it is not JSON."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    object: Json = None

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300

    @property
    def is_unanswered(self) -> bool:
        """Whether the server is too busy or broken to answer: the same request may come to something else in a moment."""
        return self.status == 429 or self.status >= 500

    @property
    def message(self) -> str:
        """The server's own sentence for a failure (`Status.message`), or the status code."""
        if isinstance(self.object, dict) and isinstance(self.object.get("message"), str):
            return str(self.object["message"])
        return f"HTTP {self.status}"


@dataclass(frozen=True, slots=True)
class RecordedWrite:
    """One mutating request that the gateway caught during a rehearsal."""

    request: ApiRequest
    """Exactly what is replayed (before preconditions are added). Never carries `dryRun`."""
    info: RequestInfo
    identity: Identity | None
    """Who it is replayed as; None is the bot's own credential (tests, one-machine use)."""
    before: Json
    """The object (for subresources: its parent) before this write, as this rehearsal saw it; None if it did not exist.
    Secrets' values are redaction markers."""
    after: Json
    """The object the API server's dry run answered (for deletes: None). Secrets' values are redaction markers."""
    has_preview: bool = True
    note: str = ""
    """Why there is no preview, or what a person must know, in one sentence."""
    depends_on: tuple[int, ...] = ()
    """Positions (in the recording) of earlier writes this one builds on: same object, its namespace, its CRD."""
    needs: tuple[int, ...] = ()
    """Positions of earlier writes of other objects without which the API server refuses this one: the quota that it exceeds is raised,
    the policy that denies it deleted. It has no preview."""

    @property
    def connect(self) -> RecordedConnect | None:
        """What runs where, if this is an exec. Its request is a POST that names all of it in the query; its body is the stdin."""
        if self.info.group or (self.info.resource, self.info.subresource) != ("pods", "exec"):
            return None
        container = next((value for name, value in self.request.query if name == "container"), "")
        argv = tuple(value for name, value in self.request.query if name == "command")
        return RecordedConnect(self.info, container, argv, self.request.body)


@dataclass(frozen=True, slots=True)
class RefusedRequest:
    """A request that came to nothing, and why."""

    method: str
    path: str
    reason: str
    """One sentence: the gateway's says what to do instead."""
    status: int = 0
    """HTTP status of a write that the API server itself rejected (validation, quota, RBAC, admission…) or had no answer to. 0 for what
    the gateway would not let through."""
    title: str = ""
    """The object of a write that was rejected: `Deployment shop/web`. Empty where only the path tells."""

    @property
    def sentence(self) -> str:
        """What came of the request, for people."""
        who = "The API server rejected" if self.status else "Refused"
        return f"{who} {self.method} {self.path}: {self.reason}"

    @property
    def found_nothing(self) -> bool:
        """Whether it would have taken away what is not there, in the API server's own words: a webhook's begin with its name."""
        parts = self.path.rstrip("/").split("/")
        name = parts[-2] if parts[-1] == "eviction" else parts[-1]
        takes_away = self.method == "DELETE" or (self.method == "POST" and parts[-1] == "eviction")
        return takes_away and self.status == 404 and re.fullmatch(rf'[a-z0-9.-]+ "{re.escape(name)}" not found', self.reason) is not None


@dataclass(frozen=True, slots=True)
class RecordedConnect:
    """A program to be run in a container: a stream, which cannot be dry-run."""

    info: RequestInfo
    container: str
    argv: tuple[str, ...]
    stdin: bytes = b""


@dataclass(frozen=True, slots=True)
class Recording:
    """All that one rehearsal asked of the cluster."""

    writes: tuple[RecordedWrite, ...] = ()
    """In order, execs among them."""
    passed: tuple[RecordedConnect, ...] = ()
    """Execs that the settings let through: they were run."""
    refused: tuple[RefusedRequest, ...] = ()
    stopped: str = ""
    """Why the gateway ended the rehearsal before the command did; empty if it did not."""
    reads: int = 0
    """How many requests passed as reads."""
    sources: tuple[str, ...] = ()
    """What was read that anybody may have written: `logs of pod shop/web-1`, `events of shop`."""
    limited: tuple[str, ...] = ()
    """Whose logs were cut to their last lines: `pod shop/web-1 (app)`."""
    followed: tuple[str, ...] = ()
    """What was shown for a moment only, although it has no end: `` `kubectl logs --follow` of pod shop/web-1 ``."""

    @property
    def connects(self) -> tuple[RecordedConnect, ...]:
        """The execs among the writes."""
        return tuple(write.connect for write in self.writes if write.connect is not None)

    def as_taken_by(self, exit_code: int) -> Recording:
        """The recording of a command that ended with this exit code. One that succeeded although what it deletes is not there meant that
        (`--ignore-not-found`, `|| true`): nothing was refused. What kubectl ignores does not show in its request."""
        if exit_code != 0:
            return self
        return replace(self, refused=tuple(refused for refused in self.refused if not refused.found_nothing))
