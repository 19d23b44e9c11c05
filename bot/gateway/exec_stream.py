"""The server's side of an exec: what kubectl takes for the container's streams. Protocols v4 and v5.channel.k8s.io over a websocket."""

from __future__ import annotations

import asyncio

import orjson
from aiohttp import WSMsgType, web

from bot.gateway.call import Call
from bot.kube.exec import CLOSE, ENDING, PROTOCOL, STDERR, STDIN, STDOUT
from bot.values.requests import Json

_V4 = "v4.channel.k8s.io"
_CHUNK_BYTES = 32 * 1024
_MESSAGE_BYTES = 2 * 1024 * 1024
_CLOSE_SECONDS = 2.0


class Unread(str):
    """Why the input could not be taken, in one sentence."""

    __slots__ = ()


def protocol_of(request: web.BaseRequest) -> str:
    """The protocol to speak with a websocket client: the first of ours that it offers, '' if there is none."""
    offered = (word.strip() for value in request.headers.getall("Sec-WebSocket-Protocol", []) for word in value.split(","))
    return next((word for word in offered if word in (PROTOCOL, _V4)), "")


def is_websocket(request: web.BaseRequest) -> bool:
    return request.method == "GET" and request.headers.get("Upgrade", "").strip().lower() == "websocket"


def ends_stdin(protocol: str) -> bool:
    """Whether a client can say that its input is over."""
    return protocol == PROTOCOL


class ExecStream:
    """One client that believes it talks to a container."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._socket = web.WebSocketResponse(protocols=(PROTOCOL, _V4), max_msg_size=_MESSAGE_BYTES, timeout=_CLOSE_SECONDS, compress=False)

    async def open(self) -> None:
        """Accepts the upgrade."""
        await self._socket.prepare(self._call.request)

    async def read_stdin(self, most_bytes: int, seconds: float) -> bytes | Unread:
        """All that the client sends until it closes its input."""
        stdin = bytearray()
        try:
            async with asyncio.timeout(seconds):
                async for message in self._socket:
                    if message.type is not WSMsgType.BINARY or not message.data:
                        continue
                    channel, data = message.data[0], message.data[1:]
                    if channel == CLOSE and data == bytes((STDIN,)):
                        return bytes(stdin)
                    if channel == STDIN:
                        stdin += data
                    if len(stdin) > most_bytes:
                        return Unread(f"The input is larger than {most_bytes // 1024} KiB, which is the most: send it in parts.")
        except TimeoutError:
            return Unread(f"The input did not end within {seconds:g} s: let the command read something that ends.")
        return Unread("The client went away before its input ended.")

    async def end(self, ending: Json, stdout: bytes = b"", stderr: bytes = b"") -> web.StreamResponse:
        """Sends output to the streams that the client asked for, then how it ended (a Status), and closes."""
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


def exited(code: int) -> Json:
    """The Status that ends an exec whose program came to its end."""
    if code == 0:
        return {"metadata": {}, "status": "Success"}
    causes = [{"reason": "ExitCode", "message": str(code)}]
    message = f"command terminated with non-zero exit code: exit status {code}"
    return {"metadata": {}, "status": "Failure", "message": message, "reason": "NonZeroExitCode", "details": {"causes": causes}}
