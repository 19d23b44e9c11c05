"""Reads that are passed on as they come, as fast as the client takes them: byte for byte, or element for element."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import aiohttp
from aiohttp import web

from bot.gateway.apiserver.upstream import decode
from bot.gateway.protocol import media
from bot.gateway.reading.listing import Merge
from bot.gateway.reading.splitting import ListReader
from bot.gateway.rehearsal.call import Call, add_warnings, answer, json_headers, passed_down
from bot.values.requests import ApiRequest

HAS_BEGUN = web.RequestKey("has_begun", bool)
_CHUNK = 256 * 1024


class Kept:
    """A streamed answer, for who looks at it afterwards; of one that is long, nothing."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._size = 0

    def add(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size <= _CHUNK:
            self._pieces.append(piece)

    @property
    def body(self) -> bytes | None:
        return b"".join(self._pieces) if self._size <= _CHUNK else None


KEPT = web.RequestKey("kept", Kept)
"""Set by who wants an answer kept."""


async def pass_through(
    call: Call,
    request: ApiRequest | None = None,
    *,
    warnings: tuple[str, ...] = (),
    seen: Callable[[bytes], None] = lambda _: None,
    most_seconds: float | None = None,
    on_end: Callable[[], None] = lambda: None,
) -> web.StreamResponse:
    """Streams the API server's answer to the call, or to `request` in its place; `seen` gets its body piece by piece. If it breaks off,
    so does ours: half an answer must not look whole. One that has no end within `most_seconds` is whole then, after a call of `on_end`."""
    is_long = call.info.verb == "watch" or is_following(call)
    seconds = call.session.limits.stream_seconds if is_long else call.session.limits.passing_seconds
    ends_at = None if most_seconds is None else asyncio.get_running_loop().time() + most_seconds
    try:
        async with asyncio.timeout_at(ends_at) as limit:
            upstream = await call.session.upstream.open(
                request or call.as_read(call.accept), call.session.reader, call.upstream_headers(), seconds
            )
    except TimeoutError:
        if not limit.expired():
            raise
        on_end()
        return web.Response(content_type="text/plain")  # a log that nothing is written to: not even its head came
    try:
        headers = passed_down(upstream.headers)
        add_warnings(headers, warnings)
        if is_failure(upstream) and call.request.method != "HEAD":
            return await pass_failure(call, upstream, warnings=warnings)
        if "Content-Length" in upstream.headers and int(upstream.headers["Content-Length"]) <= _CHUNK and call.request.method != "HEAD":
            body = await upstream.content.read()
            seen(body)
            call.session.count_bytes(len(body))
            return web.Response(status=upstream.status, headers=headers, body=body)  # one write instead of several
        if call.request.method == "HEAD" and call.session.redactor.needs_body(call.info):
            for name in ("ETag", "Last-Modified"):  # they tell of a body that is redacted, as its length does
                headers.popall(name, None)
        elif "Content-Length" in upstream.headers:
            headers["Content-Length"] = upstream.headers["Content-Length"]
        response = web.StreamResponse(status=upstream.status, headers=headers)
        await begin(call, response)
        try:
            async with asyncio.timeout_at(ends_at) as limit:
                async for chunk in upstream.content.iter_any():
                    seen(chunk)
                    _pass(call, chunk)
                    await response.write(chunk)
        except TimeoutError:
            if not limit.expired():
                raise
            on_end()
        await response.write_eof()
        return response
    except (aiohttp.ClientError, TimeoutError) as exc:
        break_off(call.request)
        raise ConnectionResetError("The upstream answer broke off.") from exc
    finally:
        let_go(upstream)


def _pass(call: Call, piece: bytes) -> None:
    """Takes note of a piece that goes to the client."""
    call.session.count_bytes(len(piece))
    if KEPT in call.request:
        call.request[KEPT].add(piece)


def is_following(call: Call) -> bool:
    """Whether it asks for what comes in a log from now on."""
    return call.info.subresource == "log" and call.parameter("follow") not in ("", "false", "0")


def is_failure(upstream: aiohttp.ClientResponse) -> bool:
    """Whether it is an error in JSON, small enough that the API server did not compress it."""
    is_json = media.essence(upstream.headers.get("Content-Type", "")) == media.JSON
    return upstream.status >= 400 and is_json and "Content-Encoding" not in upstream.headers


async def pass_failure(call: Call, upstream: aiohttp.ClientResponse, *, warnings: tuple[str, ...] = ()) -> web.StreamResponse:
    """The API server's error, whose message may quote what a webhook, a kubelet or an aggregated server said."""
    body = await upstream.content.read()
    item = decode(upstream.headers.get("Content-Type", ""), body)
    if item is None:
        call.session.count_bytes(len(body))
        return web.Response(status=upstream.status, headers=passed_down(upstream.headers), body=body)
    return answer(call, upstream.status, item, headers=passed_down(upstream.headers), warnings=warnings)


async def pass_list(
    call: Call, upstream: aiohttp.ClientResponse, merge: Merge | None = None, *, warnings: tuple[str, ...] = ()
) -> web.StreamResponse:
    """Streams a list with what Secrets hold replaced by markers, and with the rehearsal's writes in it, as fast as the client takes it.
    Releases `upstream`. Whatever is not as expected breaks the answer off (GatewayError): what was sent until then is redacted."""
    try:
        reading = ListReader(call.session.redactor, call.info, merge, is_pretty=call.wants_pretty, view=call.view)
        headers = json_headers(passed_down(upstream.headers), warnings)
        response: web.StreamResponse | None = None
        async for chunk in upstream.content.iter_any():
            piece = reading.feed(chunk)
            if not piece:
                continue
            if response is None:
                response = web.StreamResponse(headers=headers)
                await begin(call, response)
            _pass(call, piece)
            await response.write(piece)
        rest = reading.finish()
        _pass(call, rest)
        if response is None:
            return web.Response(headers=headers, body=rest)  # one write instead of several
        await response.write(rest)
        await response.write_eof()
        return response
    except (aiohttp.ClientError, TimeoutError) as exc:
        break_off(call.request)
        raise ConnectionResetError("The upstream answer broke off.") from exc
    finally:
        let_go(upstream)


async def begin(call: Call, response: web.StreamResponse) -> None:
    """Sends the head of a streamed answer. From here on a failure can only be told by breaking off."""
    await response.prepare(call.request)
    call.request[HAS_BEGUN] = True


def let_go(upstream: aiohttp.ClientResponse) -> None:
    """Gives a connection back if its answer was read to the end, and cuts it at once if it was not."""
    if upstream.content.at_eof():
        upstream.release()
        return
    if upstream.connection is not None and upstream.connection.transport is not None:
        upstream.connection.transport.abort()
    upstream.close()


def break_off(request: web.BaseRequest) -> None:
    """Closes the client's connection in the middle of an answer."""
    if request.transport is not None:
        request.transport.abort()
