"""Every reason that agent-sandbox gives, and what it is taken to mean."""

import pytest

from bot.sandbox.reasons import Outlook, judge


@pytest.mark.parametrize(
    ("reason", "outlook"),
    [
        ("WarmPoolNotFound", Outlook.REFUSED),
        ("TemplateNotFound", Outlook.REFUSED),
        ("InvalidMetadata", Outlook.REFUSED),
        ("EnvVarsInjectionRejected", Outlook.REFUSED),
        ("VolumeClaimTemplatesError", Outlook.REFUSED),
        ("InvalidConfiguration", Outlook.REFUSED),
        ("AdoptionConflict", Outlook.WAIT),
        ("SandboxCreatePending", Outlook.WAIT),
        ("SandboxNotReady", Outlook.WAIT),
        ("DependenciesNotReady", Outlook.WAIT),
        ("ReconcilerError", Outlook.WAIT),
        ("ClaimExpired", Outlook.RECLAIM),
        ("SandboxExpired", Outlook.RECLAIM),
        ("SandboxMissing", Outlook.RECLAIM),
        ("SandboxSuspended", Outlook.RECLAIM),
        ("MultiplePods", Outlook.RECLAIM),
        ("PodFailed", Outlook.RECLAIM),
        ("PodSucceeded", Outlook.RECLAIM),
        ("", Outlook.WAIT),
        ("SomethingNew", Outlook.WAIT),
    ],
)
def test_each_reason_has_an_outlook_and_a_sentence(reason: str, outlook: Outlook) -> None:
    verdict = judge(reason, "")

    assert verdict.outlook is outlook
    assert verdict.sentence.endswith(".")


def test_an_unknown_reason_is_shown_with_its_message() -> None:
    assert judge("SomethingNew", "the moon is full").sentence == "The controller says SomethingNew: the moon is full."


def test_a_quota_is_recognised_whatever_the_reason() -> None:
    message = 'pods "x" is forbidden: exceeded quota: sandboxes, requested: pods=1'

    assert judge("ReconcilerError", message).outlook is Outlook.UNAVAILABLE
    assert judge("DependenciesNotReady", message).outlook is Outlook.UNAVAILABLE


def test_pod_security_is_a_matter_of_the_template() -> None:
    verdict = judge("ReconcilerError", 'pods "x" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true')

    assert verdict.outlook is Outlook.REFUSED
    assert "runAsNonRoot" in verdict.sentence
