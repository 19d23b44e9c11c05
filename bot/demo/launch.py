"""Starts the demo's parts in order. The page is up first; everything else is set up while it shows how far that is. Each part is a process
of its own, started the way a user would start it, so the demo runs what users run.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import yaml

from bot.demo import install, places
from bot.demo.processes import ROOT, start
from bot.demo.progress import Progress
from bot.errors import ConfigError

BOT_TOKEN = "xoxb-local-demo"  # noqa: S105 – the local Slack takes any token of this shape
APP_TOKEN = "xapp-local-demo"  # noqa: S105
GATEWAY_PORT = 18443
PROGRESS = "progress.json"


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line asked for."""

    port: int
    kubeconfig: str
    """An existing cluster to use instead of a new one; it needs agent-sandbox and gVisor. '' means a new one."""
    gateway_host: str
    """The address of this machine that an existing cluster's pods reach; '' means to find it."""
    sandbox_image: str
    """The sandbox image for an existing cluster; '' means that its nodes have the demo's own."""
    state: Path
    scripted: bool
    """Answer questions from the recorded script instead of a model."""
    keep_cluster: bool


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
    if options.kubeconfig:
        progress.write("cluster", f"using the cluster of {options.kubeconfig}")
        place = await places.use_existing(options.kubeconfig, options.gateway_host, options.sandbox_image)
    else:
        place = await places.start_own(stack, progress, keep=options.keep_cluster)
    progress.write("apply", "installing the bot's manifests and the broken shop")
    await install.install(place, state)
    await install.deploy_shop(place, state)
    environment = dict(place.environment)
    bot_kubeconfig = await install.write_bot_kubeconfig(environment, state / "bot.kubeconfig")
    if options.scripted:
        environment |= await _start_script(stack)
    config = write_settings(state, options.port, place.gateway_host)
    progress.write("bot", "starting the bot")
    bot_environment = {**environment, "KUBECONFIG": str(bot_kubeconfig), "SLACK_API_URL": f"http://127.0.0.1:{options.port}/api/"}
    bot = await start(stack, [sys.executable, "-m", "bot.cli", "serve", "--config", str(config)], bot_environment)
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
    page = await start(stack, command, dict(os.environ))
    async with aiohttp.ClientSession() as session:
        for _ in range(200):
            with contextlib.suppress(aiohttp.ClientError):
                async with session.get(f"http://127.0.0.1:{options.port}/"):
                    return
            if page.returncode is not None:
                raise ConfigError(f"The local Slack did not start; is port {options.port} in use? Choose another with --port.")
            await asyncio.sleep(0.1)
    raise ConfigError("The local Slack did not answer within 20 seconds.")


def write_settings(state: Path, port: int, gateway_host: str) -> Path:
    """The demo's settings file: the local Slack's on-call group approves, the asker never approves their own change."""
    settings = {
        "slack": {"bot_token": BOT_TOKEN, "app_token": APP_TOKEN, "api_url": f"http://127.0.0.1:{port}/api/"},
        "clusters": [{"name": "demo", "namespace": "shop"}],
        "gateway": {"host": gateway_host, "port": GATEWAY_PORT},
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
    await start(stack, [sys.executable, "-m", "bot.agent.models.scripted", "--script", str(script), "--port", str(port)], dict(os.environ))
    return {"GOOGLE_GEMINI_BASE_URL": f"http://127.0.0.1:{port}", "GEMINI_API_KEY": "scripted", "GEMINI_MODEL": "scripted-demo"}
