"""The client's side of SPDY/3.1, as far as tests need it: written from the specification, not with the code of the server."""

from __future__ import annotations

import asyncio
import struct
import zlib

from bot.gateway.streams.spdy_headers import DICTIONARY

WINDOW = 64 * 1024


class Frames:
    """Writes frames of one connection."""

    def __init__(self) -> None:
        self._zlib = zlib.compressobj(zdict=DICTIONARY)

    def syn_stream(self, stream: int, headers: dict[str, str], flags: int = 0) -> bytes:
        return control(1, struct.pack(">IIBB", stream, 0, 0, 0) + self.block(headers), flags)

    def headers(self, stream: int, headers: dict[str, str]) -> bytes:
        return control(8, struct.pack(">I", stream) + self.block(headers))

    def block(self, headers: dict[str, str]) -> bytes:
        texts = [text.encode() for pair in headers.items() for text in pair]
        plain = struct.pack(">I", len(headers)) + b"".join(struct.pack(">I", len(text)) + text for text in texts)
        return self.compress(plain)

    def compress(self, plain: bytes) -> bytes:
        return self._zlib.compress(plain) + self._zlib.flush(zlib.Z_SYNC_FLUSH)


def control(kind: int, payload: bytes, flags: int = 0, version: int = 3) -> bytes:
    return struct.pack(">HHI", 0x8000 | version, kind, flags << 24 | len(payload)) + payload


def data(stream: int, content: bytes, *, fin: bool = False) -> bytes:
    return struct.pack(">II", stream, (1 << 24 if fin else 0) | len(content)) + content


class Client:
    """A client that reads what it is sent when it waits for something."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._frames = Frames()
        self._inflate = zlib.decompressobj(zdict=DICTIONARY)
        self._next = 1
        self._received: dict[int, bytes] = {}
        self._ended: set[int] = set()
        self._replied: set[int] = set()
        self._windows: dict[int, int] = {0: WINDOW}
        self.pongs: list[int] = []

    async def open(self, name: str) -> int:
        stream, self._next = self._next, self._next + 2
        self._windows[stream] = WINDOW
        await self.write(self._frames.syn_stream(stream, {"streamtype": name}))
        while stream not in self._replied:
            await self._read_frame()
        return stream

    async def send(self, stream: int, content: bytes, *, fin: bool = False) -> None:
        await self.write(data(stream, content, fin=fin))

    async def send_within_window(self, stream: int, content: bytes) -> None:
        """Sends all of it and the end of the stream, and never more than the server has granted."""
        while content:
            while not (room := min(self._windows[0], self._windows[stream])):
                await self._read_frame()
            await self.send(stream, content[:room])
            for one in (0, stream):
                self._windows[one] -= len(content[:room])
            content = content[room:]
        await self.send(stream, b"", fin=True)

    async def ping(self, number: int) -> None:
        await self.write(control(6, struct.pack(">I", number)))

    async def leave(self) -> None:
        await self.write(control(7, struct.pack(">II", 0, 0)))

    async def read_all(self, stream: int) -> bytes:
        while stream not in self._ended:
            await self._read_frame()
        return self._received.get(stream, b"")

    async def read_to_end(self) -> bytes:
        return await self._reader.read()

    async def write(self, content: bytes) -> None:
        self._writer.write(content)
        await self._writer.drain()

    async def _read_frame(self) -> None:
        word, second = struct.unpack(">II", await self._reader.readexactly(8))
        payload = await self._reader.readexactly(second & 0xFFFFFF)
        if not word >> 31:
            self._received[word] = self._received.get(word, b"") + payload
            if second >> 24:
                self._ended.add(word)
            return
        kind, number = word & 0xFFFF, struct.unpack_from(">I", payload)[0]
        if kind == 2:
            assert self._inflate.decompress(payload[4:]) == struct.pack(">I", 0)
            self._replied.add(number)
        elif kind == 6:
            self.pongs.append(number)
        else:
            assert kind == 9
            self._windows[number] += struct.unpack_from(">I", payload, 4)[0]
