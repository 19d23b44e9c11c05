"""A namespace of the test's own, a scripted model behind Gemini's wire, and the command as a person or a harness starts it."""

from __future__ import annotations

import asyncio
import fcntl
import os
import re
import struct
import subprocess
import sys
import termios
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bot.agent.models import script as scripts
from bot.agent.models.scripted import ScriptedService, serve
from tests.cluster.apiserver import ApiServer

ROOT = Path(__file__).parents[3]
MAIN = "import sys; from bot.cli import main; sys.exit(main(sys.argv[1:]))"
_ANSI = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[()][A-Z0-9]|\r")
_SECONDS = 300
_OBJECTS = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "nginx:1.27"}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {colour: blue, note: "password=hunter2-hunter2"}
"""


@dataclass(frozen=True)
class Ran:
    """An ended command."""

    code: int
    out: str
    err: str

    @property
    def answer(self) -> str:
        """As k8s-ai-bench takes it from stdout: what follows the line of the last `Running:`."""
        place = self.out.rfind("Running:")
        return self.out if place < 0 else self.out[place:].partition("\n")[2]


@dataclass
class Shop:
    """The cluster, the namespace, and how to start the command on them."""

    server: ApiServer
    namespace: str
    environment: dict[str, str]
    folder: Path

    def kubectl(self, *arguments: str) -> str:
        """As the cluster's administrator, past any gateway."""
        argv = [self.server.kubectl, "--kubeconfig", self.server.kubeconfig, "-n", self.namespace, *arguments]
        return subprocess.run(argv, check=True, capture_output=True, text=True, timeout=60).stdout

    def replicas(self) -> str:
        return self.kubectl("get", "deploy", "web", "-o", "jsonpath={.spec.replicas}")

    async def start(self, *arguments: str) -> asyncio.subprocess.Process:
        return await self._start(sys.executable, "-c", MAIN, *arguments, stdin=asyncio.subprocess.DEVNULL)

    async def run(self, *arguments: str, stdin: str = "") -> Ran:
        """With pipes, as a harness does it."""
        return await self.run_program(sys.executable, "-c", MAIN, *arguments, stdin=stdin)

    async def run_program(self, *argv: str, stdin: str) -> Ran:
        """Any program, with pipes."""
        process = await self._start(*argv, stdin=asyncio.subprocess.PIPE)
        async with asyncio.timeout(_SECONDS):
            out, err = await process.communicate(stdin.encode())
        assert process.returncode is not None
        return Ran(process.returncode, out.decode(), err.decode())

    async def _start(self, *argv: str, stdin: int) -> asyncio.subprocess.Process:
        pipe = asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(*argv, cwd=self.folder, env=self.environment, stdin=stdin, stdout=pipe, stderr=pipe)


@dataclass
class Terminal:
    """The command on a terminal of its own, and all that it wrote there."""

    process: asyncio.subprocess.Process
    master: int
    shown: str = ""
    _read: int = 0
    _arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def expect(self, text: str) -> None:
        """Waits until this was written after what was expected before."""
        try:
            async with asyncio.timeout(_SECONDS):
                while (place := self.shown.find(text, self._read)) < 0:
                    self._arrived.clear()
                    await self._arrived.wait()
        except TimeoutError:
            pytest.fail(f"{text!r} is not in {self.shown[self._read :]!r}")
        self._read = place + len(text)

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    async def wait(self) -> int:
        async with asyncio.timeout(_SECONDS):
            return await self.process.wait()

    def take(self) -> None:
        """Called when there is something to read."""
        try:
            data = os.read(self.master, 65536)
        except OSError:  # nobody has the other end open any more
            data = b""
        if not data:
            asyncio.get_running_loop().remove_reader(self.master)
        self.shown += _ANSI.sub("", data.decode(errors="replace"))
        self._arrived.set()


@pytest.fixture
async def shop(apiserver: ApiServer, tmp_path: Path) -> AsyncIterator[Shop]:
    """A namespace with a Deployment and a ConfigMap in it."""
    namespace = f"chat-{uuid.uuid4().hex[:8]}"
    environment = {
        "PATH": f"{apiserver.kubectl.parent}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "KUBECONFIG": str(apiserver.kubeconfig),
        "PYTHONPATH": str(ROOT),
        "TERM": "xterm",
    }
    made = Shop(apiserver, namespace, environment, tmp_path)
    made.kubectl("create", "namespace", namespace)
    objects = tmp_path / "objects.yaml"
    objects.write_text(_OBJECTS)
    made.kubectl("apply", "-f", str(objects))
    yield made
    made.kubectl("delete", "namespace", namespace, "--wait=false")


Serve = Callable[[str], Awaitable[list[dict[str, object]]]]


@pytest.fixture
async def serve_script(shop: Shop) -> AsyncIterator[Serve]:
    """Serves a script (NS in it is the namespace) and points the command at it; the requests that come."""
    runners = []

    async def serve_(text: str) -> list[dict[str, object]]:
        requests: list[dict[str, object]] = []
        script = scripts.parse(text.replace("NS", shop.namespace))
        runner = await serve(ScriptedService(script, lambda body: requests.append(dict(body))), "127.0.0.1", 0)
        runners.append(runner)
        shop.environment |= {
            "GOOGLE_GEMINI_BASE_URL": f"http://127.0.0.1:{runner.addresses[0][1]}",
            "GEMINI_API_KEY": "the-key-of-the-model",
            "GEMINI_MODEL": "scripted",
        }
        return requests

    yield serve_
    for runner in runners:
        await runner.cleanup()


Open = Callable[..., Awaitable[Terminal]]


@pytest.fixture
async def open_terminal(shop: Shop) -> AsyncIterator[Open]:
    """Starts the command on a terminal, where it is in the foreground; `piped` is its standard input instead of the terminal. Without
    arguments it starts a shell there, to call the command from."""
    opened: list[tuple[Terminal, int]] = []

    async def open_(*arguments: str, piped: str = "") -> Terminal:
        master, slave = os.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 160, 0, 0))
        process = await asyncio.create_subprocess_exec(
            *("setsid", "--ctty", *(("sh", "-c", 'printf "%s\\n" "$0" | "$@"', piped) if piped else ())),
            *((sys.executable, "-c", MAIN, *arguments) if arguments else ("bash", "--norc", "--noprofile", "-i")),
            cwd=shop.folder,
            env=shop.environment,
            stdin=slave,
            stdout=slave,
            stderr=slave,
        )
        terminal = Terminal(process, master)
        opened.append((terminal, slave))
        asyncio.get_running_loop().add_reader(master, terminal.take)
        return terminal

    yield open_
    for terminal, slave in opened:
        if terminal.process.returncode is None:
            terminal.process.kill()
            await terminal.process.wait()
        asyncio.get_running_loop().remove_reader(terminal.master)
        os.close(terminal.master)
        os.close(slave)


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    """Where a trace goes; a file that others could read is there before."""
    path = tmp_path / "trace.yaml"
    path.write_text("old")
    path.chmod(0o644)
    return path
