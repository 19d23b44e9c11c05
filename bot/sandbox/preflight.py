"""What the sandboxes' cluster must have before the bot starts; each thing that is missing is one sentence that says what to do."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from bot.errors import SandboxUnavailableError
from bot.kube.connection import KubeConnection
from bot.sandbox.api import CLAIMS, SANDBOXES, Api, Object, StatusError
from bot.sandbox.pod_sandbox import RUNNER
from bot.settings import SandboxSettings

_CLAIMS_GROUP = "extensions.agents.x-k8s.io"
_TEMPLATE = "the SandboxTemplate (manifests/sandbox/template.yaml)"


class _Right(NamedTuple):
    group: str
    resource: str
    verbs: tuple[str, ...]


# As in manifests/sandbox/role.yaml; tests/unit/sandbox/test_manifests.py compares the two.
RIGHTS = (
    _Right(_CLAIMS_GROUP, "sandboxclaims", ("create", "get", "list", "watch", "patch", "delete")),
    _Right(_CLAIMS_GROUP, "sandboxtemplates", ("get",)),
    _Right(_CLAIMS_GROUP, "sandboxwarmpools", ("get",)),
    _Right("agents.x-k8s.io", "sandboxes", ("get",)),
    _Right("", "pods", ("get", "list")),
    _Right("", "pods/exec", ("get", "create")),
)


async def check_cluster(connection: KubeConnection, settings: SandboxSettings) -> list[str]:
    """Every problem found, most basic first; empty if sandboxes can be had. Does not wait for the warm pool to be full."""
    api = Api(connection)
    try:
        if problems := await _check_kinds(api):
            return problems
        if problems := await _check_rights(api, settings):
            return problems
        return [*await _check_runtime_class(api, settings), *await _check_pool(api, settings)]
    except (SandboxUnavailableError, StatusError) as exc:
        return [str(exc)]


async def check_kinds(connection: KubeConnection) -> list[str]:
    """Whether agent-sandbox is installed with its extensions; the problem otherwise."""
    try:
        return await _check_kinds(Api(connection))
    except (SandboxUnavailableError, StatusError) as exc:
        return [str(exc)]


async def _check_kinds(api: Api) -> list[str]:
    problems = []
    wanted = ((CLAIMS, {"sandboxclaims", "sandboxtemplates", "sandboxwarmpools"}), (SANDBOXES, {"sandboxes"}))
    for path, names in wanted:
        found = await _get(api, path)
        if missing := names - {resource["name"] for resource in (found or {}).get("resources", ())}:
            problems.append(
                f"The cluster has no {', '.join(sorted(missing))} of v1beta1: install agent-sandbox 0.5 or newer with its extensions."
            )
    return problems


async def _check_rights(api: Api, settings: SandboxSettings) -> list[str]:
    asked = [(right, verb) for right in RIGHTS for verb in right.verbs]
    namespaced = [_may(api, right, verb, settings.namespace) for right, verb in asked]
    runtime_class = _may(api, _Right("node.k8s.io", "runtimeclasses", ()), "get", "", settings.runtime_class)
    *answers, may_look = await asyncio.gather(*namespaced, runtime_class)
    missing: dict[str, list[str]] = {}
    for (right, verb), allowed in zip(asked, answers, strict=True):
        if not allowed:
            missing.setdefault(right.resource, []).append(verb)
    problems = []
    if missing:
        listed = "; ".join(f"{' '.join(verbs)} {resource}" for resource, verbs in missing.items())
        problems.append(f"The bot lacks rights in the namespace {settings.namespace} ({listed}): apply manifests/sandbox/role.yaml.")
    if not may_look:
        problems.append(
            f"The bot may not get the RuntimeClass {settings.runtime_class}: correct its name (KUBECTL_AI_RUNTIME_CLASS), or put it into "
            "manifests/access/bot-role.yaml and apply that."
        )
    return problems


async def _may(api: Api, right: _Right, verb: str, namespace: str, name: str = "") -> bool:
    resource, _, subresource = right.resource.partition("/")
    attributes = {
        "group": right.group,
        "resource": resource,
        "verb": verb,
        "namespace": namespace,
        "subresource": subresource,
        "name": name,
    }
    review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": {"resourceAttributes": attributes}}
    answer = await api.create("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review)
    return bool(answer["status"].get("allowed"))


async def _check_runtime_class(api: Api, settings: SandboxSettings) -> list[str]:
    if await _get(api, f"/apis/node.k8s.io/v1/runtimeclasses/{settings.runtime_class}") is not None:
        return []
    return [
        f"The cluster has no RuntimeClass {settings.runtime_class}: install gVisor on the nodes and apply "
        "manifests/sandbox/runtimeclass.yaml, or name another RuntimeClass for gVisor in KUBECTL_AI_RUNTIME_CLASS."
    ]


async def _check_pool(api: Api, settings: SandboxSettings) -> list[str]:
    base = f"{CLAIMS}/namespaces/{settings.namespace}"
    pool = await _get(api, f"{base}/sandboxwarmpools/{settings.warm_pool}")
    if pool is None:
        return [
            f"The namespace {settings.namespace} has no SandboxWarmPool {settings.warm_pool}: apply manifests/sandbox, "
            "or correct the settings sandbox.namespace and sandbox.warm_pool."
        ]
    name = pool["spec"]["sandboxTemplateRef"]["name"]
    template = await _get(api, f"{base}/sandboxtemplates/{name}")
    if template is None:
        return [
            f"The SandboxWarmPool {settings.warm_pool} names the SandboxTemplate {name}, which does not exist: apply manifests/sandbox."
        ]
    return find_template_problems(template, settings)


def find_template_problems(template: Object, settings: SandboxSettings) -> list[str]:
    """What a SandboxTemplate lacks of what the bot demands of every sandbox."""
    spec = template["spec"]
    pod = spec["podTemplate"]["spec"]
    problems = []
    if pod.get("runtimeClassName") != settings.runtime_class:
        found = pod.get("runtimeClassName") or "none"
        problems.append(f"The RuntimeClass of {_TEMPLATE} is {found} and must be {settings.runtime_class}.")
    if pod.get("automountServiceAccountToken", False):
        problems.append(f"automountServiceAccountToken must be false in {_TEMPLATE}.")
    if len(pod["containers"]) != 1 or pod.get("initContainers"):
        problems.append(f"There must be exactly one container in {_TEMPLATE}.")
    else:
        problems += _find_container_problems(pod["containers"][0], settings)
    return problems + _find_network_problems(spec)


def _find_container_problems(container: Object, settings: SandboxSettings) -> list[str]:
    problems = []
    if settings.image and container.get("image") != settings.image:
        problems.append(f"The image of {_TEMPLATE} is {container.get('image')} and must be {settings.image} (KUBECTL_AI_SANDBOX_IMAGE).")
    if container.get("command") != [RUNNER, "idle"] or container.get("args"):
        problems.append(f"The command of {_TEMPLATE} must be [{RUNNER}, idle].")
    context = container.get("securityContext") or {}
    if context.get("readOnlyRootFilesystem") is not True or context.get("allowPrivilegeEscalation") is not False:
        problems.append(f"readOnlyRootFilesystem must be true and allowPrivilegeEscalation false in {_TEMPLATE}.")
    return problems


def _find_network_problems(spec: Object) -> list[str]:
    if spec.get("networkPolicyManagement") == "Unmanaged":
        return [f"networkPolicyManagement must be Managed in {_TEMPLATE}, or no NetworkPolicy keeps sandboxes in."]
    policy = spec.get("networkPolicy")
    if policy is None:
        return [f"networkPolicy is missing in {_TEMPLATE}, and agent-sandbox's own would let sandboxes out to the internet."]
    rules: Sequence[Object] = policy.get("egress") or ()
    if not rules:
        return [f"networkPolicy has no egress to the gateway in {_TEMPLATE}."]
    if policy.get("ingress") or any(not rule.get("to") or not rule.get("ports") for rule in rules):
        return [f"networkPolicy must have no ingress, and name peers and ports in every egress rule, in {_TEMPLATE}."]
    return []


async def _get(api: Api, path: str) -> Object | None:
    try:
        return await api.get(path)
    except StatusError as exc:
        if exc.code == 404:
            return None
        raise
