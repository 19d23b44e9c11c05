"""Runs an exec for real, once: an approved one, or one that the settings let through. What it prints leaves here redacted."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace

import structlog
from yarl import URL

from bot.errors import UpstreamUnavailableError
from bot.gateway.hiding.redaction import Redactor
from bot.kube import exec as kube_exec
from bot.kube import output
from bot.kube.connection import KubeConnection
from bot.kube.exec import Broken, Ending, Exited, Flooded, Rejected
from bot.values.execs import Executed, Output

log = structlog.get_logger()

_NOT_STARTED = ("failed to start exec", "failed to create exec", "executable file not found", "container not found", "unable to upgrade")
"""What container runtimes and the kubelet say when there was nothing to run, or nothing to run it in."""


async def execute(
    connection: KubeConnection,
    url: URL,
    headers: Mapping[str, str],
    stdin: bytes | None,
    redactor: Redactor,
    *,
    seconds: float,
    most_bytes: int,
    kept_bytes: int,
) -> Executed:
    """Runs what the URL says, over a connection of its own. `stdin` None: it asks for none.

    After `seconds` or `most_bytes` of output it is cut off; of text, head and tail within `kept_bytes` are kept.
    Raises UpstreamUnavailableError if there is no connection: nothing was sent then.
    """
    stdout, stderr = output.Output(most_bytes), output.Output(kept_bytes)
    ending: Ending | Rejected | None = None
    async with connection.open_fresh() as session:
        try:
            async with asyncio.timeout(seconds):
                ending = await kube_exec.execute(
                    session,
                    url,
                    headers,
                    stdin or b"",
                    close_stdin=stdin is not None,
                    stdout=stdout,
                    stderr=stderr,
                    most_bytes=most_bytes,
                    server_hostname=connection.server_hostname,
                )
        except TimeoutError:
            log.info("exec_cut_off", seconds=seconds)
    if isinstance(ending, Broken) and not ending.was_sent:
        raise UpstreamUnavailableError(f"The Kubernetes API does not answer: {ending.why}.")
    printed, data = _read(stdout, stderr, kept_bytes)
    why = _explain(ending, seconds)
    shown = replace(
        printed,
        exit_code=ending.code if isinstance(ending, Exited) else None,
        stdout=await asyncio.to_thread(redactor.redact_text, printed.stdout),
        stderr=await asyncio.to_thread(redactor.redact_text, printed.stderr),
    )
    return Executed(shown, data, redactor.redact_text(why), has_started=not _is_surely_unrun(ending, why))


def _read(stdout: output.Output, stderr: output.Output, kept_bytes: int) -> tuple[Output, bytes]:
    """What was printed as text, and stdout as it came if it is none."""
    data = stdout.data
    is_text = _is_text(data)
    shown = output.Output(kept_bytes)
    shown.add(data if is_text else b"")
    is_cut = bool(shown.missing or stderr.missing or stdout.missing)
    return Output(stdout=shown.render(), stderr=stderr.render(), truncated=is_cut), b"" if is_text else data


def _is_text(data: bytes) -> bool:
    if b"\0" in data:
        return False
    try:
        data.decode()
    except UnicodeDecodeError as exc:
        return exc.start > len(data) - 4  # only its last character is cut
    return True


def _explain(ending: Ending | Rejected | None, seconds: float) -> str:
    """Why there is no exit code; '' if there is one."""
    match ending:
        case None:
            return f"it was cut off after {seconds:g} s"
        case Flooded():
            return "it was cut off because it printed too much"
        case Broken(why):
            return why
        case Rejected(101):
            return "the API server does not speak the exec protocol v5 (Kubernetes 1.30 or newer is needed)"
        case Rejected(403):
            return "the API server refuses it (403): grant get and create on pods/exec to the account that changes are made as"
        case Rejected(status):
            return f"the API server refuses it ({status})"
        case _:
            return ""


def _is_surely_unrun(ending: Ending | Rejected | None, why: str) -> bool:
    """Whether it is certain that nothing was started. In doubt it is not."""
    if isinstance(ending, Rejected):
        return 400 <= ending.status < 500
    return isinstance(ending, Broken) and any(words in why for words in _NOT_STARTED)
