"""The proof that a sandbox is one: taken inside it, before its first command."""

from __future__ import annotations

import asyncio
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bot.errors import SandboxError, SandboxUnavailableError
from bot.kube.connection import KubeConnection
from bot.kube.exec import Broken, Exited
from bot.kube.output import Output
from bot.sandbox.exec import Target, execute

UID = 10001
_SCRIPT = Path(__file__).with_name("proof.sh").read_text(encoding="utf-8")
_CONNECT_SECONDS = 1.0
_GATEWAY_SECONDS = 2.0
_ATTEMPTS = 3
_PAUSE_SECONDS = 1.0
_PROOF_SECONDS = 20.0
_VERSION = re.compile(r"^kubectl (v[0-9][\w.+-]{0,60})$", re.MULTILINE)
_FIRST = "/bin/bash /usr/local/bin/kubectl-ai-runner idle"

_OLDER_KERNEL = "Linux version 4.4.0 #1 SMP Sun Jan 10 15:06:54 PST 2016"
"""What gVisor called its kernel before April 2026 (google/gvisor#13016). A real one of that version names its compiler there too."""

METADATA_SERVICE = (("metadata-service", "169.254.169.254", 80), ("metadata-service-ipv6", "fd00:ec2::254", 80))
"""Where the large clouds hand out a node's credentials."""
INTERNET = (("internet", "1.1.1.1", 443), ("internet-ipv6", "2606:4700:4700::1111", 443))


@dataclass(frozen=True, slots=True)
class Expected:
    """The one address that must answer, and those that must not: (name, IP address, port)."""

    gateway: tuple[str, int]
    closed: Sequence[tuple[str, str, int]]
    asks_version: bool = False
    """Whether the proof shall tell the version of kubectl besides, which takes it half a second."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a proof came to. Both empty: the sandbox is isolated."""

    faults: tuple[str, ...] = ()
    """Sentences about what is wrong and stays so."""
    network: tuple[str, ...] = ()
    """Sentences about the network, which may take a moment to apply its policy to a new pod."""


async def prove(connection: KubeConnection, target: Target, expected: Expected) -> str:
    """Takes the proof, again for a few seconds while only the network falls short; the version of kubectl, if it was asked for and is
    known. Raises SandboxError with every fault."""
    judgement, printed = Judgement(), ""
    for attempt in range(_ATTEMPTS):
        if attempt:
            await asyncio.sleep(_PAUSE_SECONDS)
        printed = await _take(connection, target, expected)
        judgement = judge_proof(printed, expected)
        if judgement.faults or not judgement.network:
            break
    if problems := (*judgement.faults, *judgement.network):
        raise SandboxError(f"The sandbox is not isolated and is not used. {' '.join(problems)}")
    return read_version(printed)


async def _take(connection: KubeConnection, target: Target, expected: Expected) -> str:
    stdout, stderr = Output(64_000), Output(4000)
    try:
        async with asyncio.timeout(_PROOF_SECONDS):
            ending = await execute(
                connection,
                target,
                ("/bin/bash", "-s"),
                write_script(expected),
                close_stdin=True,
                stdout=stdout,
                stderr=stderr,
                most_bytes=1_000_000,
            )
    except TimeoutError as exc:
        raise SandboxUnavailableError(f"The sandbox {target.pod} did not answer within {_PROOF_SECONDS:g} s: try again.") from exc
    if isinstance(ending, Broken):
        raise SandboxUnavailableError(f"The sandbox {target.pod} cannot be examined ({ending.why}): is bash in its image?")
    if ending != Exited(0):
        raise SandboxError(f"The sandbox {target.pod} cannot be examined ({ending}): use the image of the Dockerfile's target `sandbox`.")
    return stdout.render()


def write_script(expected: Expected) -> bytes:
    """The proof as a Bash script, with the addresses to try at its head."""
    closed = " ".join(shlex.quote(f"{name} {host} {port}") for name, host, port in expected.closed)
    gateway = shlex.quote(f"{expected.gateway[0]} {expected.gateway[1]}")
    numbers = f"patience={_GATEWAY_SECONDS:g} seconds={_CONNECT_SECONDS:g} version={'wanted' if expected.asks_version else ''}"
    return f"gateway={gateway} {numbers}\nclosed=({closed})\n{_SCRIPT}".encode()


def read_version(printed: str) -> str:
    """The version of kubectl in what the script printed; '' if it is not there."""
    found = _VERSION.search(printed)
    return found[1] if found is not None else ""


def judge_proof(printed: str, expected: Expected) -> Judgement:
    """Reads what the script printed. A line that is not there counts against the sandbox."""
    lines = [line.partition(" ")[::2] for line in printed.splitlines()]
    facts: Mapping[str, str] = dict(lines)
    reached = [value.split() for name, value in lines if name == "reached"]
    if "done" not in facts:
        return Judgement(faults=("The proof did not come to its end.",))
    return Judgement(faults=tuple(_find_faults(facts)), network=tuple(_find_ways_out(reached, expected)))


def _find_faults(facts: Mapping[str, str]) -> list[str]:
    faults = []
    kernel = facts.get("kernel", "")
    if "gvisor" not in kernel.lower() and kernel != _OLDER_KERNEL:
        faults.append("Its kernel is not gVisor's: the RuntimeClass must lead to runsc.")
    if "token" in facts:
        faults.append(f"A service account token is mounted at {facts['token']}: set automountServiceAccountToken to false.")
    if facts.get("uid") != str(UID):
        faults.append(f"It runs as user {facts.get('uid', '?')}: set runAsUser to {UID}.")
    if facts.get("root") != "ro":
        faults.append("Its root file system can be written: set readOnlyRootFilesystem to true.")
    if facts.get("CapEff", "").strip("0") or "CapEff" not in facts:
        faults.append("It has Linux capabilities: drop ALL of them.")
    if facts.get("NoNewPrivs") != "1":
        faults.append("Its processes may gain privileges: set allowPrivilegeEscalation to false.")
    if "home" not in facts:
        faults.append("Its home cannot be written: mount an emptyDir there and set fsGroup.")
    if facts.get("first") != _FIRST:
        faults.append("Its first process is another one than the runner's: set command to [/usr/local/bin/kubectl-ai-runner, idle].")
    return faults


def _find_ways_out(reached: Sequence[Sequence[str]], expected: Expected) -> list[str]:
    open_ones = [f"{name} ({host}:{port})" for name, host, port in reached if name != "gateway"]
    faults = []
    if open_ones:
        faults.append(
            f"It reaches {', '.join(open_ones)}: use a network that enforces NetworkPolicy, and allow egress to the gateway only."
        )
    if not any(name == "gateway" for name, _, _ in reached):
        host, port = expected.gateway
        faults.append(
            f"It does not reach the gateway at {host}:{port}: allow that egress in the SandboxTemplate, and check gateway.advertise."
        )
    return faults
