"""Finds where JSON values end in bytes that have not arrived whole. Pure; what looks like a value here may still be no JSON."""

from __future__ import annotations

import re

SPACE = re.compile(rb"[ \t\r\n]*")
STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_BRACKET = re.compile(rb'[^"{}\[\]]*+(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"[^"{}\[\]]*+)*+([{}\[\]])', re.DOTALL)
_SCALAR = re.compile(rb"[^ \t\r\n,\]}]+(?=[ \t\r\n,\]}])")


def end_of_value(data: bytearray, start: int) -> int | None:
    """Where the JSON value ends that begins there; None if that has not arrived. What ends there may still be no JSON."""
    if data[start] == ord('"'):
        found = STRING.match(data, start)
        return None if found is None else found.end()
    if data[start] not in b"{[":
        found = _SCALAR.match(data, start)
        return None if found is None else found.end()
    depth, position = 0, start
    while (bracket := _BRACKET.match(data, position)) is not None:
        position = bracket.end()
        depth += 1 if bracket[1] in b"{[" else -1
        if depth == 0:
            return position
    return None
