"""One exec into a container over the websocket protocol `v5.channel.k8s.io`, from the client's side.

A message's first byte is its channel: 0 stdin, 1 stdout, 2 stderr, 3 the end as a Status in JSON; 255 followed by a channel's
number closes that channel. The arguments are part of the URL and end up in audit logs, so what is secret goes through stdin.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp
from yarl import URL

from bot.kube.output import Output

PROTOCOL = "v5.channel.k8s.io"
STDIN, STDOUT, STDERR, ENDING, CLOSE = 0, 1, 2, 3, 255
"""The channels, and the mark of a message that closes one."""

_CHUNK_BYTES = 64 * 1024
_MESSAGE_BYTES = 16 * 1024 * 1024
_HEARTBEAT_SECONDS = 15.0  # a peer that vanished without a word is noticed after one and a half of them


@dataclass(frozen=True, slots=True)
class Exited:
    """The program ended by itself or by a signal (128 + number)."""

    code: int


@dataclass(frozen=True, slots=True)
class Flooded:
    """The program wrote more than anybody would read; its stream was closed."""


@dataclass(frozen=True, slots=True)
class Broken:
    """No exit code came: the connection, the kubelet or the container ended first. Whether the program ended is not known."""

    why: str
    was_sent: bool = True
    """False if the request did not even leave: there was no connection."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """The API server answered something else than a stream of this protocol: its HTTP status."""

    status: int


Ending = Exited | Flooded | Broken


async def execute(
    session: aiohttp.ClientSession,
    url: URL,
    headers: Mapping[str, str],
    stdin: bytes,
    *,
    close_stdin: bool,
    stdout: Output,
    stderr: Output,
    most_bytes: int,
    server_hostname: str | None = None,
) -> Ending | Rejected:
    """Runs what the URL of an `exec` says, feeds it `stdin`, collects its output, and says how it ended.

    With `close_stdin` the program sees the end of its stdin after that; without, only when this call ends, in whatever way.
    """
    try:
        async with session.ws_connect(
            url,
            headers=headers,
            protocols=(PROTOCOL,),
            heartbeat=_HEARTBEAT_SECONDS,
            max_msg_size=_MESSAGE_BYTES,
            timeout=aiohttp.ClientWSTimeout(ws_close=0.5),
            server_hostname=server_hostname,
        ) as socket:
            if socket.protocol != PROTOCOL:
                return Rejected(101)
            await _send(socket, stdin, close_stdin)
            return await _receive(socket, {STDOUT: stdout, STDERR: stderr}, most_bytes)
    except aiohttp.WSServerHandshakeError as exc:
        return Rejected(exc.status)
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as exc:
        return Broken(str(exc) or type(exc).__name__, was_sent=False)
    except (aiohttp.ClientError, TimeoutError, OSError) as exc:
        return Broken(str(exc) or type(exc).__name__)


async def _send(socket: aiohttp.ClientWebSocketResponse, stdin: bytes, close: bool) -> None:
    for begin in range(0, len(stdin), _CHUNK_BYTES - 1):
        await socket.send_bytes(bytes((STDIN,)) + stdin[begin : begin + _CHUNK_BYTES - 1])
    if close:
        await socket.send_bytes(bytes((CLOSE, STDIN)))


async def _receive(socket: aiohttp.ClientWebSocketResponse, outputs: dict[int, Output], most_bytes: int) -> Ending:
    async for message in socket:
        if message.type is not aiohttp.WSMsgType.BINARY or not message.data:
            continue
        channel = message.data[0]
        if channel == ENDING:
            return read_ending(message.data[1:])
        if channel in outputs:
            outputs[channel].add(message.data[1:])
            if sum(output.total for output in outputs.values()) > most_bytes:
                return Flooded()
    return Broken(f"the stream ended without a result (code {socket.close_code})")


def read_ending(data: bytes) -> Exited | Broken:
    """The Status that ends an exec."""
    try:
        status = json.loads(data)
        if status.get("status") == "Success":
            return Exited(0)
        causes = (status.get("details") or {}).get("causes") or ()
        codes = [cause["message"] for cause in causes if cause.get("reason") == "ExitCode"]
        if status.get("reason") == "NonZeroExitCode" and codes:
            return Exited(int(codes[0]))
        return Broken(str(status.get("message") or status.get("reason") or "no reason was given"))
    except (ValueError, AttributeError, KeyError, TypeError):
        return Broken("the result of the exec is not understood")
