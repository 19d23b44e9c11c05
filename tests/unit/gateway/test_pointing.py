"""What a JSON patch reads of an object that is not shown whole."""

from __future__ import annotations

from typing import Any

import pytest

from bot.gateway.pointing import points_at_hidden, reads_values

BEFORE = {"spec": {"m": [{"kind": "Secret", "data": {"p": "value"}}, {"kind": "Other"}], "a/b": {"c~d": 1}}, "note": "seen"}
SHOWN = {"spec": {"m": [{"kind": "Secret", "data": {"p": "[redacted]"}}, {"kind": "Other"}], "a/b": {"c~d": 1}}, "note": "seen"}


@pytest.mark.parametrize(
    ("operation", "is_hidden"),
    [
        ({"op": "copy", "from": "/spec/m/0/data/p", "path": "/note"}, True),
        ({"op": "move", "from": "/spec/m/0/data/p", "path": "/note"}, True),
        ({"op": "COPY", "from": "/spec/m/0", "path": "/note"}, True),
        ({"op": "copy", "from": "/spec/m/-2/data", "path": "/note"}, True),
        ({"op": "copy", "from": "", "path": "/note"}, True),
        ({"op": "copy", "path": "/note"}, True),
        ({"op": "copy", "from": "/spec/m/7", "path": "/note"}, True),
        ({"op": "copy", "from": "/nowhere", "path": "/note"}, True),
        ({"op": "test", "path": "/spec/m/0/data/p", "value": "guess"}, True),
        ({"op": "test", "path": "/note", "value": "seen"}, False),
        ({"op": "copy", "from": "/spec/m/1", "path": "/spec/m/-"}, False),
        ({"op": "copy", "from": "/spec/m/-1/kind", "path": "/note"}, False),
        ({"op": "move", "from": "/spec/a~1b/c~0d", "path": "/note"}, False),
        ({"op": "add", "path": "/spec/m/0/data/p", "value": "new"}, False),
        ({"op": "replace", "path": "/spec/m/0/data/p", "value": "new"}, False),
        ({"op": "remove", "path": "/spec/m/0"}, False),
    ],
)
def test_a_patch_that_reads_what_is_hidden_is_found(operation: Any, is_hidden: bool) -> None:
    assert points_at_hidden([{"op": "add", "path": "/x", "value": 1}, operation], BEFORE, SHOWN) is is_hidden
    assert points_at_hidden([operation], BEFORE, BEFORE) is False


def test_only_some_operations_read() -> None:
    assert reads_values([{"op": "test", "path": "/a", "value": 1}])
    assert not reads_values([{"op": "add", "path": "/a", "value": 1}, "odd"])
    assert not reads_values({"op": "copy"})
