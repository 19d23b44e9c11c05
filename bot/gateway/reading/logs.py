"""Logs for a model, which waits for the end of each and reads all of it: a request that says nothing about how much it wants gets the last
lines, and one that follows is ended after a moment. The recording says so.
"""

from __future__ import annotations

from dataclasses import replace

from aiohttp import web

from bot.gateway.reading.streaming import is_following, pass_through
from bot.gateway.rehearsal.call import Call
from bot.values.requests import ApiRequest

_LIMITS = frozenset({"tailLines", "limitBytes", "sinceSeconds", "sinceTime", "stream"})
"""Query parameters of PodLogOptions with which a client has chosen. The API server takes no `tailLines` for one `stream` of two."""


def is_for_model(call: Call) -> bool:
    """Whether it asks for a log in a rehearsal that has a limit for logs."""
    is_log = (call.info.group, call.info.resource, call.info.subresource) == ("", "pods", "log")
    return bool(call.session.log_lines) and is_log


async def pass_log(call: Call) -> web.StreamResponse:
    """Streams the log as it was asked for, or its last lines; of a followed one, these and what comes in a moment. Notes that it was
    limited if there were as many lines as that, so that there may be more, and that it was followed if it had no end by then."""
    session, most, ends = call.session, call.session.log_lines, 0
    request: ApiRequest | None = None
    if not _LIMITS & {name for name, _ in call.parsed.query}:
        whole = call.as_read(call.accept)
        request = replace(whole, query=(*whole.query, ("tailLines", str(most))))

    def count(chunk: bytes) -> None:
        nonlocal ends
        begun = ends
        ends += chunk.count(b"\n")
        if request is not None and begun < most <= ends:
            session.recorder.add_limited(_name(call))

    seconds = session.limits.model_follow_seconds if is_following(call) else None
    return await pass_through(
        call,
        request,
        seen=count,
        most_seconds=seconds,
        on_end=lambda: session.recorder.add_followed(f"`kubectl logs --follow` of {_name(call)}"),
    )


def _name(call: Call) -> str:
    container = call.parameter("container")
    return f"pod {call.info.namespace}/{call.info.name}{f' ({container})' if container else ''}"
