"""Where the demo runs: a cluster of its own on this machine, or one that somebody has."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import json
import os
import shutil
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.demo.processes import ROOT, call, read
from bot.demo.progress import Progress
from bot.errors import ConfigError
from bot.kube.connection import connect
from bot.sandbox.preflight import check_kinds

GATEWAY_HOST = "10.244.0.1"
"""The bridge of the demo's own cluster: the one address of this machine that its pods reach."""
SANDBOX_IMAGE = "kas.local/sandbox:1"
"""The sandbox image, as the demo's own cluster names it."""
SHOP = "shop"
MADE_BY_DEMO = "kubectl-ai-slack-demo"
"""Value of `app.kubernetes.io/part-of` on the shop's namespace."""
_TOOL = [sys.executable, "-m", "tests.cluster"]


@dataclass(frozen=True, slots=True)
class Place:
    """A cluster to run the demo on."""

    environment: Mapping[str, str]
    """With its administrator's KUBECONFIG, and a PATH that has kubectl."""
    gateway_host: str
    """The address of this machine that pods reach."""
    sandbox_image: str
    is_own: bool
    """Whether the demo made it, and may do there what it likes."""


async def start_own(stack: contextlib.AsyncExitStack, progress: Progress, *, keep: bool) -> Place:
    """Builds what is missing and starts a cluster, which ends with the stack unless it is to be kept. Raises ConfigError."""
    if not (ROOT / "tests" / "cluster").is_dir():
        raise ConfigError("The demo's cluster is part of the source tree: run `make demo` there, or name a cluster with --kubeconfig.")
    if os.geteuid() != 0:
        raise ConfigError("Starting a cluster needs root: run as root, or name an existing cluster with --kubeconfig.")
    for phase in ("build", "up"):
        part = progress.path.with_name(f"{phase}.json")
        part.unlink(missing_ok=True)
        following = asyncio.create_task(progress.follow(part))
        try:
            process = await asyncio.create_subprocess_exec(*_TOOL, phase, "--progress", str(part), cwd=ROOT)
            if await process.wait() != 0:
                raise ConfigError(f"The cluster could not be set up (`python3 -m tests.cluster {phase}`); the lines above say why.")
        finally:
            following.cancel()
    if not keep:
        stack.push_async_callback(call, [*_TOOL, "down"])
    return own({**os.environ, **read_environment(await read([*_TOOL, "env"], os.environ))})


def own(environment: Mapping[str, str]) -> Place:
    """The demo's own cluster, which runs already."""
    return Place(environment, GATEWAY_HOST, SANDBOX_IMAGE, is_own=True)


async def use_existing(kubeconfig: str, gateway_host: str, sandbox_image: str) -> Place:
    """A cluster of the user's; what is not said ('') is found out. Looks whether it has what the demo needs, and changes nothing.
    Raises ConfigError with all that is missing."""
    files = os.pathsep.join(str(Path(file).expanduser().resolve()) for file in kubeconfig.split(os.pathsep))
    environment = {**os.environ, "KUBECONFIG": files, "PATH": await _find_kubectl()}
    async with await connect(files) as connection:
        problems = await check_kinds(connection)
    nodes = json.loads(await read(["kubectl", "get", "nodes", "--output=json"], environment))["items"]
    sandbox_image = sandbox_image or find_sandbox_image(nodes)
    if not sandbox_image:
        problems.append(
            "The cluster has no sandbox image: build the Dockerfile's target `sandbox`, put it where the nodes can pull it, and name it in "
            "KUBECTL_AI_SANDBOX_IMAGE."
        )
    gateway_host = gateway_host or find_gateway_host(nodes)
    if not gateway_host:
        problems.append("No way from the cluster's nodes to this machine was found: give an address of this machine with --gateway-host.")
    problems += await _find_strangers(environment)
    if problems:
        raise ConfigError("\n  ".join(problems))
    return Place(environment, gateway_host, sandbox_image, is_own=False)


def find_sandbox_image(nodes: list[dict[str, Any]]) -> str:
    """The sandbox image of the demo's own cluster, if every node has it already; else ''."""
    names = [{name for image in node["status"].get("images") or () for name in image.get("names") or ()} for node in nodes]
    return SANDBOX_IMAGE if names and all(SANDBOX_IMAGE in of_node for of_node in names) else ""


def find_addresses(nodes: list[dict[str, Any]]) -> list[str]:
    """The nodes' own IP addresses."""
    every = [address for node in nodes for address in node["status"].get("addresses") or ()]
    return [address["address"] for address in every if address["type"] == "InternalIP"]


def read_environment(lines: str) -> dict[str, str]:
    """The variables of `tests.cluster env`: lines that a shell can evaluate."""
    found = {}
    for line in lines.splitlines():
        name, equals, value = line.removeprefix("export ").partition("=")
        if equals and name.isidentifier():
            found[name] = os.path.expandvars(value.strip("'\""))
    return found


def find_gateway_host(nodes: list[dict[str, Any]]) -> str:
    """The address from which this machine talks to a node: the node, and the pods behind it, can talk back to it. Nothing is sent."""
    for address in find_addresses(nodes):
        version = socket.AF_INET6 if ipaddress.ip_address(address).version == 6 else socket.AF_INET
        with contextlib.suppress(OSError), socket.socket(version, socket.SOCK_DGRAM) as probe:
            probe.connect((address, 9))
            return str(probe.getsockname()[0])
    return ""


async def _find_kubectl() -> str:
    """A PATH with a kubectl on it: the user's, or the one that was built for the demo's own cluster. Raises ConfigError."""
    if shutil.which("kubectl"):
        return os.environ["PATH"]
    if (ROOT / "tests" / "cluster").is_dir():
        path = read_environment(await read([*_TOOL, "env"], os.environ))["PATH"]
        if shutil.which("kubectl", path=path):
            return path
    raise ConfigError("There is no kubectl on the PATH: install it, or build it with `make cluster-build`.")


async def _find_strangers(environment: Mapping[str, str]) -> list[str]:
    """What the demo would overwrite and has not made."""
    problems = []
    get = ["kubectl", "get", "--ignore-not-found", "--output=json"]
    namespace = await read([*get, "namespace", SHOP], environment)
    if namespace and (json.loads(namespace)["metadata"].get("labels") or {}).get("app.kubernetes.io/part-of") != MADE_BY_DEMO:
        problems.append(f"The cluster has a namespace {SHOP} that the demo did not make: name another cluster, or delete it.")
    if await read([*get, "--namespace=kubectl-ai", "deployment", "kubectl-ai-slack"], environment):
        problems.append("The bot is installed in this cluster already (namespace kubectl-ai): name another cluster.")
    return problems
