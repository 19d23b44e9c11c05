"""The server's side of an exec, whatever protocol carries it: what kubectl takes for the container's streams."""

from __future__ import annotations

from typing import Protocol

from aiohttp import web

from bot.values.requests import Json


class Unread(str):
    """Why the input could not be taken, in one sentence."""

    __slots__ = ()


GONE = Unread("The client went away before its input ended.")


def too_slow(seconds: float) -> Unread:
    return Unread(f"The input did not end within {seconds:g} s: let the command read something that ends.")


def too_large(most_bytes: int) -> Unread:
    return Unread(f"The input is larger than {most_bytes // 1024} KiB, which is the most: send it in parts.")


class ExecStream(Protocol):
    """One client that believes it talks to a container."""

    async def open(self) -> None:
        """Accepts the upgrade."""

    async def read_stdin(self) -> bytes | Unread:
        """All that the client sends until its input ends, within the limits of its session."""

    async def end(self, ending: Json, stdout: bytes = b"", stderr: bytes = b"") -> web.StreamResponse:
        """Sends output to the streams that the client asked for, then how it ended (a Status), and closes."""


def exited(code: int) -> Json:
    """The Status that ends an exec whose program came to its end."""
    if code == 0:
        return {"metadata": {}, "status": "Success"}
    causes = [{"reason": "ExitCode", "message": str(code)}]
    message = f"command terminated with non-zero exit code: exit status {code}"
    return {"metadata": {}, "status": "Failure", "message": message, "reason": "NonZeroExitCode", "details": {"causes": causes}}
