"""The command line: `serve`, `demo`, `chat`, `approve`, `mcp-server`, `rehearse`, `replay`, `audit`, `doctor`.

What a subcommand needs is imported when it runs: the libraries for the model and Slack take seconds to load, and `rehearse` needs neither.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from importlib.metadata import version
from pathlib import Path

from bot import log, settings
from bot.errors import BotError, ConfigError

DEMO_STATE = Path("~/.local/state/kubectl-ai-slack/demo")


def main(argv: list[str] | None = None) -> int:
    """Runs one subcommand. Exit codes: 0 well, 1 a failure, 2 settings or cluster do not allow a start, 3 see `rehearse`."""
    arguments = sys.argv[1:] if argv is None else argv
    if Path(sys.argv[0]).name.startswith("kubectl-rehearse") and argv is None:
        arguments = ["rehearse", *arguments]
    code = _run_alone(arguments)
    if code is not None:
        return code
    options = _parser().parse_args(arguments)
    try:
        return asyncio.run(_run(options))
    except ConfigError as exc:
        print(f"kubectl-ai-slack: {exc}", file=sys.stderr)
        return 2
    except BotError as exc:
        print(f"kubectl-ai-slack: {exc}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _is_like_kubectl_ai(arguments: list[str]) -> bool:
    """Whether there are options and no subcommand, as harnesses call kubectl-ai."""
    return bool(arguments) and arguments[0].startswith("--") and arguments[0] not in ("--help", "--version")


def _run_alone(arguments: list[str]) -> int | None:
    """Runs a subcommand that reads its own options; None if it is none of these."""
    if arguments[:1] == ["rehearse"]:
        from bot import rehearse  # noqa: PLC0415 – see the module's docstring

        log.configure(settings.LogSettings(level="warning"))
        return rehearse.main(arguments[1:])
    if arguments[:1] == ["chat"] or _is_like_kubectl_ai(arguments):
        from bot.chat import running  # noqa: PLC0415

        return running.main(arguments[arguments[0] == "chat" :])
    if arguments[:1] == ["approve"]:
        from bot.chat import approving  # noqa: PLC0415

        return approving.main(arguments[1:])
    if arguments[:1] == ["mcp-server"]:
        from bot.mcp_server import running as mcp_running  # noqa: PLC0415

        return mcp_running.main(arguments[1:])
    if arguments[:1] == ["replay"]:
        from bot import replay  # noqa: PLC0415

        return replay.main(arguments[1:])
    return None


async def _run(options: argparse.Namespace) -> int:
    if options.subcommand == "demo":
        from bot.demo import launch  # noqa: PLC0415

        return await launch.run(
            launch.Options(
                options.port,
                options.kubeconfig or os.environ.get("KUBECONFIG_FOR_DEMO", ""),
                options.gateway_host or os.environ.get("GATEWAY_HOST", ""),
                os.environ.get("KUBECTL_AI_SANDBOX_IMAGE", ""),
                options.state,
                options.scripted,
                options.keep_cluster,
            ),
        )
    from bot import app  # noqa: PLC0415

    loaded = settings.load(options.config)
    log.configure(loaded.log)
    if options.subcommand == "serve":
        return await app.serve(loaded)
    if options.subcommand == "doctor":
        return await app.doctor(loaded)
    return await app.verify_audit(loaded)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="kubectl-ai-slack", description="kubectl-ai for Slack: rehearse, approve, replay.")
    parser.add_argument("--version", action="version", version=f"kubectl-ai-slack {version('kubectl-ai-slack')}")
    commands = parser.add_subparsers(dest="subcommand", required=True, metavar="COMMAND")
    config = argparse.ArgumentParser(add_help=False)
    config.add_argument(
        "--config", type=Path, default=settings.default_path(), help="the settings file (YAML); the environment wins over it"
    )
    commands.add_parser("serve", parents=[config], help="run the bot")
    commands.add_parser(
        "doctor", parents=[config], help="check settings, Slack, clusters, sandboxes, MCP servers, tools and runbooks, and say what to do"
    )
    commands.add_parser("audit", parents=[config], help="verify the chain of the audit log")
    commands.add_parser("rehearse", help="run a command on this machine and show what it would change (no Slack, no sandbox)")
    commands.add_parser("chat", help="ask in the terminal; changes are approved there (no Slack; takes kubectl-ai's options)")
    commands.add_parser("approve", help="decide in the terminal about a change that was proposed on this machine")
    commands.add_parser("mcp-server", help="offer rehearsals and proposals to MCP clients; people approve elsewhere")
    commands.add_parser(
        "replay", help="go through a recorded thread again, step by step, and show whether it is the same (for bug reports)"
    )
    show = commands.add_parser("demo", help="a cluster, a local Slack and the bot on this machine")
    show.add_argument("--port", type=int, default=8888, help="port of the local Slack on localhost (default: 8888)")
    show.add_argument("--kubeconfig", default="", help="use this cluster instead of starting one (also: KUBECONFIG_FOR_DEMO)")
    show.add_argument(
        "--gateway-host", default="", metavar="ADDRESS", help="with --kubeconfig: the address of this machine that its pods reach"
    )
    show.add_argument("--state", type=Path, default=DEMO_STATE, help="where the demo keeps its database and settings")
    show.add_argument("--scripted", action="store_true", help="answer questions from a recorded script instead of a model")
    show.add_argument("--keep-cluster", action="store_true", help="leave the cluster running at the end")
    return parser


if __name__ == "__main__":
    sys.exit(main())
