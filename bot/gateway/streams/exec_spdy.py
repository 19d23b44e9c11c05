"""An exec over SPDY/3.1: the protocol v4.channel.k8s.io, one stream for each of the container's and one for how it ended.

Older clients speak it, and newer ones where a proxy stands in the way of websockets. The connection is taken over as aiohttp's own
websockets do it: what arrives goes to a parser of ours instead of the one for HTTP.
"""

from __future__ import annotations

import asyncio

import orjson
from aiohttp import web

from bot.gateway.rehearsal.call import Call
from bot.gateway.streams import spdy
from bot.gateway.streams.exec_stream import GONE, Unread, too_large, too_slow
from bot.values.requests import Json

_UPGRADE = "SPDY/3.1"
_PROTOCOL = "v4.channel.k8s.io"
_PROTOCOL_HEADER = "X-Stream-Protocol-Version"
_READ_BYTES = 64 * 1024
_OPEN_SECONDS = 10.0
_CLOSE_SECONDS = 2.0
_STREAMS = ("stdin", "stdout", "stderr")
_BROKEN = Unread("The client does not keep to SPDY/3.1: use kubectl 1.30 or newer, which speaks websockets.")


def speaks(request: web.BaseRequest) -> bool:
    """Whether the client wants SPDY, and the protocol that is spoken here over it. Before it is answered it must send nothing more."""
    offered = (word.strip() for value in request.headers.getall(_PROTOCOL_HEADER, []) for word in value.split(","))
    return request.headers.get("Upgrade", "").strip().lower() == _UPGRADE.lower() and _PROTOCOL in offered and not request.body_exists


class SpdyStream:
    """Implements `ExecStream`."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._peer = spdy.Peer()
        self._arriving = asyncio.StreamReader(_READ_BYTES)
        headers = {"Connection": "Upgrade", "Upgrade": _UPGRADE, _PROTOCOL_HEADER: _PROTOCOL}
        self._response = web.StreamResponse(status=101, headers=headers)
        self._wanted = {"error", *(name for name in _STREAMS if call.parameter(name) in ("1", "true"))}
        self._streams: dict[str, int] = {}
        """What the client opened, by what it is for."""
        self._stdin = bytearray()
        self._input_ended = False
        self._lost: Unread | None = None
        """Why nothing more is read, once that is so."""

    async def open(self) -> None:
        request = self._call.request
        if request.transport is None:
            raise ConnectionResetError("The client is gone.")
        self._arriving.set_transport(request.transport)
        request.protocol.set_parser(_Parser(self._arriving))  # type: ignore[arg-type]
        request.protocol.keep_alive(False)
        self._response.force_close()
        await self._response.prepare(request)

    async def read_stdin(self) -> bytes | Unread:
        limits = self._call.session.limits
        try:
            async with asyncio.timeout(limits.stdin_seconds):
                while not self._input_ended and len(self._stdin) <= limits.stdin_bytes:
                    if not await self._advance():
                        return self._lost or GONE
        except TimeoutError:
            return too_slow(limits.stdin_seconds)
        stdin = bytes(self._stdin)
        return stdin if len(stdin) <= limits.stdin_bytes else too_large(limits.stdin_bytes)

    async def end(self, ending: Json, stdout: bytes = b"", stderr: bytes = b"") -> web.StreamResponse:
        try:
            async with asyncio.timeout(_OPEN_SECONDS):
                while self._wanted - self._streams.keys():
                    if not await self._advance():
                        return self._response
        except TimeoutError:
            return self._response
        await self._send({"stdin": b"", "stdout": stdout, "stderr": stderr, "error": orjson.dumps(ending)})
        await self._wait_for_close()
        return self._response

    async def _send(self, said: dict[str, bytes]) -> None:
        for name, data in said.items():
            if name in self._streams:
                self._call.session.count_bytes(len(data))
                self._peer.send(self._streams[name], data, is_last=True)
        await self._response.write(self._peer.take())

    async def _wait_for_close(self) -> None:
        """A client closes once it has read how it ended. Until then its input is taken, or it would complain that nobody reads it."""
        try:
            async with asyncio.timeout(_CLOSE_SECONDS):
                while await self._advance():
                    self._stdin.clear()
        except TimeoutError:
            pass

    async def _advance(self) -> bool:
        """Takes and answers what the client sends next; False once it left, or is not understood."""
        if self._lost is not None:
            return False
        data = await self._arriving.read(_READ_BYTES)
        if not self._call.session.count_sent(len(data)):
            self._lost = Unread(self._call.session.stop_reason)
            return False
        try:
            events = self._peer.feed(data)
        except spdy.SpdyError:
            self._lost = _BROKEN
            return False
        if not data or not all(self._note(event) for event in events):
            self._lost = GONE
            return False
        await self._response.write(self._peer.take())
        return True

    def _note(self, event: spdy.Event) -> bool:
        """Keeps what an event says; False if it makes no sense in an exec."""
        match event:
            case spdy.Opened(stream, headers):
                name = headers.get("streamtype", "")
                if name not in self._wanted or name in self._streams:
                    return False
                self._streams[name] = stream
            case spdy.Arrived(stream, data) if stream == self._streams.get("stdin"):
                self._stdin += data
            case spdy.Finished(stream) if stream == self._streams.get("stdin"):
                self._input_ended = True
            case spdy.Finished():
                pass  # the client writes nothing on the other streams
            case _:
                return False
        return True


class _Parser:
    """What aiohttp hands the bytes of a connection to."""

    def __init__(self, arriving: asyncio.StreamReader) -> None:
        self._arriving = arriving

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        """Takes bytes; that none are left over, and whether the connection is to end."""
        self._arriving.feed_data(data)
        return False, b""

    def feed_eof(self) -> None:
        """The client is gone."""
        self._arriving.feed_eof()
