"""The pod behind a claim: found by ownership, never by its name alone, and checked against the settings."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from bot.errors import SandboxError, SandboxUnavailableError
from bot.sandbox.api import CORE, SANDBOXES, Api, Object, StatusError
from bot.sandbox.claims import Claim
from bot.settings import SandboxSettings

_PAUSE_SECONDS = 0.2
_FIND_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Pod:
    """A running pod with one container."""

    name: str
    uid: str
    address: str
    node_address: str
    container: str
    container_id: str
    """A different one means that the container was restarted."""


class Pods:
    """The pods of the sandboxes' namespace."""

    def __init__(self, api: Api, settings: SandboxSettings) -> None:
        self.connection = api.connection
        self._api = api
        self._settings = settings
        self._path = f"{CORE}/namespaces/{settings.namespace}/pods"

    async def find(self, claim: Claim) -> Pod:
        """The pod of a claim that is ready. Raises SandboxError if it is not what the settings demand."""
        sandbox = await self._get_sandbox(claim)
        selector = (sandbox.get("status") or {}).get("selector", "")
        uid = sandbox["metadata"]["uid"]
        for _ in range(round(_FIND_SECONDS / _PAUSE_SECONDS)):
            listed = await self._api.get(self._path, {"labelSelector": selector}) if selector else {}
            found = select_pod(listed.get("items") or (), uid)
            if found is not None and (pod := read_pod(found)) is not None:
                if problem := find_problem(found, self._settings):
                    raise SandboxError(problem)
                return pod
            await asyncio.sleep(_PAUSE_SECONDS)  # restarting, or being moved to another node
        raise SandboxUnavailableError(f"The sandbox {claim.sandbox} has no running pod: look at it with kubectl describe, and try again.")

    async def get(self, name: str) -> Object | None:
        """The pod as it is, or None if there is none of this name."""
        try:
            return await self._api.get(f"{self._path}/{name}")
        except StatusError as exc:
            if exc.code == 404:
                return None
            raise

    async def list_waiting(self) -> Sequence[Pod]:
        """Pods of the warm pool that no claim has yet and that are as the settings demand."""
        listed = await self._api.get(self._path, {"labelSelector": "agents.x-k8s.io/warm-pool-sandbox"})
        fitting = [item for item in listed["items"] if not find_problem(item, self._settings)]
        return [pod for item in fitting if (pod := read_pod(item)) is not None]

    async def _get_sandbox(self, claim: Claim) -> Object:
        try:
            sandbox = await self._api.get(f"{SANDBOXES}/namespaces/{self._settings.namespace}/sandboxes/{claim.sandbox}")
        except StatusError as exc:
            if exc.code == 404:
                raise SandboxUnavailableError(f"The sandbox {claim.sandbox} is gone already: try again.") from exc
            raise
        if _find_controller(sandbox) != claim.uid:
            raise SandboxError(
                f"The sandbox {claim.sandbox} does not belong to the claim {claim.name}: upgrade agent-sandbox to 0.5.4 or newer."
            )
        return sandbox


def select_pod(pods: Sequence[Object], owner: str) -> Object | None:
    """The one pod that the Sandbox with uid `owner` controls and that is not going away."""
    owned = [pod for pod in pods if _find_controller(pod) == owner and "deletionTimestamp" not in pod["metadata"]]
    return owned[0] if len(owned) == 1 else None


def read_pod(pod: Object) -> Pod | None:
    """The pod, if it runs, is ready and is not being deleted."""
    status = pod.get("status") or {}
    containers: Sequence[Object] = status.get("containerStatuses") or []
    if "deletionTimestamp" in pod["metadata"] or status.get("phase") != "Running" or not status.get("podIP") or len(containers) != 1:
        return None
    container = containers[0]
    if not container.get("ready") or not container.get("containerID"):
        return None
    return Pod(
        name=pod["metadata"]["name"],
        uid=pod["metadata"]["uid"],
        address=status["podIP"],
        node_address=status.get("hostIP", ""),
        container=container["name"],
        container_id=container["containerID"],
    )


def find_problem(pod: Object, settings: SandboxSettings) -> str:
    """Why this pod may not be used, in one sentence, or ''. What only shows inside is for the proof to find."""
    spec = pod["spec"]
    template = "the SandboxTemplate (manifests/sandbox/template.yaml)"
    if spec.get("runtimeClassName") != settings.runtime_class:
        found = spec.get("runtimeClassName") or "no RuntimeClass"
        return (
            f"The sandbox runs with {found} instead of {settings.runtime_class}: correct {template} or the setting sandbox.runtime_class."
        )
    images = {container["image"] for container in spec["containers"]}
    if settings.image and images != {settings.image}:
        return f"The sandbox runs {', '.join(sorted(images))} instead of {settings.image}: correct {template} or the setting sandbox.image."
    if len(spec["containers"]) != 1 or spec.get("ephemeralContainers"):
        return f"The sandbox's pod has more than one container: remove the others from {template}, and look for webhooks that add some."
    if spec.get("hostNetwork") or spec.get("hostPID") or spec.get("hostIPC"):
        return f"The sandbox's pod shares its node's network or processes: correct {template}."
    if spec.get("automountServiceAccountToken") is not False:
        return f"The sandbox's pod mounts a service account token: set automountServiceAccountToken to false in {template}."
    return ""


def find_end(pod: Object, container_id: str) -> str:
    """Why the container with this id ended, in the kubelet's word (`OOMKilled`, `Error`, …); '' if it is not known to have ended."""
    for container in (pod.get("status") or {}).get("containerStatuses") or ():
        for state in (container.get("state") or {}, container.get("lastState") or {}):
            ended = state.get("terminated") or {}
            if ended.get("containerID") == container_id:
                return str(ended.get("reason") or "Error")
    return ""


def _find_controller(item: Object) -> str:
    owners = item["metadata"].get("ownerReferences") or ()
    return next((owner["uid"] for owner in owners if owner.get("controller")), "")
