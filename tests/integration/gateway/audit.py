"""What the API server's audit log says about the requests of a test.

Lines are written when a request has ended, which its client may see earlier: at both ends of what is looked at stands a request of our
own, and a line counts by the time its request came in, not by its place in the file.
"""

from __future__ import annotations

import json
import secrets
import ssl
import time
import urllib.request
from dataclasses import dataclass
from typing import Any

from tests.cluster.apiserver import ApiServer

_WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})
_REMOVALS = frozenset({"delete", "deletecollection"})
_PATIENCE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment in the audit log: no request that came later stands before `offset`."""

    offset: int
    received: str
    """When the API server got the request that marks the moment, as it writes times: they sort as text."""


def mark(server: ApiServer) -> Mark:
    """Marks the present moment. Every request that was answered before is in the log by then."""
    offset = server.audit_log.stat().st_size
    path = f"/version?mark={secrets.token_hex(8)}"
    tls = ssl.create_default_context(cafile=str(server.authority))
    with urllib.request.urlopen(f"{server.server}{path}", context=tls, timeout=_PATIENCE_SECONDS) as answer:
        answer.read()
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        for entry in _entries(server, offset):
            if entry["requestURI"] == path:
                return Mark(offset, entry["requestReceivedTimestamp"])
        time.sleep(0.005)
    raise AssertionError(f"the audit log does not show {path}")


def since(server: ApiServer, begin: Mark) -> list[dict[str, Any]]:
    """The entries of all requests that came in after the mark and were answered before this call."""
    mark(server)
    return [entry for entry in _entries(server, begin.offset) if entry["requestReceivedTimestamp"] > begin.received]


def persisted(server: ApiServer, begin: Mark) -> list[dict[str, Any]]:
    """The writes of ours since the mark that were not dry runs, whatever became of them."""
    return [entry for entry in since(server, begin) if _persists(entry)]


def _entries(server: ApiServer, offset: int) -> list[dict[str, Any]]:
    with server.audit_log.open("rb") as log:
        log.seek(max(offset - 1, 0))
        lines = log.read().split(b"\n")
    whole = lines[1 if offset else 0 : -1]  # the first may be the end of an earlier line, the last is still being written
    return [json.loads(line) for line in whole]


def _persists(entry: dict[str, Any]) -> bool:
    if entry["verb"] not in _WRITES or entry["user"]["username"].startswith("system:"):
        return False
    return "dryRun=All" not in entry["requestURI"] or _body_persists(entry)


def _body_persists(entry: dict[str, Any]) -> bool:
    """Whether it is a removal whose DeleteOptions, which count more than the query, do not say that it is a dry run."""
    options: dict[str, Any] = entry.get("requestObject") or {}
    return entry["verb"] in _REMOVALS and bool(options) and options.get("dryRun") != ["All"]
