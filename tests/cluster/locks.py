"""A file lock that also holds when the lock file is deleted by its last holder."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def hold(file: Path, on_wait: Callable[[], None]) -> Iterator[int]:
    """Wait for the lock and hold it; ``on_wait`` is called once if somebody else has it. Gives the descriptor.

    A child that inherits the descriptor keeps the lock, so that a killed build does not free it while its compiler is
    still writing.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    waited = False
    while True:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if not waited:
                    on_wait()
                    waited = True
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            if not _is_same_file(descriptor, file):
                continue  # it was deleted while we waited: a lock on it excludes nobody
            yield descriptor
            return
        finally:
            os.close(descriptor)


def _is_same_file(descriptor: int, file: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), file.stat())
    except FileNotFoundError:
        return False
