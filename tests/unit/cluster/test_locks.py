"""The lock excludes others, also when its file is deleted by the one who held it."""

import threading
from pathlib import Path

from tests.cluster import locks


def test_a_second_holder_waits_for_the_first(tmp_path: Path) -> None:
    order: list[str] = []
    waiting = threading.Event()

    def second() -> None:
        with locks.hold(tmp_path / "lock", on_wait=waiting.set):
            order.append("second")

    thread = threading.Thread(target=second)
    with locks.hold(tmp_path / "lock", on_wait=lambda: None):
        thread.start()
        assert waiting.wait(10)
        order.append("first")
    thread.join(10)

    assert order == ["first", "second"]


def test_a_lock_on_a_deleted_file_is_taken_anew(tmp_path: Path) -> None:
    file = tmp_path / "lock"
    waiting = threading.Event()
    held: list[bool] = []

    def second() -> None:
        with locks.hold(file, on_wait=waiting.set):
            held.append(file.exists())

    thread = threading.Thread(target=second)
    with locks.hold(file, on_wait=lambda: None):
        thread.start()
        assert waiting.wait(10)
        file.unlink()
    thread.join(10)

    assert held == [True]
