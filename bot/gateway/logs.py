"""Logs for a model: a request that says nothing about how much it wants gets the last lines, and the recording says so."""

from __future__ import annotations

from dataclasses import replace

from aiohttp import web

from bot.gateway.call import Call
from bot.gateway.streaming import pass_through

_LIMITS = frozenset({"tailLines", "limitBytes", "sinceSeconds", "sinceTime", "stream"})
"""Query parameters of PodLogOptions with which a client has chosen. The API server takes no `tailLines` for one `stream` of two."""


def lacks_limit(call: Call) -> bool:
    """Whether it asks for a whole log in a rehearsal that has a limit for that."""
    is_log = (call.info.group, call.info.resource, call.info.subresource) == ("", "pods", "log")
    return bool(call.session.log_lines) and is_log and not _LIMITS & {name for name, _ in call.parsed.query}


async def pass_log(call: Call) -> web.StreamResponse:
    """Streams the last lines of the log; of a followed one, these and what comes after. Notes that it was limited if there were as many
    lines as that, so that there may be more."""
    most, ends = call.session.log_lines, 0

    def count(chunk: bytes) -> None:
        nonlocal ends
        begun = ends
        ends += chunk.count(b"\n")
        if begun < most <= ends:
            container = call.parameter("container")
            call.session.recorder.add_limited(f"pod {call.info.namespace}/{call.info.name}{f' ({container})' if container else ''}")

    whole = call.as_read(call.accept)
    return await pass_through(call, replace(whole, query=(*whole.query, ("tailLines", str(most)))), seen=count)
