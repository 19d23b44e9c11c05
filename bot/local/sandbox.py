"""Runs a thread's commands on this machine, as its user. Implements `threads.ports.Sandboxes`, and is none: nothing holds a command back
that means to do harm. What keeps an honest one from reaching a cluster past the gateway is that it gets nothing of the person's own:
not their home folder with its kubeconfig and keys, not their environment, not their terminal. Where the machine allows it, the
kubeconfig of the rehearsal also lies over their own (`covering`).
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from bot.errors import SandboxError
from bot.local import command as command_
from bot.local import covering
from bot.threads.ports import Sandbox
from bot.values.sandbox import Ran

NOT_SANDBOXED = "commands are not sandboxed; their requests to the cluster are rehearsed, whatever else they do is real."
_PASSED_ON = ("PATH", "LANG", "LANGUAGE", "TZ", "USER", "LOGNAME", "SHELL")
"""All that commands get of the environment, besides `LC_…`: the model's key and the Slack tokens are in the rest."""


class LocalSandboxes:
    """A folder for each thread, removed when it is released. `name_kubeconfig` gives a rehearsal's kubeconfig the person's own names;
    `covered` are the person's own kubeconfigs."""

    def __init__(self, name_kubeconfig: Callable[[str], str], covered: Sequence[Path] = ()) -> None:
        self._name_kubeconfig = name_kubeconfig
        self._covered = covered
        self._open: dict[str, LocalSandbox] = {}

    async def acquire(self, thread_id: str) -> Sandbox:
        """See `threads.ports.Sandboxes.acquire`."""
        if thread_id not in self._open:
            try:
                folder = await asyncio.to_thread(tempfile.mkdtemp, prefix="kubectl-ai-")
            except OSError as exc:
                raise SandboxError(f"No folder for the commands can be made: {exc.strerror}.") from exc
            self._open[thread_id] = LocalSandbox(Path(folder), self._name_kubeconfig, self._covered)
        return self._open[thread_id]

    async def release(self, thread_id: str) -> None:
        """See `threads.ports.Sandboxes.release`."""
        sandbox = self._open.pop(thread_id, None)
        if sandbox is not None:
            await asyncio.to_thread(shutil.rmtree, sandbox.folder, ignore_errors=True)

    async def close(self) -> None:
        """Removes every folder."""
        for thread_id in list(self._open):
            await self.release(thread_id)


class LocalSandbox:
    """One folder, which commands have as their home."""

    address = ""
    """Any loopback address."""

    def __init__(self, folder: Path, name_kubeconfig: Callable[[str], str], covered: Sequence[Path] = ()) -> None:
        self.identity = f"local-{uuid.uuid4().hex[:8]}"
        self.folder = folder
        self._name_kubeconfig = name_kubeconfig
        self._covered = covered

    async def run(self, command: str, kubeconfig: str, *, timeout_seconds: float, max_output_bytes: int) -> Ran:
        """See `threads.ports.Sandbox.run`."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        with tempfile.TemporaryDirectory(prefix="kubectl-ai-kubeconfig-") as private:  # mode 700
            path = Path(private) / "config"
            path.write_text(self._name_kubeconfig(kubeconfig) if kubeconfig else "", encoding="utf-8")
            ran = await command_.run(
                ["bash", "--noprofile", "--norc", "-c", command],
                self._environment(path),
                asyncio.sleep(timeout_seconds, ""),
                is_captured=True,
                is_foreground=False,
                folder=str(self.folder),
                most_bytes=max_output_bytes,
                prepare=partial(covering.cover, self._covered, path),
            )
        seconds = loop.time() - started
        return Ran(ran.exit_code, ran.stdout, ran.stderr, seconds, truncated=ran.is_truncated, timed_out=ran.is_stopped)

    async def put(self, name: str, data: bytes) -> str:
        """See `threads.ports.Sandbox.put`."""
        path = self.folder / name
        try:
            await asyncio.to_thread(path.write_bytes, data)
        except OSError as exc:
            raise SandboxError(f"{path} cannot be written: {exc.strerror}.") from exc
        return str(path)

    def _environment(self, kubeconfig: Path) -> dict[str, str]:
        passed = {name: value for name, value in os.environ.items() if name in _PASSED_ON or name.startswith("LC_")}
        own = {
            "HOME": str(self.folder),
            "TERM": "dumb",
            "KUBECONFIG": str(kubeconfig),
            "KUBECACHEDIR": str(self.folder / ".kube" / "cache"),
        }
        return passed | own
