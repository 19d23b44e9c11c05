"""Runs command lines through the gateway and directly, and reads from the API server's audit log what persisted."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot.gateway.clusters import GatewayCluster, open_clusters
from bot.gateway.limits import Limits
from bot.gateway.server import Gateway
from bot.settings import ClusterSettings, GatewaySettings
from bot.values.people import Person
from bot.values.requests import Recording
from tests.cluster.apiserver import ApiServer
from tests.integration.gateway.audit import mark, persisted

NOBODY = Person("U1", "T1", "tester")
_LIST_VERSION = re.compile(r'("continue": "",\s*"resourceVersion": )"\d+"')
"""Of a list: it grows with every write to the server, whoever makes it."""
_AGE = re.compile(r"\b(\d+d)?(\d+h)?(\d+m)?\d+[smhd]\b")


@dataclass(frozen=True, slots=True)
class Ran:
    """A finished command line."""

    code: int
    out: str
    err: str
    recording: Recording = field(default_factory=Recording)

    @property
    def writes(self) -> list[str]:
        """`PATCH deployments.apps/scale shop/web`"""
        return [f"{w.request.method} {w.info.qualified} {w.info.namespace}/{w.info.name}".replace(" /", " ") for w in self.recording.writes]


class Lab:
    """An API server, a gateway in front of it, and a shell."""

    def __init__(self, server: ApiServer, gateway: Gateway, cluster: GatewayCluster, folder: Path) -> None:
        self.server = server
        self.gateway = gateway
        self.cluster = cluster
        self.folder = folder

    async def rehearse(self, command: str, *, namespace: str = "shop", seconds: float = 60) -> Ran:
        """Runs a shell line with a kubeconfig of the gateway."""
        async with self.cluster.rehearse("T1:C1:1", NOBODY, namespace, "") as rehearsal:
            kubeconfig = self.folder / "rehearsal.kubeconfig"
            kubeconfig.write_text(rehearsal.kubeconfig)
            code, out, err = await self._run(command, kubeconfig, rehearsal.stopped(), seconds)
            return Ran(code, out, err, rehearsal.end())

    async def direct(self, command: str, *, namespace: str = "shop") -> Ran:
        """Runs the same line as the administrator, for real."""
        kubeconfig = self.folder / "direct.kubeconfig"
        config = self.server.kubeconfig.read_text()
        kubeconfig.write_text(config)
        code, out, err = await self._run(
            f"kubectl config set-context --current --namespace={namespace} >/dev/null; {command}", kubeconfig, None, 60
        )
        return Ran(code, out, err)

    def audit(self) -> list[dict[str, Any]]:
        """What the audit log holds so far."""
        return [json.loads(line) for line in self.server.audit_log.read_text().splitlines()]

    @asynccontextmanager
    async def nothing_persists(self) -> AsyncIterator[None]:
        """Fails if a write of ours that is not a dry run reached the API server within this block, whatever became of it."""
        begin = mark(self.server)
        yield
        leaked = persisted(self.server, begin)
        assert not leaked, leaked

    async def _run(self, command: str, kubeconfig: Path, stopped: object, seconds: float) -> tuple[int, str, str]:
        path = f"{self.server.kubectl.parent}:{os.environ['PATH']}"
        environment = {
            "PATH": path,
            "HOME": str(self.folder),
            "KUBECONFIG": str(kubeconfig),
            "KUBECACHEDIR": str(self.folder / f"cache-{kubeconfig.stem}"),
        }
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            "bash",
            "-c",
            command,
            env=environment,
            cwd=self.folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=pipe,
            stderr=pipe,
            process_group=0,
        )
        output = asyncio.ensure_future(process.communicate())
        waits = {output}
        if asyncio.iscoroutine(stopped):
            waits.add(asyncio.ensure_future(stopped))
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        hung = not output.done() and len([w for w in waits if w.done()]) == 0
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        out, err = await output
        for task in waits:
            task.cancel()
        assert not hung, f"{command} did not end within {seconds} s: {out.decode()} {err.decode()}"
        return int(process.returncode or 0), out.decode(), err.decode()


def without_ages(text: str) -> str:
    """The text without what changes between two runs of the same read."""
    return re.sub(r" +", " ", _LIST_VERSION.sub(r"\1VERSION", _AGE.sub("AGE", text)))


@asynccontextmanager
async def open_lab(server: ApiServer, folder: Path, limits: Limits | None = None) -> AsyncIterator[Lab]:
    """A gateway with its own port in front of the API server, without impersonation."""
    gateway = Gateway(GatewaySettings(port=0), limits or Limits())
    await gateway.start()
    settings = ClusterSettings(kubeconfig=str(server.kubeconfig), namespace="shop", reader="", writer="")
    clusters = await open_clusters([settings], gateway)
    try:
        yield Lab(server, gateway, clusters["cluster"], folder)
    finally:
        await clusters["cluster"].close()
        await gateway.close()
