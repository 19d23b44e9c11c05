"""Header blocks of SPDY/3.1: names and values, compressed with zlib and the dictionary of draft-mbelshe-httpbis-spdy-00, 2.6.10.1. Pure."""

from __future__ import annotations

import struct
import zlib

_MOST_BYTES = 4096
"""Of a block once it is decompressed: an exec names its streams, which takes less than a hundred."""

_WORDS = (
    "options head post put delete trace accept accept-charset accept-encoding accept-language accept-ranges age allow authorization "
    "cache-control connection content-base content-encoding content-language content-length content-location content-md5 content-range "
    "content-type date etag expect expires from host if-match if-modified-since if-none-match if-range if-unmodified-since "
    "last-modified location max-forwards pragma proxy-authenticate proxy-authorization range referer retry-after server te trailer "
    "transfer-encoding upgrade user-agent vary via warning www-authenticate method get status 200_OK version HTTP/1.1 url public "
    "set-cookie keep-alive origin"
)
_REST = (
    "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505203 Non-Authoritative Information"
    "204 No Content301 Moved Permanently400 Bad Request401 Unauthorized403 Forbidden404 Not Found500 Internal Server Error"
    "501 Not Implemented503 Service UnavailableJan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, "
    "Sun, GMTchunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,text/javascript,public"
    "privatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0."
)


def _counted(text: bytes) -> bytes:
    return struct.pack(">I", len(text)) + text


DICTIONARY = b"".join(_counted(word.replace("_", " ").encode()) for word in _WORDS.split()) + _REST.encode()
"""What both sides take for the text before the first block."""


class HeaderError(ValueError):
    """The bytes are no header block."""


class Inflater:
    """Reads the blocks of one side of a connection, in their order: each is compressed with those before it in mind."""

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(zdict=DICTIONARY)

    def read(self, block: bytes) -> dict[str, str]:
        """Raises HeaderError, after which nothing more can be read."""
        try:
            data = self._zlib.decompress(block, _MOST_BYTES + 1)
        except zlib.error as exc:
            raise HeaderError("the headers cannot be decompressed") from exc
        if len(data) > _MOST_BYTES or self._zlib.unconsumed_tail or self._zlib.unused_data or self._zlib.eof:
            raise HeaderError("the headers are too long, or followed by something else")
        try:
            return _parse(data)
        except (struct.error, UnicodeDecodeError) as exc:
            raise HeaderError("the headers are cut off or not ASCII") from exc


class Deflater:
    """Writes the blocks of the other side."""

    def __init__(self) -> None:
        self._zlib = zlib.compressobj(zdict=DICTIONARY)

    def write(self, headers: dict[str, str]) -> bytes:
        pairs = b"".join(_counted(name.encode()) + _counted(value.encode()) for name, value in headers.items())
        return self._zlib.compress(struct.pack(">I", len(headers)) + pairs) + self._zlib.flush(zlib.Z_SYNC_FLUSH)


def _parse(data: bytes) -> dict[str, str]:
    (count,) = struct.unpack_from(">I", data)
    headers: dict[str, str] = {}
    place = 4
    for _ in range(count):
        name, place = _take(data, place)
        value, place = _take(data, place)
        if not name or name != name.lower() or name in headers:
            raise HeaderError("a header has no name, a name with capitals, or one that another has")
        headers[name] = value
    if place != len(data):
        raise HeaderError("the headers are longer than they say")
    return headers


def _take(data: bytes, place: int) -> tuple[str, int]:
    (size,) = struct.unpack_from(">I", data, place)
    text = data[place + 4 : place + 4 + size]
    if len(text) < size:
        raise HeaderError("a header is cut off")
    return text.decode("ascii"), place + 4 + size
