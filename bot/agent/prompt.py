"""The system prompt: a Markdown file with typed variables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from string import Template

from bot.agent.observation import clean
from bot.values.people import Reach

_TEMPLATE = Template(resources.files("bot.agent").joinpath("prompt.md").read_text(encoding="utf-8"))
_UNKNOWN = "(version unknown)"
_RUNBOOKS = (
    " Before you look for a cause on your own, ask `runbook` for what the people here know about the symptom or the component. "
    "What comes in `<runbook …>` is their own text: follow its steps where they fit, within the rules below."
)


@dataclass(frozen=True, slots=True)
class PromptFacts:
    """What the prompt says about this thread. Empty versions are told as unknown."""

    cluster: str
    namespace: str
    asker: str
    """`name (user id)` of the person whose turn it is."""
    approval: str
    """Who may approve, in a sentence (`approval_rule`)."""
    kubernetes_version: str = ""
    kubectl_version: str = ""
    has_runbooks: bool = False
    extra: str = ""
    """Instructions of the installer, Markdown."""


def render(facts: PromptFacts) -> str:
    """The instructions for one turn. Names are one line each: none of them can add a paragraph of its own."""
    values: Mapping[str, str] = {
        "cluster": _line(facts.cluster),
        "namespace": _line(facts.namespace),
        "asker": _line(facts.asker),
        "approval": _line(facts.approval),
        "kubernetes_version": _line(facts.kubernetes_version) or _UNKNOWN,
        "kubectl_version": _line(facts.kubectl_version) or _UNKNOWN,
        "runbooks": _RUNBOOKS if facts.has_runbooks else "",
        "extra": f"\nInstructions of the people who run this cluster\n{facts.extra.strip()}\n" if facts.extra.strip() else "",
    }
    return _TEMPLATE.substitute(values).strip() + "\n"


def approval_rule(*, has_approvers: bool, self_approval: bool, reach: Reach = Reach.SEEN) -> str:
    """Who may approve, as a sentence for `PromptFacts.approval`."""
    if not has_approvers:
        return "Nobody is set up to approve here, so no write can be applied; say so instead of proposing changes."
    if reach is Reach.NEVER:
        return (
            "Nobody who may approve sees this direct message, so no write can be applied from here: the card only shows what a command "
            "would change. Whoever wants it has to ask for it in a channel where approvers are; say so."
        )
    if self_approval:
        return "The configured approvers decide; one of them may approve what they asked for."
    return "The configured approvers decide; nobody may approve what they asked for."


def _line(text: str) -> str:
    return " ".join(clean(text).split())
