"""What a crash leaves behind is told from what others use."""

import socket
from pathlib import Path

import pytest

from tests.cluster import leftovers


def make_socket(file: Path) -> socket.socket:
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(file))
    server.listen()
    return server


def test_only_a_socket_without_a_listener_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # a test's folder can have a longer path than a socket's address holds
    living, dead, plain = Path("living"), Path("dead"), Path("plain")
    server = make_socket(living)
    make_socket(dead).close()
    plain.write_text("not a socket")

    for file in (living, dead, plain, Path("missing")):
        leftovers.remove_stale_socket(file)
    server.close()

    assert (living.exists(), dead.exists(), plain.exists()) == (True, False, True)


def test_runtimes_of_others_are_not_found(tmp_path: Path) -> None:
    assert leftovers.find_runtimes(tmp_path) == set()
