"""Reads what the cluster has of the admission rule that rejected a write: a policy and its binding, webhooks, the Service behind one."""

from __future__ import annotations

from bot.changes import trees
from bot.gateway.rehearsal.exempting import BACKEND, HOOK, POLICY, Rule
from bot.gateway.rehearsal.session import Session
from bot.values.requests import ApiRequest, Json

_ADMISSION = "/apis/admissionregistration.k8s.io/v1"
_CONFIGURATIONS = ("validatingwebhookconfigurations", "mutatingwebhookconfigurations")


async def find_rule(session: Session, words: str) -> Rule | None:
    """The rule that these words of a rejection name; None if they name none. What nobody may read is left out of it.
    Raises UpstreamFailedError."""
    if found := POLICY.search(words):
        policy = await _look_up(session, f"{_ADMISSION}/validatingadmissionpolicies/{found['policy']}")
        return Rule(policy, await _look_up(session, f"{_ADMISSION}/validatingadmissionpolicybindings/{found['binding']}"))
    hook, backend = HOOK.search(words), BACKEND.search(words)
    if hook is None and backend is None:
        return None
    hooks = await _named(session, hook["hook"]) if hook is not None else ()
    path = f"/api/v1/namespaces/{backend['namespace']}/services/{backend['service']}" if backend is not None else ""
    return Rule(hooks=hooks, service=await _look_up(session, path) if path else None)


async def _named(session: Session, name: str) -> tuple[Json, ...]:
    lists = [await _look_up(session, f"{_ADMISSION}/{resource}") for resource in _CONFIGURATIONS]
    hooks = (hook for one in lists for item in trees.entries(one, "items") for hook in trees.entries(item, "webhooks"))
    return tuple(hook for hook in hooks if hook.get("name") == name)


async def _look_up(session: Session, path: str) -> Json:
    for identity in (session.reader, session.writer):
        response = await session.upstream.look_up(ApiRequest("GET", path), identity)
        if response.status != 403:
            break
    return response.object if response.is_success else None
