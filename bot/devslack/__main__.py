"""`python -m bot.devslack`: serve a local Slack until interrupted."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from pathlib import Path

from bot.devslack.config import Config
from bot.devslack.fixture import build_default_workspace, read_workspace
from bot.devslack.server import serve
from bot.errors import ConfigError


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0 after an interrupt, 2 if it cannot start."""
    options = _build_parser().parse_args(arguments)
    try:
        workspace = read_workspace(options.workspace) if options.workspace else build_default_workspace()
        config = Config(
            workspace=workspace, journal=options.journal, setup_progress=options.setup_progress, enforce_rates=options.enforce_rates
        )
        asyncio.run(_serve_until_signal(config, options.host, options.port))
    except ConfigError as exc:
        sys.stderr.write(f"{exc}\n")
        return 2
    return 0


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bot.devslack", description="A local Slack to try the bot with. Loopback only.")
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address (default 127.0.0.1)")
    parser.add_argument("--port", type=int, default=8888, help="default 8888")
    parser.add_argument("--workspace", type=Path, help="YAML file with people, channels and user groups")
    parser.add_argument("--journal", type=Path, help="JSONL file that keeps the conversation between runs")
    parser.add_argument("--enforce-rates", action="store_true", help="answer 429 above Slack's rates")
    parser.add_argument("--setup-progress", type=Path, help="JSON file with the progress of a set-up to show on the page")
    return parser


async def _serve_until_signal(config: Config, host: str, port: int) -> None:
    serving = asyncio.create_task(serve(config, host, port))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, serving.cancel)
    try:
        await serving
    except asyncio.CancelledError:
        if not serving.cancelled():
            raise


if __name__ == "__main__":
    sys.exit(main())
