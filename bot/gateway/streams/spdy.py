"""The part of SPDY/3.1 that an exec needs, as the server: what a client's bytes say, and what is to be sent to it. Pure.

Source: draft-mbelshe-httpbis-spdy-00 (SPDY 3); 3.1 adds the window of the connection, which is stream 0. A frame has eight bytes before
its payload: a bit that marks control frames, 15 bits of version and 16 of type (or 31 of a stream), 8 bits of flags, 24 of length.

The windows that the client grants are not kept to: the Kubernetes servers' own implementation (moby/spdystream) knows none, so its
clients grant none. What is not understood ends the connection; memory is bounded whatever arrives.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum

from bot.gateway.streams.spdy_headers import Deflater, HeaderError, Inflater

_VERSION = 3
_CONTROL, _FIN = 1 << 31, 1
_FRAME = struct.Struct(">II")
_MOST_CONTROL_BYTES = 8192
_MOST_STREAMS = 8
"""An exec has at most five: error, stdin, stdout, stderr, resize."""
_CHUNK_BYTES = 32 * 1024


class _Kind(IntEnum):
    """Types of control frames."""

    SYN_STREAM = 1
    SYN_REPLY = 2
    RST_STREAM = 3
    SETTINGS = 4
    PING = 6
    GOAWAY = 7
    HEADERS = 8
    WINDOW_UPDATE = 9


_LENGTHS: dict[int, int] = {_Kind.RST_STREAM: 8, _Kind.PING: 4, _Kind.GOAWAY: 8, _Kind.WINDOW_UPDATE: 8}


class SpdyError(ValueError):
    """The bytes are not what SPDY/3.1 allows a client of an exec."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The client opened a stream. It counts as accepted."""

    stream: int
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class Arrived:
    """Bytes of a stream; a frame comes in as many pieces as it arrives in."""

    stream: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Finished:
    """The client will send nothing more on this stream."""

    stream: int


@dataclass(frozen=True, slots=True)
class Reset:
    """The client gave the stream up."""

    stream: int


@dataclass(frozen=True, slots=True)
class Left:
    """The client opens no more streams: it is about to close the connection."""


Event = Opened | Arrived | Finished | Reset | Left


class Peer:
    """One connection to a client."""

    def __init__(self) -> None:
        self._inflater, self._deflater = Inflater(), Deflater()
        self._unread = bytearray()
        self._data: tuple[int, int, bool] | None = None
        """The data frame that is arriving: its stream, how many of its bytes are missing, whether it is the stream's last."""
        self._open: dict[int, bool] = {}
        """The streams, and whether more may come on them."""
        self._outgoing = bytearray()
        self._is_broken = False

    def feed(self, data: bytes) -> list[Event]:
        """What the next bytes say. Raises SpdyError, at every further call too: nothing after the first error means anything."""
        if self._is_broken:
            raise SpdyError("the connection is broken")
        events: list[Event] = []
        self._unread += data
        try:
            while self._read(events):
                pass
        except (SpdyError, HeaderError, struct.error) as exc:
            self._is_broken = True
            self._unread.clear()
            raise SpdyError(str(exc)) from exc
        return events

    def take(self) -> bytes:
        """What is to be sent now."""
        taken = bytes(self._outgoing)
        self._outgoing.clear()
        return taken

    def send(self, stream: int, data: bytes, *, is_last: bool) -> None:
        """Sends bytes on a stream that the client opened; with `is_last` none follow."""
        for begin in range(0, len(data), _CHUNK_BYTES):
            chunk = data[begin : begin + _CHUNK_BYTES]
            self._outgoing += _FRAME.pack(stream, len(chunk)) + chunk
        if is_last:
            self._outgoing += _FRAME.pack(stream, _FIN << 24)

    def _read(self, events: list[Event]) -> bool:
        """Reads a frame, or the part of a data frame that is there; False if more has to come first."""
        if self._data is not None:
            return self._read_data(*self._data, events)
        if len(self._unread) < _FRAME.size:
            return False
        word, second = _FRAME.unpack_from(self._unread)
        flags, length = second >> 24, second & 0xFFFFFF
        if not word & _CONTROL:
            if not self._open.get(word) or flags & ~_FIN:
                raise SpdyError("there is data for a stream that is not open, or with unknown flags")
            del self._unread[: _FRAME.size]
            self._data = (word, length, bool(flags))
            self._grant(0, length)
            self._grant(word, length)
            return True
        if (word >> 16) & 0x7FFF != _VERSION or length > _MOST_CONTROL_BYTES:
            raise SpdyError("this is not a control frame of SPDY/3.1, or it is too long")
        if len(self._unread) < _FRAME.size + length:
            return False
        payload = bytes(self._unread[_FRAME.size : _FRAME.size + length])
        del self._unread[: _FRAME.size + length]
        self._obey(word & 0xFFFF, flags, payload, events)
        return True

    def _read_data(self, stream: int, missing: int, is_last: bool, events: list[Event]) -> bool:
        piece = bytes(self._unread[:missing])
        if missing and not piece:
            return False
        del self._unread[: len(piece)]
        if piece:
            events.append(Arrived(stream, piece))
        if len(piece) < missing:
            self._data = (stream, missing - len(piece), is_last)
            return True
        self._data = None
        if is_last:
            self._open[stream] = False
            events.append(Finished(stream))
        return True

    def _obey(self, kind: int, flags: int, payload: bytes, events: list[Event]) -> None:
        if len(payload) != _LENGTHS.get(kind, len(payload)) or (flags and kind not in (_Kind.SYN_STREAM, _Kind.SETTINGS)):
            raise SpdyError("a control frame has a wrong length or unknown flags")
        match kind:
            case _Kind.SYN_STREAM:
                self._accept(flags, payload, events)
            case _Kind.RST_STREAM:
                stream, reason = struct.unpack(">II", payload)
                if stream not in self._open or not reason:
                    raise SpdyError("a stream is reset that never was, or for no reason")
                self._open[stream] = False
                events.append(Reset(stream))
            case _Kind.PING:
                if payload[-1] % 2:  # even ones answer ours, and we send none
                    self._control(_Kind.PING, payload)
            case _Kind.GOAWAY:
                events.append(Left())
            case _Kind.HEADERS:
                self._inflater.read(payload[4:])  # says nothing here, but those that follow build on it
            case _Kind.SETTINGS | _Kind.WINDOW_UPDATE:
                pass
            case _:
                raise SpdyError(f"a client of an exec sends no control frame of type {kind}")

    def _accept(self, flags: int, payload: bytes, events: list[Event]) -> None:
        stream, _ = struct.unpack_from(">II", payload)
        headers = self._inflater.read(payload[10:])
        if stream % 2 == 0 or stream <= max(self._open, default=0) or len(self._open) >= _MOST_STREAMS or flags & ~_FIN:
            raise SpdyError("a stream is opened out of turn, in one direction only, or there are too many")
        self._open[stream] = not flags
        self._control(_Kind.SYN_REPLY, struct.pack(">I", stream) + self._deflater.write({}))
        events.append(Opened(stream, headers))
        if flags:
            events.append(Finished(stream))

    def _grant(self, stream: int, length: int) -> None:
        """Lets the client send as much again. For the whole frame at once, as it may not be larger than the window."""
        if length:
            self._control(_Kind.WINDOW_UPDATE, struct.pack(">II", stream, length))

    def _control(self, kind: int, payload: bytes) -> None:
        self._outgoing += _FRAME.pack(_CONTROL | _VERSION << 16 | kind, len(payload)) + payload
