"""One thread's sandbox: commands run in it one after the other, through the runner of its image."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import structlog

from bot.errors import SandboxError, SandboxLostError, SandboxUnavailableError
from bot.kube.exec import Broken, Ending, Exited, Flooded
from bot.kube.output import Output
from bot.sandbox.exec import Target, execute
from bot.sandbox.pods import Pod, Pods, find_end
from bot.values.sandbox import Ran

log = structlog.get_logger()

RUNNER = "/usr/local/bin/kubectl-ai-runner"
MOST_COMMAND_BYTES = 131_071  # Linux takes no longer argument, and `bash -c` gets the command as one
MOST_STREAMED_BYTES = 64 * 1024 * 1024
"""Output after which a command is ended: it will not come to an end by itself, and nobody reads it."""
_HOME = "/home/agent"
_PUT_SECONDS = 60.0
_LATE_SECONDS = 5.0  # the runner ends a command at its limit itself, within its grace of two seconds
_STOP_SECONDS = 10.0
_CANCEL_SECONDS = 0.5
"""How long somebody who says stop waits for the sandbox to say that it has ended the command; the end goes on without them."""
_STATUS_SECONDS = 15.0  # a kubelet reports the end of a container within a second or two, on a busy node later
_EXPIRED, _KILLED, _UNUSABLE = 124, 137, 126
_ENDED_WITH_CONTAINER = frozenset({128, _KILLED})  # what an exec comes to when its container ends


def frame_request(limit_seconds: float, kubeconfig: str, command: str) -> bytes:
    """The runner's stdin: one line of lengths, the kubeconfig, the command."""
    first, second = kubeconfig.encode(), command.encode(errors="surrogateescape")
    return f"run {limit_seconds:.3f} {len(first)} {len(second)}\n".encode() + first + second


class PodSandbox:
    """A pod that was proven to be isolated. Implements the port `Sandbox`."""

    def __init__(self, pods: Pods, pod: Pod, target: Target, extend: Callable[[float], Awaitable[None]]) -> None:
        self._pods = pods
        self._found = pod
        self._target = target
        self._extend = extend
        self._turn = asyncio.Lock()
        self._stopping: asyncio.Future[bool] | None = None

    @property
    def pod(self) -> str:
        return self._found.name

    @property
    def identity(self) -> str:
        """With the uid: agent-sandbox makes a pod that was deleted or drained anew under the same name."""
        return f"{self._found.name}/{self._found.uid}"

    @property
    def address(self) -> str:
        return self._found.address

    @property
    def found(self) -> Pod:
        """The pod as it was when it was proven."""
        return self._found

    async def run(self, command: str, kubeconfig: str, *, timeout_seconds: float, max_output_bytes: int) -> Ran:
        """See the port. Exit code 124 and `timed_out` past the limit, 137 where the command was ended for its output or memory.

        Raises SandboxUnavailableError if the connection broke: the command was ended, and is not run again here.
        """
        if problem := _find_problem(command):
            return Ran(exit_code=_UNUSABLE, stdout="", stderr=problem, seconds=0.0)
        async with self._turn:
            await self._let_stop_end()
            await self._extend(timeout_seconds)
            return await self._run(command, kubeconfig, timeout_seconds, max_output_bytes)

    async def put(self, name: str, data: bytes) -> str:
        """See the port."""
        path, said = f"{_HOME}/{name}", Output(2000)
        async with self._turn:
            await self._let_stop_end()
            await self._extend(_PUT_SECONDS)
            try:
                async with asyncio.timeout(_PUT_SECONDS):
                    ending = await execute(
                        self._pods.connection,
                        self._target,
                        ("/bin/bash", "-c", 'exec cat >"$1"', "put", path),
                        data,
                        close_stdin=True,
                        stdout=Output(0),
                        stderr=said,
                        most_bytes=MOST_STREAMED_BYTES,
                    )
            except TimeoutError as exc:
                raise SandboxUnavailableError(f"The sandbox did not take the file {name} within {_PUT_SECONDS:g} s.") from exc
        if ending != Exited(0):
            raise SandboxUnavailableError(f"The sandbox did not take the file {name}: {said.render().strip() or ending}.")
        return path

    async def _run(self, command: str, kubeconfig: str, limit: float, max_output_bytes: int) -> Ran:
        stdout, stderr = Output(max_output_bytes), Output(max_output_bytes)
        started = time.monotonic()
        ending: Ending = Exited(_EXPIRED)
        answers = True
        late = asyncio.timeout(limit + _LATE_SECONDS)
        try:
            async with late:
                ending = await execute(
                    self._pods.connection,
                    self._target,
                    (RUNNER,),
                    frame_request(limit, kubeconfig, command),
                    close_stdin=False,
                    stdout=stdout,
                    stderr=stderr,
                    most_bytes=MOST_STREAMED_BYTES,
                )
        except TimeoutError:
            if not late.expired():
                raise
            await self._stop()
        except asyncio.CancelledError:
            await asyncio.wait((self._begin_stop(),), timeout=_CANCEL_SECONDS)
            raise
        else:
            if not isinstance(ending, Exited) or ending.code in _ENDED_WITH_CONTAINER:
                answers = await self._stop()
        seconds = time.monotonic() - started
        note = await self._explain(ending, answers)
        code = ending.code if isinstance(ending, Exited) and not note else _KILLED
        return Ran(
            exit_code=code,
            stdout=stdout.render(),
            stderr=stderr.render() + note,
            seconds=seconds,
            truncated=bool(stdout.missing or stderr.missing),
            timed_out=code == _EXPIRED and seconds >= limit,
        )

    async def _stop(self) -> bool:
        """Ends every process in the sandbox but its first; whether it answered. Goes on if the caller is cancelled meanwhile.

        The end of the stream ends a command already; this makes sure of it, also where the runner itself was killed.
        """
        return await asyncio.shield(self._begin_stop())

    def _begin_stop(self) -> asyncio.Future[bool]:
        self._stopping = asyncio.ensure_future(self._execute_stop())
        return self._stopping

    async def _let_stop_end(self) -> None:
        """An end that comes late must not meet the next command."""
        if self._stopping is not None:
            await asyncio.wait((self._stopping,))

    async def _execute_stop(self) -> bool:
        said = Output(2000)
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                ending = await execute(
                    self._pods.connection,
                    self._target,
                    (RUNNER, "stop"),
                    b"",
                    close_stdin=True,
                    stdout=Output(0),
                    stderr=said,
                    most_bytes=MOST_STREAMED_BYTES,
                )
        except (SandboxError, TimeoutError) as exc:
            # The next run begins by ending what is left, or refuses; a token that is over is of no use to it anyway.
            log.info("sandbox_stop_failed", pod=self.pod, error=str(exc) or type(exc).__name__)
            return False
        if ending != Exited(0):
            log.info("sandbox_stop_failed", pod=self.pod, ending=str(ending))
        return ending == Exited(0)

    async def _explain(self, ending: Ending, answers: bool) -> str:
        """A line for stderr where the exit code does not say it all. Raises if there is no result to show."""
        if isinstance(ending, Flooded):
            return f"\nsandbox: ended after {MOST_STREAMED_BYTES // 1_048_576} MiB of output; write less, or to a file.\n"
        if isinstance(ending, Exited) and ending.code not in _ENDED_WITH_CONTAINER:
            return ""
        if why := await self._find_end(wait=not answers):
            # The kubelet learns of a kill for want of memory beside the end itself, and may miss it.
            cause = "out of memory" if why == "OOMKilled" else f"ended ({why}), probably out of memory"
            return f"\nsandbox: {cause}; the sandbox was restarted and the command did not finish.\n"
        if isinstance(ending, Broken):
            raise SandboxUnavailableError(
                f"The connection to the sandbox broke while the command ran ({ending.why}); it was ended, and can be asked for again."
            )
        return ""

    async def _find_end(self, *, wait: bool) -> str:
        """Why the container ended, or ''. Raises SandboxLostError if the pod is not there any more."""
        deadline = time.monotonic() + (_STATUS_SECONDS if wait else 0.0)
        while True:
            pod = await self._pods.get(self.pod)
            if pod is None or pod["metadata"]["uid"] != self._found.uid or "deletionTimestamp" in pod["metadata"]:
                raise SandboxLostError("The thread's sandbox is gone, and its files with it: ask again for a new one.")
            if why := find_end(pod, self._found.container_id):
                return why
            if time.monotonic() >= deadline:
                return ""
            await asyncio.sleep(0.25)


def _find_problem(command: str) -> str:
    size = len(command.encode(errors="surrogateescape"))
    if size > MOST_COMMAND_BYTES:
        return f"sandbox: the command is {size} bytes long and {MOST_COMMAND_BYTES} is the most; write it in parts, through a file.\n"
    if "\0" in command:
        return "sandbox: the command contains a NUL character, which no program can be given; remove it.\n"
    return ""
