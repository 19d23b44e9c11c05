"""What the gateway adds to a request: `python -m bench.gateway [--kubeconfig F]`. Prints a table, asserts nothing.

Without a kubeconfig it starts an API server of its own. The gateway runs in a process of its own, as it does for a sandbox; direct and
through the gateway alternate in one run, so that both see the same load of the machine.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import os
import resource
import secrets
import ssl
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import orjson

from bot.gateway.clusters import open_clusters
from bot.gateway.limits import Limits
from bot.gateway.server import Gateway
from bot.kube.connection import KubeConnection, connect
from bot.settings import ClusterSettings, GatewaySettings
from bot.values.people import Person

NAMESPACE = "gateway-bench"
OBJECTS, EVENTS = 2000, 5000
MANY_PODS, FEW_PODS = 10_000, 2_000
WATCHES = 200
WRITES = 1000
ROUNDS = 5
_SMALL = "at most 1 / 5 ms added"
_LIST = "as fast as direct"
_REDACTED = "at most 2 times direct"


@dataclass(frozen=True, slots=True)
class Target:
    """A way to the API server: an open session and its base address."""

    name: str
    session: aiohttp.ClientSession
    server: str
    headers: dict[str, str]

    async def read(self, path: str) -> int:
        async with self.session.get(self.server + path, headers=self.headers) as response:
            size = 0
            async for chunk in response.content.iter_any():
                size += len(chunk)
            response.raise_for_status()
            return size

    async def patch(self, path: str, body: bytes) -> None:
        headers = {**self.headers, "Content-Type": "application/merge-patch+json"}
        async with self.session.patch(self.server + path, data=body, headers=headers) as response:
            await response.read()
            response.raise_for_status()


async def _main(kubeconfig: str) -> None:
    async with await connect(kubeconfig) as connection, _gateway(kubeconfig) as (through, pid):
        direct = Target("direct", connection.session, connection.server, await connection.headers())
        both = [direct, through]
        at_rest = _resident(pid)
        await _fill(connection, direct)
        base = f"/api/v1/namespaces/{NAMESPACE}"
        print(f"{'what':52} {'direct':>22} {'gateway':>22} {'added':>22}  ratio  aim")
        await _compare("GET of one ConfigMap, p50 / p99 ms", 1000, both, f"{base}/configmaps/c-1", _SMALL)
        await _compare("GET of one Secret, redacted, p50 / p99 ms", 400, both, f"{base}/secrets/s-1", _SMALL)
        await _compare(f"LIST of {OBJECTS} ConfigMaps, looked at, p50 / p99 ms", 30, both, f"{base}/configmaps", _REDACTED)
        await _compare(f"LIST of {OBJECTS} Secrets, redacted, p50 / p99 ms", 30, both, f"{base}/secrets", _REDACTED)
        await _compare(f"LIST of {EVENTS} Events, looked at, p50 / p99 ms", 30, both, f"{base}/events", _REDACTED)
        await _compare(f"LIST of {FEW_PODS} pods, p50 / p99 ms", 30, both, f"{base}/pods?labelSelector=few", _LIST)
        await _compare(f"LIST of {MANY_PODS} pods, p50 / p99 ms", 15, both, f"{base}/pods", _LIST)
        after_lists = _resident(pid)
        with_watches = await _compare_watches(both, f"{base}/configmaps", pid)
        await _compare_writes(direct, through, f"{base}/configmaps/")
        print(
            f"memory of the gateway's process, MB: at rest {at_rest:.0f}, after the lists {after_lists:.0f}, "
            f"with {WATCHES} watches {with_watches:.0f}, after {WRITES} rehearsed writes {_resident(pid):.0f}"
        )
        await direct.session.delete(f"{direct.server}/api/v1/namespaces/{NAMESPACE}", headers=direct.headers)


def _resident(pid: int) -> float:
    """Megabytes that a process holds."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


async def _compare_watches(targets: list[Target], path: str, pid: int) -> float:
    """From a write to the event of it at each of many watches; the gateway's megabytes meanwhile."""
    times: dict[str, list[float]] = {target.name: [] for target in targets}
    resident = 0.0
    for target in targets:
        watches = [
            await target.session.get(f"{target.server}{path}?watch=1&fieldSelector=metadata.name%3Dc-0", headers=target.headers)
            for _ in range(WATCHES)
        ]
        for watch in watches:
            await watch.content.readline()  # the object as it is
        for number in range(ROUNDS):
            start = time.perf_counter()
            seen = [asyncio.create_task(_next_event(watch)) for watch in watches]
            await targets[0].patch(f"{path}/c-0", orjson.dumps({"data": {"round": f"{target.name}-{number}"}}))
            times[target.name] += [(end - start) * 1000 for end in await asyncio.gather(*seen)]
        resident = _resident(pid)
        for watch in watches:
            watch.close()
    _show(f"write to event at {WATCHES} watches, p50 / p99 ms", times)
    return resident


async def _next_event(watch: aiohttp.ClientResponse) -> float:
    await watch.content.readline()
    return time.perf_counter()


async def _compare(what: str, count: int, targets: list[Target], path: str, aim: str = "") -> None:
    times: dict[str, list[float]] = {target.name: [] for target in targets}
    for target in targets:
        await target.read(path)
    for _ in range(count):
        for target in targets:
            start = time.perf_counter()
            await target.read(path)
            times[target.name].append((time.perf_counter() - start) * 1000)
    _show(what, times, aim)


async def _compare_writes(direct: Target, through: Target, base: str) -> None:
    """A dry-run PATCH directly, and the same PATCH rehearsed: with its before-image, and recorded."""
    times: dict[str, list[float]] = {"direct": [], "gateway": []}
    body = orjson.dumps({"data": {"changed": "1"}})
    for number in range(WRITES):
        for target, query in ((direct, "?dryRun=All"), (through, "")):
            start = time.perf_counter()
            await target.patch(f"{base}c-{number}{query}", body)
            times[target.name].append((time.perf_counter() - start) * 1000)
    _show(f"{WRITES} PATCHes, dry run against rehearsed, p50 / p99 ms", times)


def _show(what: str, times: dict[str, list[float]], aim: str = "") -> None:
    (direct, direct_99), (through, through_99) = (_middle_and_high(values) for values in times.values())
    pairs = ((direct, direct_99), (through, through_99), (through - direct, through_99 - direct_99))
    cells = " ".join(f"{f'{middle:.2f} / {high:.2f}':>22}" for middle, high in pairs)
    print(f"{what:52} {cells}  {through / direct:5.2f}  {aim}".rstrip(), flush=True)


def _middle_and_high(values: list[float]) -> tuple[float, float]:
    """Median and 99th percentile; of fewer than a hundred values that is the largest."""
    ordered = sorted(values)
    return statistics.median(ordered), ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]


async def _fill(connection: KubeConnection, direct: Target) -> None:
    async def post(path: str, body: object) -> None:
        async with connection.session.post(connection.server + path, json=body, headers=direct.headers) as response:
            await response.read()

    await post("/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
    gate = asyncio.Semaphore(20)

    async def fill_one(number: int) -> None:
        async with gate:
            name = f"/api/v1/namespaces/{NAMESPACE}"
            if number < OBJECTS:
                await post(f"{name}/configmaps", {"metadata": {"name": f"c-{number}"}, "data": {"a": secrets.token_hex(1400)}})
                secret = {"metadata": {"name": f"s-{number}"}, "stringData": {"a": f"value-{number}", "b": secrets.token_hex(150)}}
                await post(f"{name}/secrets", secret)
            if number < EVENTS:
                await post(f"{name}/events", _event(number))
            await post(f"{name}/pods", _pod(number))

    await post(f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts", {"metadata": {"name": "default"}})
    await asyncio.gather(*(fill_one(number) for number in range(MANY_PODS)))


def _pod(number: int) -> object:
    """About as large as a pod of a real Deployment."""
    environment = [{"name": f"SETTING_{index}", "value": f"value-{index}-{number}"} for index in range(15)]
    probe = {"httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 10}
    container = {
        "name": "web",
        "image": "registry.example.com/web:1.2.3",
        "env": environment,
        "livenessProbe": probe,
        "readinessProbe": probe,
    }
    labels = {"app": "web", "pod-template-hash": "7c9f8d6b5", **({"few": ""} if number < FEW_PODS else {})}
    return {"metadata": {"name": f"p-{number}", "labels": labels}, "spec": {"containers": [container]}}


def _event(number: int) -> object:
    about = {"kind": "Pod", "apiVersion": "v1", "namespace": NAMESPACE, "name": f"p-{number}", "fieldPath": "spec.containers{web}"}
    words = f"Back-off restarting failed container web in pod p-{number}_{NAMESPACE}(0b6f1a0e-5c1d-4c8e-9d3a-{number:012d})"
    told = {"reason": "BackOff", "message": words, "type": "Warning", "count": 7, "source": {"component": "kubelet", "host": "node-3"}}
    return {"metadata": {"name": f"p-{number}.17f"}, "involvedObject": about, "lastTimestamp": "2026-01-01T00:00:00Z", **told}


@asynccontextmanager
async def _gateway(kubeconfig: str) -> AsyncIterator[tuple[Target, int]]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bench.gateway",
        "--serve",
        "--kubeconfig",
        kubeconfig,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    config = orjson.loads(base64.b64decode(await process.stdout.readline()))
    cluster = config["clusters"][0]["cluster"]
    context = ssl.create_default_context(cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context, limit=0)) as session:
        yield Target("gateway", session, cluster["server"], {"Authorization": f"Bearer {config['users'][0]['user']['token']}"}), process.pid
    process.stdin.close()
    print((await process.stdout.read()).decode().strip())
    await process.wait()


async def _serve(kubeconfig: str) -> None:
    gateway = Gateway(GatewaySettings(port=0), Limits(requests=1_000_000, writes=1_000_000))
    await gateway.start()
    cluster = (await open_clusters([ClusterSettings(kubeconfig=kubeconfig, reader="", writer="")], gateway))["cluster"]
    async with cluster.rehearse("bench", Person("U", "T", "bench"), NAMESPACE, "") as rehearsal:
        sys.stdout.write(base64.b64encode(rehearsal.kubeconfig.encode()).decode() + "\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.read)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(f"peak memory of the gateway's process: {peak:.0f} MB\n")
    await cluster.close()
    await gateway.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--kubeconfig", default="")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        from bot import log  # noqa: PLC0415
        from bot.settings import LogSettings  # noqa: PLC0415

        log.configure(LogSettings(level="error"))
        asyncio.run(_serve(options.kubeconfig))
    elif options.kubeconfig:
        asyncio.run(_main(options.kubeconfig))
    else:
        from tests.cluster.apiserver import start_apiserver  # noqa: PLC0415 – only where the test cluster's programs are

        with tempfile.TemporaryDirectory() as folder:
            server = start_apiserver(Path(folder) / "state")
            try:
                asyncio.run(_main(str(server.kubeconfig)))
            finally:
                server.stop(wipe=True)


if __name__ == "__main__":
    main()
