"""Meeting a planned fault: what an HTTP request gets instead of its answer."""

from __future__ import annotations

import asyncio

from aiohttp import web

from bot.devslack.faults import Fault


async def meet_before(request: web.Request, fault: Fault) -> web.StreamResponse | None:
    """What the fault answers before the call takes effect; None if it lets it."""
    match fault.kind:
        case "ratelimited":
            body = {"ok": False, "error": "ratelimited"}
            return web.json_response(body, status=429, headers={"Retry-After": str(fault.retry_after)})
        case "status":
            return web.Response(status=fault.status, text="The local Slack was asked to fail here.")
        case "error":
            return web.json_response({"ok": False, "error": fault.error})
        case "timeout":
            await asyncio.sleep(fault.seconds)
            cut(request)
        case "close_before":
            cut(request)
        case _:
            return None
    return web.Response(status=500)


def cut(request: web.Request) -> None:
    """Cut the connection; whatever is returned after this reaches nobody."""
    if request.transport is not None:
        request.transport.abort()
