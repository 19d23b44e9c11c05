"""What runs: for people (``status``) and for the environment of other programs (``env``)."""

import os
import shlex
import time
from pathlib import Path

from tests.cluster import apiserver, layout, node, processes, programs
from tests.cluster.build import find_built
from tests.cluster.layout import Paths
from tests.cluster.start import ALL, connect


def find_cluster(state: Path | None) -> Paths:
    """The cluster of a state folder; without one, the cluster of this machine, wherever its state is."""
    return layout.full_cluster(state or node.find_owner())


def show(paths: Paths) -> tuple[str, bool]:
    """A report on the full cluster, and whether all of it runs."""
    running = {record.name: record for record in processes.list_running(paths.processes)}
    ours = node.find_owner() == paths.state
    lines = [f"cluster     {layout.NAME}, state in {paths.state}", f"kubeconfig  {paths.kubeconfig}"]
    lines.append(f"versions    {', '.join(f'{name} {version}' for name, version in programs.read_versions().items())}")
    for name in ALL:
        record = running.get(name) if ours else None
        lines.append(f"  {name:26}{_show_age(record.started) if record else 'not running'}")
    complete = ours and all(name in running for name in ALL)
    ready = complete and _is_ready(paths)
    if not complete:
        lines.append("not all of it runs: `python3 -m tests.cluster up` starts what is missing")
    elif not ready:
        lines.append(f"the API server does not answer: see {paths.logs}")
    return "\n".join(lines), ready


def show_apiserver(paths: Paths) -> tuple[str, bool]:
    """The same for an API server alone."""
    complete = apiserver.is_running(paths)
    return f"API server  {'running' if complete else 'not running'}, state in {paths.state}\nkubeconfig  {paths.kubeconfig}", complete


def render_environment(paths: Paths) -> str:
    """Lines for ``env`` or ``eval``: how to reach the cluster, and where pods reach servers of this machine."""
    exempt = [name for name in (os.environ.get("NO_PROXY"), layout.BRIDGE_ADDRESS) if name]
    values = {
        "KUBECONFIG": str(paths.kubeconfig),
        "PATH": f"{find_built().bin}:{os.environ.get('PATH', '/usr/bin:/bin')}",
        "NO_PROXY": ",".join(exempt),
        "GATEWAY_ADDRESS": layout.BRIDGE_ADDRESS,
        "AUDIT_LOG": str(paths.audit_log),
    }
    return "\n".join(f"{name}={shlex.quote(value)}" for name, value in values.items())


def _is_ready(paths: Paths) -> bool:
    return connect(paths, find_built()).is_ready()


def _show_age(started: float) -> str:
    seconds = int(time.time() - started)
    age = f"{seconds} s" if seconds < 120 else f"{seconds // 60} min" if seconds < 7200 else f"{seconds // 3600} h"
    return f"running for {age}, since {time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(started))}"
