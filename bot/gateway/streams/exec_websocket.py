"""An exec over a websocket: the protocols v4 and v5.channel.k8s.io.

With v5 a client says where its input ends. With v4, which Python's `kubernetes.stream` speaks, it cannot: in a cluster the program sees
the end of its input when the client closes the connection. So a v4 client's input is what came before it closed the websocket in order.
Silence is not taken for an end: a program that approval runs on half of its input (a script, a file that is overwritten) does worse than
nothing. A v4 client that is silent for `Limits.stdin_quiet_seconds` is most likely waiting for output, and is told what to do instead.
"""

from __future__ import annotations

import asyncio

import orjson
from aiohttp import WSCloseCode, WSMsgType, web

from bot.gateway.rehearsal.call import Call
from bot.gateway.streams.exec_stream import GONE, Unread, too_large, too_slow
from bot.gateway.writing import instead
from bot.kube.exec import CLOSE, ENDING, PROTOCOL, STDERR, STDIN, STDOUT
from bot.values.requests import Json

_V4 = "v4.channel.k8s.io"
_CHUNK_BYTES = 32 * 1024
_MESSAGE_BYTES = 2 * 1024 * 1024
_CLOSE_SECONDS = 2.0
_IN_ORDER = frozenset({0, WSCloseCode.OK})
"""Codes of a client that was done; 0 stands for none. Others say that it failed or was stopped."""


def speaks(request: web.BaseRequest) -> bool:
    """Whether the client wants a websocket, and one of the protocols that are spoken here."""
    is_websocket = request.method == "GET" and request.headers.get("Upgrade", "").strip().lower() == "websocket"
    offered = (word.strip() for value in request.headers.getall("Sec-WebSocket-Protocol", []) for word in value.split(","))
    return is_websocket and any(word in (PROTOCOL, _V4) for word in offered)


class WebSocketStream:
    """Implements `ExecStream`."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._socket = web.WebSocketResponse(
            protocols=(PROTOCOL, _V4), max_msg_size=_MESSAGE_BYTES, timeout=_CLOSE_SECONDS, compress=False, autoclose=False
        )

    async def open(self) -> None:
        await self._socket.prepare(self._call.request)

    async def read_stdin(self) -> bytes | Unread:
        limits = self._call.session.limits
        stdin = bytearray()
        has_end = self._socket.ws_protocol == PROTOCOL
        try:
            async with asyncio.timeout(limits.stdin_seconds):
                while len(stdin) <= limits.stdin_bytes:
                    message = await self._socket.receive(timeout=None if has_end else limits.stdin_quiet_seconds)
                    if message.type is WSMsgType.CLOSE and not has_end and message.data in _IN_ORDER:
                        return bytes(stdin)
                    if message.type in (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR):
                        return GONE
                    sent = message.data.encode() if message.type is WSMsgType.TEXT else message.data  # some clients send text as text
                    if has_end and sent == bytes((CLOSE, STDIN)):
                        return bytes(stdin)
                    if not self._call.session.count_sent(len(sent)):
                        return Unread(self._call.session.stop_reason)
                    if sent and sent[0] == STDIN:
                        stdin += sent[1:]
        except TimeoutError:
            return too_slow(limits.stdin_seconds) if has_end else Unread(instead.ENDLESS_INPUT)
        return too_large(limits.stdin_bytes)

    async def end(self, ending: Json, stdout: bytes = b"", stderr: bytes = b"") -> web.StreamResponse:
        for channel, name, data in ((STDOUT, "stdout", stdout), (STDERR, "stderr", stderr)):
            if self._call.parameter(name) in ("1", "true"):
                for begin in range(0, len(data), _CHUNK_BYTES):
                    await self._send(channel, data[begin : begin + _CHUNK_BYTES])
        await self._send(ENDING, orjson.dumps(ending))
        await self._socket.close()
        return self._socket

    async def _send(self, channel: int, data: bytes) -> None:
        self._call.session.count_bytes(len(data))
        await self._socket.send_bytes(bytes((channel,)) + data)
