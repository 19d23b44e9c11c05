"""SandboxClaims of kubernetes-sigs/agent-sandbox: one per thread, found by name, kept alive by a lease."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from bot.errors import SandboxError, SandboxUnavailableError
from bot.sandbox.api import CLAIMS, Api, Object, StatusError
from bot.sandbox.reasons import QUOTA, Outlook, Verdict, judge
from bot.settings import SandboxSettings

log = structlog.get_logger()

THREAD_ANNOTATION = "kubectl-ai-slack/thread"
_LABELS = {"app.kubernetes.io/managed-by": "kubectl-ai-slack"}
_PAUSE_SECONDS = 0.2
_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim as the API server last showed it."""

    name: str
    uid: str
    version: str
    thread_id: str
    ready: bool
    reason: str
    message: str
    sandbox: str
    """Name of the Sandbox it was given; '' until then."""
    ends: float
    """When the lease ends, in seconds since the epoch; 0 if it never does."""
    deleting: bool


def name_claim(thread_id: str) -> str:
    """The claim's name: the same for the same thread on every replica and after every restart, and a valid DNS label."""
    return f"kubectl-ai-{hashlib.sha256(thread_id.encode()).hexdigest()[:40]}"


def read_claim(claim: Object) -> Claim:
    metadata, status = claim["metadata"], claim.get("status") or {}
    ready: Object = next((c for c in status.get("conditions") or () if c.get("type") == "Ready"), {})
    ends = ((claim.get("spec") or {}).get("lifecycle") or {}).get("shutdownTime")
    return Claim(
        name=metadata["name"],
        uid=metadata["uid"],
        version=metadata["resourceVersion"],
        thread_id=(metadata.get("annotations") or {}).get(THREAD_ANNOTATION, ""),
        ready=ready.get("status") == "True",
        reason=ready.get("reason", ""),
        message=ready.get("message", ""),
        sandbox=(status.get("sandbox") or {}).get("name", ""),
        ends=datetime.fromisoformat(ends).timestamp() if ends else 0.0,
        deleting="deletionTimestamp" in metadata,
    )


class Claims:
    """The claims of one namespace. Safe to use from several processes: the name decides who is first, the uid what is meant."""

    def __init__(self, api: Api, settings: SandboxSettings, clock: Callable[[], float]) -> None:
        self._api = api
        self._settings = settings
        self._clock = clock
        self._path = f"{CLAIMS}/namespaces/{settings.namespace}/sandboxclaims"

    async def obtain(self, thread_id: str) -> Claim:
        """The thread's claim, made if there is none, once it is ready; its lease begins anew.

        Raises SandboxUnavailableError (quota, not ready within the setting ready_seconds) or SandboxError (the installation is wrong).
        """
        deadline = asyncio.timeout(self._settings.ready_seconds)
        last: list[Claim] = []
        try:
            async with deadline:
                return await self._obtain(thread_id, last)
        except TimeoutError:
            if not deadline.expired():
                raise
            verdict = judge(last[-1].reason, last[-1].message) if last else judge("", "")
            seconds = f"{self._settings.ready_seconds:g}"
            raise SandboxUnavailableError(f"No sandbox was ready within {seconds} s. {verdict.sentence}") from None

    async def extend(self, claim: Claim, until: float) -> Claim | None:
        """Moves the end of the lease to `until` (epoch seconds); None if the claim is gone or is not the same any more."""
        # The uid makes the patch fail (409) if the claim was deleted and made again.
        body = {"metadata": {"uid": claim.uid}, "spec": {"lifecycle": {"shutdownTime": _format_time(until)}}}
        try:
            extended = read_claim(await self._api.merge(f"{self._path}/{claim.name}", body))
        except StatusError as exc:
            if exc.code in {404, 409}:
                return None
            raise
        return None if extended.deleting else extended

    async def release(self, thread_id: str) -> None:
        """Deletes the thread's claim, and with it the sandbox and its files. No error if there is none."""
        claim = await self._get(name_claim(thread_id))
        if claim is None:
            return
        _require_same(claim, thread_id)
        await self._delete(claim)

    async def _obtain(self, thread_id: str, last: list[Claim]) -> Claim:
        sentence = ""
        for _ in range(_ATTEMPTS):
            claim = await self._open(thread_id)
            verdict = await self._settle(claim, last)
            if verdict is None:
                return last[-1]
            sentence = verdict.sentence
            log.warning("sandbox_claim_refused", claim=claim.name, reason=last[-1].reason, outlook=verdict.outlook.name)
            await self._delete(claim)
            if verdict.outlook is Outlook.REFUSED:
                raise SandboxError(verdict.sentence)
            if verdict.outlook is Outlook.UNAVAILABLE:
                raise SandboxUnavailableError(verdict.sentence)
        raise SandboxUnavailableError(f"Sandboxes end as soon as they are made. {sentence}")

    async def _open(self, thread_id: str) -> Claim:
        """The thread's claim, made or found, with a fresh lease. Waits for an old one that is being deleted."""
        while True:
            claim = await self._create(thread_id) or await self._get(name_claim(thread_id))
            if claim is None:
                continue  # deleted between the two requests
            _require_same(claim, thread_id)
            if not claim.deleting and claim.ends < self._lease_end() - 1:
                claim = await self.extend(claim, self._lease_end())
            if claim is not None and not claim.deleting:
                return claim
            await self._wait_until_gone(name_claim(thread_id))

    async def _create(self, thread_id: str) -> Claim | None:
        """A new claim; None if there is one of this name already."""
        body = {
            "apiVersion": "extensions.agents.x-k8s.io/v1beta1",
            "kind": "SandboxClaim",
            "metadata": {"name": name_claim(thread_id), "labels": _LABELS, "annotations": {THREAD_ANNOTATION: thread_id}},
            "spec": {
                "warmPoolRef": {"name": self._settings.warm_pool},
                # Without `Delete` an ended claim would stay for ever.
                "lifecycle": {"shutdownTime": _format_time(self._lease_end()), "shutdownPolicy": "Delete"},
            },
        }
        try:
            return read_claim(await self._api.create(self._path, body))
        except StatusError as exc:
            if exc.code == 409 and exc.reason == "AlreadyExists":
                return None
            raise self._explain_refusal(exc) from exc

    def _explain_refusal(self, error: StatusError) -> SandboxError:
        namespace = self._settings.namespace
        if error.code == 403 and "exceeded quota" in error.said:
            return SandboxUnavailableError(QUOTA.sentence)
        if error.code == 403 and "being terminated" in error.said:
            return SandboxError(f"The namespace {namespace} is being deleted: apply manifests/sandbox when it is gone.")
        if error.code == 403:
            return SandboxError(f"The bot may not create SandboxClaims in {namespace}: apply the Role of manifests/sandbox ({error.said}).")
        if error.code == 404 and "namespaces" in error.said:
            return SandboxError(f"The namespace {namespace} does not exist: apply manifests/sandbox.")
        if error.code == 404:
            return SandboxError("The cluster has no SandboxClaims of v1beta1: install agent-sandbox 0.5 or newer with its extensions.")
        if error.code == 429 or error.code >= 500:
            return SandboxUnavailableError(f"The API server cannot take a SandboxClaim now ({error.said}): try again.")
        return error

    async def _settle(self, claim: Claim, last: list[Claim]) -> Verdict | None:
        """Follows the claim until it is ready (None) or waiting is no use. `last` ends with what was seen last."""
        async with aclosing(self._follow(claim)) as states:
            async for state in states:
                if state is None or state.deleting:
                    return Verdict(Outlook.RECLAIM, "The claim was deleted while the sandbox was starting.")
                last.append(state)
                if state.ready and state.sandbox:
                    return None
                verdict = judge(state.reason, state.message)
                if verdict.outlook is not Outlook.WAIT:
                    return verdict
        raise AssertionError("following a claim ends with its deletion")

    async def _wait_until_gone(self, name: str) -> None:
        claim = await self._get(name)
        if claim is None or not claim.deleting:
            return
        async with aclosing(self._follow(claim)) as states:
            async for state in states:
                if state is None:
                    return

    async def _follow(self, claim: Claim) -> AsyncGenerator[Claim | None]:
        """The claim as it is and as it becomes; None, and no more, once it is gone or is another one."""
        current: Claim | None = claim
        while current is not None and current.uid == claim.uid:
            yield current
            query = {"fieldSelector": f"metadata.name={claim.name}", "resourceVersion": current.version}
            try:
                async with aclosing(self._api.watch(self._path, query)) as events:
                    async for kind, found in events:
                        if kind == "DELETED":
                            yield None
                            return
                        yield read_claim(found)
            except StatusError as exc:
                if exc.code != 410:
                    raise
            await asyncio.sleep(_PAUSE_SECONDS)  # a server that ends watches at once is not asked in a tight loop
            current = await self._get(claim.name)
        yield None

    async def _get(self, name: str) -> Claim | None:
        try:
            return read_claim(await self._api.get(f"{self._path}/{name}"))
        except StatusError as exc:
            if exc.code == 404:
                return None
            raise

    async def _delete(self, claim: Claim) -> None:
        try:
            await self._api.delete(f"{self._path}/{claim.name}", claim.uid)
        except StatusError as exc:
            if exc.code not in {404, 409}:  # 409: another claim of that name, made since; not ours to delete
                raise

    def _lease_end(self) -> float:
        return self._clock() + self._settings.lease_seconds


def _require_same(claim: Claim, thread_id: str) -> None:
    if claim.thread_id != thread_id:
        raise SandboxError(
            f"The SandboxClaim {claim.name} belongs to another thread or was made by somebody else: delete it, then ask again."
        )


def _format_time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
