"""Runs a command of a person on this machine, in a process group of its own that ends with it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from functools import partial

from bot.kube.output import Output

_GRACE_SECONDS = 2.0
_BACKGROUND_SECONDS = 5.0
_NOT_FOUND = 127
_INTERRUPTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_INTERRUPTED = {128 + number: number for number in _INTERRUPTS}
"""Exit codes of commands that these have ended: one that has the terminal gets its Ctrl-C without this program's knowing."""


@dataclass(frozen=True, slots=True)
class LocalRun:
    """A finished command. The texts are empty unless it was captured."""

    exit_code: int
    stdout: str = ""
    stderr: str = ""
    is_stopped: bool = False
    """Whether it was ended before it had ended by itself."""
    is_truncated: bool = False
    has_begun: bool = True
    """False if there is no such program, or it cannot be run."""
    is_prepared: bool = False
    """Whether what should be done before it began was done."""
    interrupt: int = 0
    """The signal with which a person ended it (Ctrl-C is SIGINT); 0 if none did."""


async def run(
    argv: Sequence[str],
    environment: Mapping[str, str],
    stopped: Coroutine[object, object, str],
    *,
    is_captured: bool,
    is_foreground: bool = True,
    folder: str | None = None,
    most_bytes: int = sys.maxsize,
    prepare: Callable[[], None] | None = None,
) -> LocalRun:
    """Runs until the command and what it left in the background have ended, or until `stopped` returns: then its whole group is ended.
    The background gets a few seconds: long enough for `kubectl delete … &` to be seen. In the foreground the command has the terminal,
    and interrupts go to its group; else it has no input. Of each output at most `most_bytes` are kept. `prepare` is called in the child
    before it becomes the command, which runs all the same if that raises OSError. Cancelling ends the group."""
    out, err = (_Pipe(is_open=is_captured, most_bytes=most_bytes) for _ in range(2))
    life = _Pipe(is_open=True)
    for pipe in (out, err, life):
        await pipe.begin()
    stop = asyncio.ensure_future(stopped)
    forwarding = _Forwarding()
    if is_foreground:
        forwarding.begin()  # before there is a command: an interrupt at its very beginning must not end this program alone
    start = partial(
        asyncio.create_subprocess_exec,
        *argv,
        env=dict(environment),
        cwd=folder,
        stdin=None if is_foreground else asyncio.subprocess.DEVNULL,
        stdout=out.sink,
        stderr=err.sink,
        process_group=0,
        pass_fds=() if life.sink is None else (life.sink,),
    )
    is_prepared = prepare is not None
    try:
        try:
            process = await start(preexec_fn=prepare)
        except subprocess.SubprocessError:  # what `prepare` raised stays in the child, and nothing has begun
            process, is_prepared = await start(), False
    except OSError as exc:
        stop.cancel()
        message = f"{argv[0]}: {exc.strerror}\n"
        if not is_captured:
            sys.stderr.write(message)
        return LocalRun(_NOT_FOUND, "", message, has_begun=False)
    finally:
        for pipe in (out, err, life):
            pipe.close_sink()
    forwarding.send_to(process.pid)
    with _Terminal(process.pid) if is_foreground else nullcontext():
        ran = await _see_to_its_end(process, stop, out, err, life)
    ran = replace(ran, is_prepared=is_prepared)
    return ran if ran.is_stopped else replace(ran, interrupt=forwarding.taken or _INTERRUPTED.get(ran.exit_code, 0))


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
        self.taken = 0
        """The last one; 0 if there was none."""

    def begin(self) -> None:
        loop = asyncio.get_running_loop()
        for number in _INTERRUPTS:
            loop.add_signal_handler(number, self._take, number)

    def send_to(self, group: int) -> None:
        self._group = group
        for number in self._waiting:
            _signal_group(group, number)

    def _take(self, number: int) -> None:
        self.taken = number
        if self._group:
            _signal_group(self._group, number)
        else:
            self._waiting.append(number)


class _Terminal:
    """Lends the terminal to the command's group, so that editors and pagers work, and takes it back: at the end, and when the command is
    stopped (Ctrl-Z), for then the shell must get it. Who is in the background has no terminal to lend."""

    def __init__(self, group: int) -> None:
        self._group = group
        self._input = sys.stdin.fileno() if sys.stdin.isatty() else -1

    def __enter__(self) -> None:
        if self._input < 0:
            return
        signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        if hasattr(os, "waitid"):  # not on every system; without it one does without Ctrl-Z
            asyncio.get_running_loop().add_signal_handler(signal.SIGCHLD, self._follow)
        self._go_on()  # it may have asked for the terminal before it had it

    def __exit__(self, *exc: object) -> None:
        if self._input >= 0:
            asyncio.get_running_loop().remove_signal_handler(signal.SIGCHLD)
            self._take_back()

    def _follow(self) -> None:
        """Stops together with the command, and goes on with it."""
        with suppress(ChildProcessError):
            found = os.waitid(os.P_PID, self._group, os.WSTOPPED | os.WNOHANG)
            if found is None:
                return
            has_terminal = self._holder() == os.getpgrp()  # `fg` gave it to us, and the command asks for it
            if not (has_terminal and found.si_status in (signal.SIGTTIN, signal.SIGTTOU)):
                self._take_back()
                os.kill(0, signal.SIGTSTP)  # returns when the shell lets us go on
            self._go_on()

    def _go_on(self) -> None:
        with suppress(OSError):
            if self._holder() == os.getpgrp():
                os.tcsetpgrp(self._input, self._group)
            os.killpg(self._group, signal.SIGCONT)

    def _take_back(self) -> None:
        with suppress(OSError):
            if self._holder() == self._group:
                os.tcsetpgrp(self._input, os.getpgrp())

    def _holder(self) -> int:
        """The process group that has the terminal; 0 if that cannot be told."""
        with suppress(OSError):
            return os.tcgetpgrp(self._input)
        return 0
