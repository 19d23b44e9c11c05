"""Runs a command of a person on this machine, in a process group of its own that ends with it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass

from bot.kube.output import Output

_GRACE_SECONDS = 2.0
_BACKGROUND_SECONDS = 5.0
_NOT_FOUND = 127


@dataclass(frozen=True, slots=True)
class LocalRun:
    """A finished command. The texts are empty unless it was captured."""

    exit_code: int
    stdout: str = ""
    stderr: str = ""
    is_stopped: bool = False
    """Whether it was ended before it had ended by itself."""
    is_truncated: bool = False


async def run(
    argv: Sequence[str],
    environment: Mapping[str, str],
    stopped: Coroutine[object, object, str],
    *,
    is_captured: bool,
    is_foreground: bool = True,
    folder: str | None = None,
    most_bytes: int = sys.maxsize,
) -> LocalRun:
    """Runs until the command and what it left in the background have ended, or until `stopped` returns: then its whole group is ended.
    The background gets a few seconds: long enough for `kubectl delete … &` to be seen. In the foreground the command has the terminal,
    and interrupts go to its group; else it has no input. Of each output at most `most_bytes` are kept. Cancelling ends the group."""
    out, err = (_Pipe(is_open=is_captured, most_bytes=most_bytes) for _ in range(2))
    life = _Pipe(is_open=True)
    for pipe in (out, err, life):
        await pipe.begin()
    stop = asyncio.ensure_future(stopped)
    forwarding = _Forwarding()
    if is_foreground:
        forwarding.begin()  # before there is a command: an interrupt at its very beginning must not end this program alone
    try:
        process = await asyncio.create_subprocess_exec(
            *argv,
            env=dict(environment),
            cwd=folder,
            stdin=None if is_foreground else asyncio.subprocess.DEVNULL,
            stdout=out.sink,
            stderr=err.sink,
            process_group=0,
            pass_fds=() if life.sink is None else (life.sink,),
        )
    except OSError as exc:
        stop.cancel()
        message = f"{argv[0]}: {exc.strerror}\n"
        if not is_captured:
            sys.stderr.write(message)
        return LocalRun(_NOT_FOUND, "", message)
    finally:
        for pipe in (out, err, life):
            pipe.close_sink()
    forwarding.send_to(process.pid)
    with _Terminal(process.pid) if is_foreground else nullcontext():
        return await _see_to_its_end(process, stop, out, err, life)


async def _see_to_its_end(process: asyncio.subprocess.Process, stop: asyncio.Future[str], out: _Pipe, err: _Pipe, life: _Pipe) -> LocalRun:
    ended = asyncio.ensure_future(process.wait())
    try:
        await asyncio.wait((ended, stop), return_when=asyncio.FIRST_COMPLETED)
        is_stopped = not ended.done()
        if not stop.done():
            await asyncio.wait((life.ended, stop), timeout=_BACKGROUND_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        await _end_group(process, is_stopped=is_stopped)
        code = await ended
        stdout, stderr = await asyncio.gather(out.text(), err.text())
    finally:
        stop.cancel()
        _signal_group(process.pid, signal.SIGKILL)
        for pipe in (out, err, life):
            pipe.ended.cancel()
        await asyncio.gather(ended, stop, out.ended, err.ended, life.ended, return_exceptions=True)
    is_truncated = out.is_truncated or err.is_truncated
    return LocalRun(128 - code if code < 0 else code, stdout, stderr, is_stopped, is_truncated)


class _Pipe:
    """Collects what a command writes, and sees when the last process that inherited the writing end is gone. A pipe of its own: with
    asyncio's, `Process.wait` waits for everything that the command left behind and that holds them too."""

    def __init__(self, *, is_open: bool, most_bytes: int = sys.maxsize) -> None:
        self.sink: int | None = None
        self._source: int | None = None
        if is_open:
            self._source, self.sink = os.pipe()
        self._kept = Output(most_bytes)
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def is_truncated(self) -> bool:
        return self._kept.missing > 0

    def close_sink(self) -> None:
        """Gives our copy of the writing end away, so that reading ends with the last writer."""
        if self.sink is not None:
            os.close(self.sink)

    async def begin(self) -> None:
        """Starts to read."""
        if self._source is None:
            self.ended.set_result(None)
            return
        reader = asyncio.StreamReader()
        source = os.fdopen(self._source, "rb", buffering=0)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), source)
        self.ended = asyncio.ensure_future(self._read(reader, transport))

    async def text(self) -> str:
        """Everything that was written. What left the command's group (`setsid`) may hold the pipe for ever: it is not waited for."""
        await asyncio.wait((self.ended,), timeout=_GRACE_SECONDS)
        self.ended.cancel()
        return self._kept.render()

    async def _read(self, reader: asyncio.StreamReader, transport: asyncio.ReadTransport) -> None:
        try:
            while piece := await reader.read(65536):
                self._kept.add(piece)
        finally:
            transport.close()


async def _end_group(process: asyncio.subprocess.Process, *, is_stopped: bool) -> None:
    """Ends what is left of the group: everything if the rehearsal was stopped, else what is still in the background."""
    if is_stopped:
        _signal_group(process.pid, signal.SIGTERM)
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(process.wait()), _GRACE_SECONDS)
    _signal_group(process.pid, signal.SIGKILL)


def _signal_group(group: int, number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


class _Forwarding:
    """Interrupts go to the command's group; one that comes before there is a group waits for it."""

    def __init__(self) -> None:
        self._group = 0
        self._waiting: list[int] = []

    def begin(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._take, number)

    def send_to(self, group: int) -> None:
        self._group = group
        for number in self._waiting:
            _signal_group(group, number)

    def _take(self, number: int) -> None:
        if self._group:
            _signal_group(self._group, number)
        else:
            self._waiting.append(number)


class _Terminal:
    """Lends the terminal to the command's group, so that editors and pagers work, and takes it back."""

    def __init__(self, group: int) -> None:
        self._group = group
        self._own: int | None = None

    def __enter__(self) -> None:
        if not sys.stdin.isatty():
            return
        with suppress(OSError):
            self._own = os.tcgetpgrp(sys.stdin.fileno())
            signal.signal(signal.SIGTTOU, signal.SIG_IGN)
            os.tcsetpgrp(sys.stdin.fileno(), self._group)
            os.killpg(self._group, signal.SIGCONT)  # it may have asked for the terminal before it had it

    def __exit__(self, *exc: object) -> None:
        if self._own is not None:
            with suppress(OSError):
                os.tcsetpgrp(sys.stdin.fileno(), self._own)
