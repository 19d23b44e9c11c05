"""What is kept of a stream of output: its head and its tail, so that memory stays flat however much comes."""

from __future__ import annotations


class Output:
    """Takes bytes as they come and keeps at most `limit` of them. The middle is what is missed least."""

    def __init__(self, limit: int) -> None:
        self._head_limit = limit - limit // 2
        self._tail_limit = limit // 2
        self._head = bytearray()
        self._tail = bytearray()
        self.total = 0
        """Bytes that came, kept or not."""

    @property
    def missing(self) -> int:
        """Bytes that are not kept."""
        return self.total - len(self._head) - min(len(self._tail), self._tail_limit)

    def add(self, data: bytes) -> None:
        self.total += len(data)
        room = self._head_limit - len(self._head)
        if room > 0:
            self._head += data[:room]
            data = data[room:]
        self._tail += data
        # Cut only now and then: moving the whole tail for every few bytes would make a fast stream slow.
        if len(self._tail) > 2 * self._tail_limit + 65_536:
            del self._tail[: len(self._tail) - self._tail_limit]

    @property
    def data(self) -> bytes:
        """What is kept; all that came, if nothing is missing."""
        return bytes(self._head + self._tail[max(len(self._tail) - self._tail_limit, 0) :])

    def render(self) -> str:
        """The text, with a mark where bytes are missing. What is not UTF-8 is replaced; a character is never cut in two."""
        missing = self.missing
        if not missing:
            return (self._head + self._tail).decode(errors="replace")
        head = bytes(self._head)
        tail = bytes(self._tail[len(self._tail) - self._tail_limit :]) if self._tail_limit else b""
        whole = _find_whole_end(head)
        begin = _find_whole_begin(tail)
        missing += len(head) - whole + begin
        return f"{head[:whole].decode(errors='replace')}\n[… {missing} bytes left out …]\n{tail[begin:].decode(errors='replace')}"


def _find_whole_end(data: bytes) -> int:
    """Where a UTF-8 character that the end cuts off begins; the length if none is cut."""
    for back in range(1, min(4, len(data) + 1)):
        byte = data[-back]
        if byte >= 0xC0:
            needed = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return len(data) - back if back < needed else len(data)
        if byte < 0x80:
            break
    return len(data)


def _find_whole_begin(data: bytes) -> int:
    """Where the first character that is whole begins: at most three continuation bytes are passed over."""
    begin = 0
    while begin < min(3, len(data)) and 0x80 <= data[begin] < 0xC0:
        begin += 1
    return begin
