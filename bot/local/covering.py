"""Lays the rehearsal's kubeconfig over the person's own, for one command alone: whoever names `~/.kube/config` gets the gateway too.

The command gets a view of the file system of its own (mount_namespaces(7)); without root in a user namespace of its own
(user_namespaces(7)), in which `sudo` does not work. Not every machine allows that: macOS has neither, some Linux distributions and
containers forbid it.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_NEW_USERS, _NEW_MOUNTS = 0x10000000, 0x00020000
_BIND, _RECURSIVE, _PRIVATE = 4096, 16384, 1 << 18
"""Flags of unshare(2) and mount(2), from linux/sched.h and linux/mount.h."""
_libc = ctypes.CDLL(None, use_errno=True)
"""Loaded before there is a child: what runs between fork and exec must not have to load anything."""


def find_files(named: str) -> tuple[Path, ...]:
    """The kubeconfigs that somebody could name: those of this list, as KUBECONFIG has it, and the usual one."""
    paths = [Path(one).expanduser() for one in named.split(os.pathsep) if one]
    usual = Path("~/.kube/config").expanduser()
    return tuple(dict.fromkeys(path.resolve() for path in (*paths, usual) if path.is_file()))


def cover(files: Sequence[Path], kubeconfig: Path) -> None:
    """Lets this process, and what it becomes and starts, see `kubeconfig` in place of the files. To be called in a child, between fork
    and exec. Raises OSError where the machine does not allow it."""
    if not files:
        return
    user, group = os.getuid(), os.getgid()
    if user == 0:
        _unshare(_NEW_MOUNTS)
    else:
        _unshare(_NEW_USERS | _NEW_MOUNTS)
        _write("/proc/self/setgroups", "deny")
        _write("/proc/self/uid_map", f"{user} {user} 1")
        _write("/proc/self/gid_map", f"{group} {group} 1")
    _mount(b"none", b"/", _RECURSIVE | _PRIVATE)  # else others would see what follows
    for file in files:
        _mount(bytes(kubeconfig), bytes(file), _BIND)


def _unshare(flags: int) -> None:
    _check(_call("unshare")(flags))


def _mount(source: bytes, target: bytes, flags: int) -> None:
    _check(_call("mount")(source, target, None, ctypes.c_ulong(flags), None))


def _call(name: str) -> Any:
    try:
        return getattr(_libc, name)
    except AttributeError as exc:
        raise OSError(f"this system has no {name}") from exc


def _check(code: int) -> None:
    if code != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="ascii") as file:  # noqa: PTH123 – nothing but what a child may do
        file.write(text)
