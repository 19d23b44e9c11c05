"""`kubectl-ai-slack demo`: the whole product on one machine – a real cluster, a local Slack, the bot, a broken shop to look at.

The page is up first; everything else is set up while it shows how far that is. Each part is a process of its own, started the way
a user would start it, so the demo runs what users run.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import yaml

from bot.errors import ConfigError

ROOT = Path(__file__).resolve().parent.parent
BOT_TOKEN = "xoxb-local-demo"  # noqa: S105 – the local Slack takes any token of this shape
APP_TOKEN = "xapp-local-demo"  # noqa: S105
GATEWAY_HOST = "10.244.0.1"  # the test cluster's bridge: the one address its pods reach
GATEWAY_PORT = 18443
SANDBOXES = "kubectl-ai-sandboxes"
PROGRESS = "progress.json"


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line asked for."""

    port: int
    kubeconfig: str
    """An existing cluster to use instead of a new one; it needs agent-sandbox and a RuntimeClass gvisor."""
    state: Path
    scripted: bool
    """Answer questions from the recorded script instead of a model."""
    keep_cluster: bool


@dataclass(slots=True)
class Progress:
    """The setup's state, as the page shows it: a JSON file that is always whole."""

    path: Path
    started: float = field(default_factory=time.time)

    def write(self, phase: str, label: str, *, done: bool = False, error: str = "") -> None:
        """Says where the setup is, on the terminal and for the page."""
        print(f"demo: {label}" if not error else f"demo: {error}", file=sys.stderr, flush=True)
        # Steps are counted by the cluster's parts, which are what takes long; a second count would seem to go back.
        state = {"phase": phase, "step": 0, "steps": 0, "label": label, "message": ""}
        self._replace(state | {"done": done, "error": error})

    async def follow(self, part: Path) -> None:
        """Shows the progress file of a part, until cancelled: the page's clock goes on, and a part's end is not the setup's."""
        while True:
            with contextlib.suppress(OSError, ValueError):
                self._replace(json.loads(part.read_text(encoding="utf-8")) | {"done": False, "error": ""})
            await asyncio.sleep(0.5)

    def _replace(self, state: dict[str, object]) -> None:
        state = state | {"started": self.started}
        new = self.path.with_suffix(".new")
        new.write_text(json.dumps(state), encoding="utf-8")
        new.replace(self.path)


async def run(options: Options) -> int:
    """Sets everything up and runs until Ctrl-C or SIGTERM. The exit code: 0, or 1 if a part failed."""
    state = options.state.expanduser()
    state.mkdir(parents=True, exist_ok=True)
    progress = Progress(state / PROGRESS)
    progress.write("page", f"opening http://localhost:{options.port}")
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop.set)
    async with contextlib.AsyncExitStack() as stack:
        await _start_page(stack, options, state)
        parts = asyncio.create_task(_run_parts(stack, options, state, progress))
        stopped = asyncio.create_task(stop.wait())
        done, _ = await asyncio.wait({parts, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if parts in done and (error := parts.exception()):
            progress.write("failed", "set-up failed", error=str(error))
            print("demo: Ctrl-C to end", file=sys.stderr, flush=True)
            await stop.wait()
            return 1
        parts.cancel()
        await asyncio.gather(parts, return_exceptions=True)
    return 0


async def _run_parts(stack: contextlib.AsyncExitStack, options: Options, state: Path, progress: Progress) -> None:
    kubeconfig, path = await _cluster(stack, options, progress)
    progress.write("apply", "installing the bot's manifests and the broken shop")
    environment = {**os.environ, "KUBECONFIG": kubeconfig, "PATH": path}
    await install(environment)
    if not options.kubeconfig:  # its images are on the demo's own cluster only
        await _call([sys.executable, "-m", "tests.cluster", "shop"], environment)
    bot_kubeconfig = await write_bot_kubeconfig(environment, state / "bot.kubeconfig")
    if options.scripted:
        environment |= await _start_script(stack)
    config = write_settings(state, options)
    progress.write("bot", "starting the bot")
    bot_environment = {**environment, "KUBECONFIG": str(bot_kubeconfig), "SLACK_API_URL": f"http://127.0.0.1:{options.port}/api/"}
    bot = await _start(stack, [sys.executable, "-m", "bot.cli", "serve", "--config", str(config)], bot_environment)
    await _wait_until_connected(bot, options.port)
    if bot.returncode is None:
        progress.write("ready", f"ready: http://localhost:{options.port} (Ctrl-C ends it)", done=True)
    code = await bot.wait()
    raise ConfigError(f"The bot ended with exit code {code}; its last lines above say why.")


async def _wait_until_connected(bot: asyncio.subprocess.Process, port: int) -> None:
    """Returns when the local Slack has a connection of the bot, or the bot has ended."""
    async with aiohttp.ClientSession() as session:
        while bot.returncode is None:
            with contextlib.suppress(aiohttp.ClientError):
                async with session.get(f"http://127.0.0.1:{port}/_control/log") as response:
                    if (await response.json())["connections"]:
                        return
            await asyncio.sleep(0.2)


async def _start_page(stack: contextlib.AsyncExitStack, options: Options, state: Path) -> None:
    command = [sys.executable, "-m", "bot.devslack", "--port", str(options.port), "--setup-progress", str(state / PROGRESS)]
    command += ["--journal", str(state / "slack.jsonl")]  # what was said lasts as long as the bot's database
    page = await _start(stack, command, dict(os.environ))
    async with aiohttp.ClientSession() as session:
        for _ in range(200):
            with contextlib.suppress(aiohttp.ClientError):
                async with session.get(f"http://127.0.0.1:{options.port}/"):
                    return
            if page.returncode is not None:
                raise ConfigError(f"The local Slack did not start; is port {options.port} in use? Choose another with --port.")
            await asyncio.sleep(0.1)
    raise ConfigError("The local Slack did not answer within 20 seconds.")


async def _cluster(stack: contextlib.AsyncExitStack, options: Options, progress: Progress) -> tuple[str, str]:
    """The kubeconfig and the PATH (with a kubectl on it) of the cluster to use."""
    if options.kubeconfig:
        progress.write("cluster", f"using the cluster of {options.kubeconfig}")
        return options.kubeconfig, os.environ["PATH"]
    if not (ROOT / "tests" / "cluster").is_dir():
        raise ConfigError("The demo's cluster is part of the source tree: run `make demo` there, or name a cluster with --kubeconfig.")
    if os.geteuid() != 0:
        raise ConfigError("Starting a cluster needs root: run as root, or name an existing cluster with --kubeconfig.")
    tool = [sys.executable, "-m", "tests.cluster"]
    for phase in ("build", "up"):
        part = progress.path.with_name(f"{phase}.json")
        part.unlink(missing_ok=True)
        following = asyncio.create_task(progress.follow(part))
        try:
            process = await asyncio.create_subprocess_exec(*tool, phase, "--progress", str(part), cwd=ROOT)
            if await process.wait() != 0:
                raise ConfigError(f"The cluster could not be set up (`python3 -m tests.cluster {phase}`); the lines above say why.")
        finally:
            following.cancel()
    if not options.keep_cluster:
        stack.push_async_callback(_call, [*tool, "down"])
    facts = read_environment(await _output([*tool, "env"], dict(os.environ)))
    return facts["KUBECONFIG"], facts["PATH"]


def read_environment(lines: str) -> dict[str, str]:
    """The variables of `tests.cluster env`: lines that a shell can evaluate."""
    found = {}
    for line in lines.splitlines():
        name, equals, value = line.removeprefix("export ").partition("=")
        if equals and name.isidentifier():
            found[name] = os.path.expandvars(value.strip("'\""))
    return found


async def install(environment: dict[str, str]) -> None:
    """Applies the manifests that users apply. Waits for the warm pool."""
    overlay = ROOT / "manifests" / "overlays" / "local"
    await _call(["kubectl", "apply", "--server-side", "--force-conflicts", "-k", str(overlay)], environment)
    ready = "--for=jsonpath={.status.readyReplicas}=2"
    await _call(["kubectl", "-n", SANDBOXES, "wait", ready, "sandboxwarmpool/kubectl-ai", "--timeout=120s"], environment)


async def write_bot_kubeconfig(environment: dict[str, str], target: Path) -> Path:
    """A kubeconfig with the bot's own ServiceAccount token: the demo's bot has the rights of an installed one, no more."""
    token = await _output(["kubectl", "-n", "kubectl-ai", "create", "token", "kubectl-ai-slack", "--duration=24h"], environment)
    config = yaml.safe_load(await _output(["kubectl", "config", "view", "--raw", "--minify", "--flatten"], environment))
    config["users"] = [{"name": config["contexts"][0]["context"]["user"], "user": {"token": token.strip()}}]
    target.touch(mode=0o600)
    target.write_text(yaml.safe_dump(config), encoding="utf-8")
    return target


def write_settings(state: Path, options: Options) -> Path:
    """The demo's settings file: the local Slack's on-call group approves, the asker never approves their own change."""
    settings = {
        "slack": {"bot_token": BOT_TOKEN, "app_token": APP_TOKEN, "api_url": f"http://127.0.0.1:{options.port}/api/"},
        "clusters": [{"name": "demo", "namespace": "shop"}],
        "gateway": {"host": GATEWAY_HOST, "port": GATEWAY_PORT},
        "changes": {"approvers": ["S01ONCALL"]},
        "model": {"required": False},
        "store": {"url": f"sqlite+aiosqlite:///{state / 'bot.db'}"},
    }
    path = state / "settings.yaml"
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return path


async def _start_script(stack: contextlib.AsyncExitStack) -> dict[str, str]:
    port = 18080
    script = ROOT / "bot" / "agent" / "models" / "demo.yaml"
    await _start(stack, [sys.executable, "-m", "bot.agent.models.scripted", "--script", str(script), "--port", str(port)], dict(os.environ))
    return {"GOOGLE_GEMINI_BASE_URL": f"http://127.0.0.1:{port}", "GEMINI_API_KEY": "scripted", "GEMINI_MODEL": "scripted-demo"}


async def _start(stack: contextlib.AsyncExitStack, command: list[str], environment: dict[str, str]) -> asyncio.subprocess.Process:
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=environment, start_new_session=True)
    stack.push_async_callback(_end, process)
    return process


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), 10)
        except TimeoutError:
            process.kill()
            await process.wait()


async def _call(command: list[str], environment: dict[str, str] | None = None) -> None:
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=environment, stdout=asyncio.subprocess.DEVNULL)
    if await process.wait() != 0:
        raise ConfigError(f"`{' '.join(command[:4])} …` failed; the lines above say why.")


async def _output(command: list[str], environment: dict[str, str]) -> str:
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=environment, stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()
    if process.returncode != 0:
        raise ConfigError(f"`{' '.join(command[:4])} …` failed; the lines above say why.")
    return out.decode()
