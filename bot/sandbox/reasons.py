"""Why a claim is not ready, in one sentence, and what that means for the one who waits."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto


class Outlook(Enum):
    """What waiting is good for."""

    WAIT = auto()
    """It may become ready by itself."""
    RECLAIM = auto()
    """This sandbox is over; a new claim gets another one."""
    UNAVAILABLE = auto()
    """Not now; asking again later may help."""
    REFUSED = auto()
    """Somebody has to change the installation first."""


@dataclass(frozen=True, slots=True)
class Verdict:
    outlook: Outlook
    sentence: str


# Reasons of the Ready condition in agent-sandbox v1beta1: of SandboxClaim itself, then those forwarded from the Sandbox.
_VERDICTS: dict[str, Verdict] = {
    "WarmPoolNotFound": Verdict(
        Outlook.REFUSED, "The SandboxWarmPool does not exist: apply manifests/sandbox, or correct the setting sandbox.warm_pool."
    ),
    "TemplateNotFound": Verdict(Outlook.REFUSED, "The SandboxTemplate that the warm pool names does not exist: apply manifests/sandbox."),
    "InvalidMetadata": Verdict(
        Outlook.REFUSED, "The controller refuses the claim's labels: allow them in its ConfigMap agent-sandbox-config."
    ),
    "EnvVarsInjectionRejected": Verdict(
        Outlook.REFUSED, "The controller refuses variables on the claim, which the bot never sets: look at webhooks."
    ),
    "VolumeClaimTemplatesError": Verdict(
        Outlook.REFUSED, "The volumes of the SandboxTemplate cannot be made: use emptyDir, as manifests/sandbox does."
    ),
    "InvalidConfiguration": Verdict(Outlook.REFUSED, "The controller calls the SandboxTemplate invalid: correct it."),
    "MultiplePods": Verdict(Outlook.RECLAIM, "More than one pod answers to the sandbox, so none of them is trusted."),
    "AdoptionConflict": Verdict(Outlook.WAIT, "Another claim took the same warm sandbox; the controller looks for another one."),
    "SandboxCreatePending": Verdict(Outlook.WAIT, "No warm sandbox was left, and a new one is being made."),
    "SandboxNotReady": Verdict(Outlook.WAIT, "The sandbox is starting."),
    "DependenciesNotReady": Verdict(Outlook.WAIT, "The sandbox's pod is starting."),
    "ReconcilerError": Verdict(Outlook.WAIT, "The controller ran into an error and tries again."),
    "ClaimExpired": Verdict(Outlook.RECLAIM, "The sandbox's lease ended."),
    "SandboxExpired": Verdict(Outlook.RECLAIM, "The sandbox's time ended."),
    "SandboxMissing": Verdict(Outlook.RECLAIM, "The sandbox was deleted."),
    "SandboxSuspended": Verdict(Outlook.RECLAIM, "The sandbox was suspended."),
    "PodFailed": Verdict(Outlook.RECLAIM, "The sandbox's pod failed (evicted or out of memory)."),
    "PodSucceeded": Verdict(Outlook.RECLAIM, "The sandbox's pod ended."),
}


def judge(reason: str, message: str) -> Verdict:
    """What a `Ready=False` condition means. An unknown reason is waited on: the time limit is what ends that."""
    if "exceeded quota" in message:
        return QUOTA
    if "forbidden" in message and "PodSecurity" in message:
        return Verdict(
            Outlook.REFUSED, f"The namespace's pod security refuses the SandboxTemplate: use the one of manifests/sandbox ({message})."
        )
    if not reason:
        return Verdict(Outlook.WAIT, "The agent-sandbox controller has not looked at the claim: check that it runs, with --extensions.")
    known = _VERDICTS.get(reason)
    if known is None:
        return Verdict(Outlook.WAIT, f"The controller says {reason}: {message or 'no more than that'}.")
    if message and reason in {"ReconcilerError", "InvalidConfiguration", "InvalidMetadata", "DependenciesNotReady", "PodFailed"}:
        return Verdict(known.outlook, f"{known.sentence} It says: {message}")
    return known


QUOTA = Verdict(
    Outlook.UNAVAILABLE,
    "No sandbox is free: the quota of the sandboxes' namespace is used up. Try again when another thread has ended, or raise it.",
)
