"""Sandboxes for threads: claimed, found, proven, kept. Implements the port `Sandboxes`."""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit
from weakref import WeakValueDictionary

import structlog

from bot.errors import BotError, SandboxError, SandboxLostError
from bot.kube.connection import KubeConnection
from bot.sandbox.api import Api
from bot.sandbox.checks import INTERNET, METADATA_SERVICE, Expected, prove
from bot.sandbox.claims import Claim, Claims
from bot.sandbox.exec import Target
from bot.sandbox.pod_sandbox import PodSandbox
from bot.sandbox.pods import Pod, Pods, find_problem, read_pod
from bot.settings import SandboxSettings

log = structlog.get_logger()

_KUBELET_PORT = 10250
_REFILL_SECONDS = 2.0
_LOOK_SECONDS = 30.0
_MARGIN_SECONDS = 60.0


@dataclass(slots=True)
class _Held:
    """A thread's sandbox as this process knows it."""

    claim: Claim
    sandbox: PodSandbox


class PooledSandboxes:
    """The sandboxes of one namespace. `gateway` is the address that is written into their kubeconfigs, and its port."""

    def __init__(
        self,
        connection: KubeConnection,
        settings: SandboxSettings,
        gateway: tuple[str, int],
        clock: Callable[[], float] = time.time,
    ) -> None:
        api = Api(connection)
        self.kubectl_version = ""
        """Of the sandboxes' image, once one of them was proven: `v1.37.2`."""
        self._connection = connection
        self._settings = settings
        self._gateway = gateway
        self._clock = clock
        self._claims = Claims(api, settings, clock)
        self._pods = Pods(api, settings)
        self._held: dict[str, _Held] = {}
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._proven: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._api_addresses: list[tuple[str, str, int]] | None = None
        self._claimed = asyncio.Event()

    async def acquire(self, thread_id: str) -> PodSandbox:
        """See the port."""
        async with self._locks.setdefault(thread_id, asyncio.Lock()):
            held = self._held.get(thread_id)
            if held is not None and await self._is_usable(held) and await self._renew(held):
                return held.sandbox
            self._held.pop(thread_id, None)
            return await self._claim(thread_id)

    async def release(self, thread_id: str) -> None:
        """See the port."""
        async with self._locks.setdefault(thread_id, asyncio.Lock()):
            self._held.pop(thread_id, None)
            await self._claims.release(thread_id)

    async def keep_proven(self) -> None:
        """Takes the proof of warm sandboxes before anybody claims them, for ever: the first command need not wait for it."""
        while True:
            try:
                for pod in await self._pods.list_waiting():
                    await self._prove(pod)
            except BotError as exc:  # a pod was claimed or replaced meanwhile, or is not isolated: `acquire` says so to a person
                log.warning("sandbox_not_proven", error=str(exc))
            try:
                async with asyncio.timeout(_LOOK_SECONDS):
                    await self._claimed.wait()
                self._claimed.clear()
                await asyncio.sleep(_REFILL_SECONDS)
            except TimeoutError:
                continue

    async def _claim(self, thread_id: str) -> PodSandbox:
        started = time.monotonic()
        claim = await self._claims.obtain(thread_id)
        self._claimed.set()
        claimed = time.monotonic()
        try:
            pod = await self._pods.find(claim)
            await self._prove(pod)
        except SandboxError as exc:
            if not exc.retryable:  # it is never used: the next question gets another one
                with suppress(SandboxError):
                    await self._claims.release(thread_id)
            raise
        target = Target(self._settings.namespace, pod.name, pod.container)
        sandbox = PodSandbox(self._pods, pod, target, lambda seconds: self._cover(thread_id, seconds))
        self._held[thread_id] = _Held(claim, sandbox)
        took = {"claim_seconds": round(claimed - started, 3), "proof_seconds": round(time.monotonic() - claimed, 3)}
        log.info("sandbox_ready", claim=claim.name, pod=pod.name, **took)
        return sandbox

    async def _is_usable(self, held: _Held) -> bool:
        """Whether the pod is the one that was proven, and as it was."""
        found = await self._pods.get(held.sandbox.pod)
        return found is not None and read_pod(found) == held.sandbox.found and not find_problem(found, self._settings)

    async def _renew(self, held: _Held, seconds: float = 0.0) -> bool:
        """Moves the lease forward, at most every quarter of it. False if the claim is gone."""
        lease = max(self._settings.lease_seconds, seconds + _MARGIN_SECONDS)
        until = self._clock() + lease
        if held.claim.ends > until - self._settings.lease_seconds / 4:
            return True
        extended = await self._claims.extend(held.claim, until)
        if extended is None:
            return False
        held.claim = extended
        return True

    async def _cover(self, thread_id: str, seconds: float) -> None:
        """Makes the lease outlast a command of so many seconds."""
        held = self._held.get(thread_id)
        if held is None or not await self._renew(held, seconds):
            raise SandboxLostError("The thread's sandbox is gone, and its files with it: ask again for a new one.")

    async def _prove(self, pod: Pod) -> None:
        """Takes the proof once per container, also when two ask at once. A proof that failed is taken again next time."""
        key = (pod.uid, pod.container_id)
        task = self._proven.get(key)
        if task is None:
            task = asyncio.create_task(self._take_proof(pod))
            self._proven[key] = task
            task.add_done_callback(lambda done: self._forget_failed(key, done))
            for old in list(self._proven)[:-500]:
                if self._proven[old].done():
                    del self._proven[old]
        await asyncio.shield(task)

    def _forget_failed(self, key: tuple[str, str], proof: asyncio.Task[None]) -> None:
        """Also when nobody waits for it any more, because the turn was stopped meanwhile."""
        if (proof.cancelled() or proof.exception() is not None) and self._proven.get(key) is proof:
            del self._proven[key]

    async def _take_proof(self, pod: Pod) -> None:
        if self._api_addresses is None:
            self._api_addresses = await _resolve(self._connection.server)
        kubelet = [("kubelet", pod.node_address, _KUBELET_PORT)] if pod.node_address else []
        closed = [*self._api_addresses, *kubelet, *METADATA_SERVICE, *INTERNET]
        expected = Expected(self._gateway, closed, asks_version=not self.kubectl_version)
        version = await prove(self._connection, Target(self._settings.namespace, pod.name, pod.container), expected)
        self.kubectl_version = version or self.kubectl_version


async def _resolve(server: str) -> list[tuple[str, str, int]]:
    """The API server's addresses as a sandbox could try them; loopback addresses mean something else there."""
    parts = urlsplit(server)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        found = await asyncio.get_running_loop().getaddrinfo(parts.hostname or "", port)
    except OSError as exc:
        raise SandboxError(f"The name of the API server {server} cannot be resolved: {exc}.") from exc
    addresses = dict.fromkeys(str(address[0]) for *_, address in found)
    return [("api-server", address, port) for address in addresses if not ipaddress.ip_address(address).is_loopback]
