"""`kubectl-ai-slack rehearse`: a safe dry run of any script on this machine, without Slack, sandbox or model.

The command runs with a KUBECONFIG that leads to the gateway and nowhere else; where the machine allows it, so do the person's own
kubeconfigs. It is not sandboxed: it can do to this machine what its user can, and reach a cluster by any other way it knows.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TextIO

import orjson

from bot import log
from bot.changes import diff, propose, undo
from bot.changes.change import Change, State
from bot.changes.impact import lines as impact
from bot.changes.impact.look import look
from bot.changes.impact.surroundings import Surroundings
from bot.errors import BotError, ConfigError
from bot.gateway.clusters import GatewayCluster
from bot.local import command, covering, report
from bot.local.cluster import LocalCluster, open_cluster, read_context
from bot.settings import LogSettings
from bot.slack import limits
from bot.slack.rendering.differences import describe_creation, describe_fields
from bot.values.people import Person
from bot.values.requests import Recording

_NOBODY = Person("local", "", "local")
_THREAD = "local"
_EPILOG = """\
examples:
  %(prog)s -- kubectl -n shop scale deploy/web --replicas=5
  %(prog)s -- 'kubectl apply -f app/ && kubectl rollout status deploy/web'
  %(prog)s --apply -- ./migrate.sh

COMMAND finds the cluster by the KUBECONFIG that it is given, and in place of ~/.kube/config where the machine allows that: what names
another one (`kubectl --kubeconfig FILE`), or has other credentials, goes past the rehearsal.

exit codes:
  0    nothing was recorded, whatever the exit code of COMMAND
  1    the change could not be applied whole, or only a part of COMMAND was rehearsed and nothing was recorded
  2    it could not start
  3    something was recorded (also if it was applied)
  130  interrupted by Ctrl-C; nothing is applied (other signals: 128 + their number)"""
_UNCOVERED = "rehearse: this machine cannot keep your own kubeconfig from a command: what named it went past the rehearsal."
_NOT_SANDBOXED = "rehearse: the command is not sandboxed; its requests to the cluster are rehearsed, whatever else it does is real."


def main(argv: Sequence[str]) -> int:
    """Runs the subcommand. Exit codes: 0 nothing was recorded, 3 something was, 2 it could not start, 1 it failed, 130 Ctrl-C."""
    log.configure(LogSettings(level="error"))
    logging.getLogger("kubernetes").setLevel(logging.CRITICAL)  # what it says of a kubeconfig is told in a sentence of ours
    parser = _parser()
    options = parser.parse_args(_split_command(argv))
    if options.yes and not options.apply:
        parser.error("--yes goes with --apply")
    if not "".join(options.command).strip():
        _complain("rehearse: name a command after `--`, for example: rehearse -- kubectl get pods")
        return 2
    try:
        return asyncio.run(_run(options))
    except ConfigError as exc:
        _complain(f"rehearse: {exc}")
        return 2
    except BotError as exc:
        _complain(f"rehearse: {exc}")
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="kubectl rehearse" if Path(sys.argv[0]).name.startswith("kubectl-rehearse") else "kubectl-ai-slack rehearse",
        usage="%(prog)s [--kubeconfig FILE] [--context NAME] [--json] [--apply [--yes]] -- COMMAND [ARGUMENT ...]",
        description="Runs COMMAND on this machine against a recording gateway and prints what it would change in the cluster.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--kubeconfig", default="", metavar="FILE", help="the cluster (default: KUBECONFIG, ~/.kube/config)")
    parser.add_argument("--context", default="", metavar="NAME", help="context in the kubeconfig (default: its current one)")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of the output and the change")
    parser.add_argument("--apply", action="store_true", help="apply the change after a question")
    parser.add_argument("--yes", action="store_true", help="with --apply: do not ask")
    parser.add_argument("command", nargs="*", metavar="COMMAND", help="the whole command; one word is run by `bash -c`")
    return parser


def _split_command(argv: Sequence[str]) -> list[str]:
    """Protects the command's own options: everything after `--`, or after the first word that is not ours, belongs to it."""
    arguments = list(argv)
    with_value = {"--kubeconfig", "--context"}
    place = 0
    while place < len(arguments) and arguments[place].startswith("-") and arguments[place] != "--":
        place += 2 if arguments[place] in with_value else 1
    if place < len(arguments) and arguments[place] != "--":
        arguments.insert(place, "--")
    return arguments


async def _run(options: argparse.Namespace) -> int:
    context = read_context(options.kubeconfig, options.context)
    # Clients may act as others (`--as`): the credential is the person's own, and so is the command.
    async with open_cluster(context, may_impersonate=True) as local:
        return await _rehearse(local, options)


async def _rehearse(local: LocalCluster, options: argparse.Namespace) -> int:
    _complain(_NOT_SANDBOXED)
    cluster = local.cluster
    argv = ["bash", "-c", "--", options.command[0]] if len(options.command) == 1 else options.command
    with tempfile.TemporaryDirectory(prefix="rehearse-") as folder:
        async with cluster.rehearse(_THREAD, _NOBODY, "", "", is_quiet=True) as rehearsal:
            kubeconfig = Path(folder) / "kubeconfig"
            kubeconfig.touch(mode=0o600)
            kubeconfig.write_text(local.name_like_theirs(rehearsal.kubeconfig), encoding="utf-8")
            environment = {**os.environ, "KUBECONFIG": str(kubeconfig), "KUBECACHEDIR": str(Path(folder) / "cache")}
            theirs = covering.find_files(local.context.path)
            prepare = partial(covering.cover, theirs, kubeconfig)
            ran = await command.run(argv, environment, rehearsal.stopped(), is_captured=options.json, prepare=prepare)
            if theirs and not ran.is_prepared:
                _complain(_UNCOVERED)
            recording = rehearsal.end().as_taken_by(ran.exit_code)
    if options.json:
        _say(orjson.dumps(report.describe(ran.exit_code, ran.stdout, ran.stderr, recording)).decode())
    else:
        _print_change(recording)
        _print_impact(recording, await look(cluster.api_for(_THREAD), None, recording.writes))
        if recording.writes and not options.apply and not ran.interrupt:
            _complain("rehearse: nothing is applied yet; --apply does so.")
    if ran.interrupt:
        _complain("rehearse: interrupted; nothing is applied.")
        return 128 + ran.interrupt
    if not ran.has_begun:
        _complain(f"rehearse: {argv[0]} could not be run: is it installed, and is this the whole command (kubectl get pods)?")
        return 2
    if ran.exit_code and not ran.is_stopped and not options.json:
        _complain(f"rehearse: the command ended with exit code {ran.exit_code}.")
    if options.apply and recording.writes and not await _apply(cluster, options, recording):
        return 1
    if recording.writes or recording.connects or recording.refused:
        return 3
    return 1 if recording.stopped else 0


async def _apply(cluster: GatewayCluster, options: argparse.Namespace, recording: Recording) -> bool:
    """Applies the change if its user wants it; False if that was not the whole command."""
    count = f"{len(recording.writes)} write{'s' if len(recording.writes) > 1 else ''}"
    if not options.yes and not await _agrees(f"rehearse: apply {count} now? [y/N] "):
        _complain("rehearse: not applied.")
        return True
    from bot.local import apply  # noqa: PLC0415 – the database library takes half a second, and only this needs it

    change = await apply.apply(
        recording, cluster.api_for(_THREAD), cluster=cluster.name, namespace=cluster.namespace, command=" ".join(options.command)
    )
    _print_outputs(change, is_alone=options.json)
    _complain(f"rehearse: {change.state.value}. {change.reason}".rstrip())
    if recording.stopped:
        _complain("rehearse: what follows in the command was not rehearsed, and is not applied.")
    return change.state is State.DONE and not recording.stopped


async def _agrees(question: str) -> bool:
    if not sys.stdin.isatty():
        _complain("rehearse: there is no terminal to ask at; add --yes to apply.")
        return False
    sys.stderr.write(question)
    sys.stderr.flush()
    await _wait_for_line()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


async def _wait_for_line() -> None:
    """Waits for a line on the terminal in the event loop, since a thread that reads could not be interrupted. Raises KeyboardInterrupt.
    Until here interrupts went to the command; from here they mean the question, and once it is answered they do not break off a replay."""
    loop = asyncio.get_running_loop()
    arrived: asyncio.Future[bool] = loop.create_future()

    def settle(is_interrupted: bool) -> None:
        if not arrived.done():
            arrived.set_result(is_interrupted)

    loop.add_signal_handler(signal.SIGINT, settle, True)
    loop.add_reader(sys.stdin.fileno(), settle, False)
    try:
        if await arrived:
            raise KeyboardInterrupt
    finally:
        loop.remove_reader(sys.stdin.fileno())


def _print_change(recording: Recording) -> None:
    if recording.stopped:
        _complain(recording.stopped)
    for write in recording.writes:
        shown = diff.of_write(write)
        _say(f"{shown.action} {shown.title}")
        describe = describe_creation if shown.action == "create" else describe_fields
        drawn = describe(shown.fields, sys.maxsize, limits.WINDOW_VALUE_CHARS)  # a terminal has no Details
        for line in "\n".join(drawn).splitlines():
            _say(f"  {line}")
        for note in shown.notes:
            _say(f"  ! {note}")
    for refused in recording.refused:
        _say(refused.sentence)


def _print_impact(recording: Recording, around: Surroundings) -> None:
    diffs = [diff.of_write(write) for write in recording.writes]
    for line in [*propose.say_how_far(recording), *impact.lines(recording.writes, diffs, around), *undo.cautions(recording.writes, diffs)]:
        _say(f"  • {line}")


def _print_outputs(change: Change, *, is_alone: bool) -> None:
    """What execs printed. `is_alone`: stdout holds one JSON object and nothing else, so it goes to stderr."""
    for send in change.sends:
        if send.output is None:
            continue
        out = _complain if is_alone else _say
        for say, text in ((out, send.output.stdout), (_complain, send.output.stderr)):
            if text:
                say(text.removesuffix("\n"))
        for text in (send.message, send.output.note):
            if text:
                _complain(f"rehearse: exec {send.position + 1}: {text}")


def _say(text: str) -> None:
    _write_line(sys.stdout, text)


def _complain(text: str) -> None:
    _write_line(sys.stderr, text)


def _write_line(stream: TextIO, text: str) -> None:
    try:
        stream.write(f"{text}\n")
        stream.flush()
    except BrokenPipeError:  # its reader is gone (`| head`): what is left to say goes nowhere, and the exit code still counts
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
