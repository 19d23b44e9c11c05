"""Runs programs in the container of a sandbox, and words what is wrong where that is refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from yarl import URL

from bot.errors import SandboxError, SandboxLostError, SandboxUnavailableError
from bot.kube import exec as kube_exec
from bot.kube.connection import KubeConnection
from bot.kube.exec import Ending, Rejected
from bot.kube.output import Output


@dataclass(frozen=True, slots=True)
class Target:
    """A container to run something in."""

    namespace: str
    pod: str
    container: str


async def execute(
    connection: KubeConnection,
    target: Target,
    command: Sequence[str],
    stdin: bytes,
    *,
    close_stdin: bool,
    stdout: Output,
    stderr: Output,
    most_bytes: int,
) -> Ending:
    """Runs a command, feeds it `stdin`, collects its output, and says how it ended.

    With `close_stdin` the program sees the end of its stdin after that; without, only when this call ends, in whatever way.
    Raises SandboxLostError if there is no such pod, SandboxError or SandboxUnavailableError if the exec is refused.
    """
    url = URL(f"{connection.server}/api/v1/namespaces/{target.namespace}/pods/{target.pod}/exec")
    query = [("command", word) for word in command]
    query += [("container", target.container), ("stdin", "true"), ("stdout", "true"), ("stderr", "true")]
    ending = await kube_exec.execute(
        connection.session,
        url.with_query(query),
        await connection.headers(),
        stdin,
        close_stdin=close_stdin,
        stdout=stdout,
        stderr=stderr,
        most_bytes=most_bytes,
        server_hostname=connection.server_hostname,
    )
    if isinstance(ending, Rejected):
        raise _explain_refusal(ending.status, target)
    return ending


def _explain_refusal(status: int, target: Target) -> SandboxError:
    if status == 404:
        return SandboxLostError(f"The sandbox's pod {target.pod} is gone, and the thread's files with it: ask again for a new one.")
    if status in {401, 403}:
        return SandboxError(
            f"The bot may not exec into pods of {target.namespace} ({status}): "
            "grant get and create on pods/exec there, as manifests/sandbox does."
        )
    if status == 429 or status >= 500:
        return SandboxUnavailableError(f"The API server could not open the exec into {target.pod} ({status}): try again.")
    return SandboxError(f"The API server refuses to exec into {target.pod} ({status}): Kubernetes 1.30 or newer is needed.")
