"""What must hold of the files that people apply."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.sandbox.pod_sandbox import RUNNER
from bot.sandbox.preflight import RIGHTS, find_template_problems
from bot.settings import SandboxSettings

ROOT = Path(__file__).resolve().parents[3]
MANIFESTS = ROOT / "manifests"
Object = dict[str, Any]


def read(path: str) -> Iterator[Object]:
    with (MANIFESTS / path).open(encoding="utf-8") as file:
        yield from yaml.safe_load_all(file)


def template() -> Object:
    (found,) = read("sandbox/template.yaml")
    return found


def rules_of(kind: str, name: str) -> list[Object]:
    """The rules of a role, from whichever file has it."""
    files = [path for path in MANIFESTS.rglob("*.yaml") if "overlays/example" not in str(path)]
    items = (item for path in files for item in yaml.safe_load_all(path.read_text(encoding="utf-8")))
    (found,) = [item for item in items if item.get("kind") == kind and item["metadata"]["name"] == name]
    rules: list[Object] = found["rules"]
    return rules


def test_every_file_is_valid_yaml_and_used_by_a_kustomization() -> None:
    listed = {MANIFESTS / "slack-app.yaml", MANIFESTS / "bot/secret.example.yaml"}
    for path in MANIFESTS.rglob("kustomization.yaml"):
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        listed |= {path, *((path.parent / name).resolve() for name in content["resources"])}
        listed |= {path.parent / name for item in content.get("configMapGenerator", ()) for name in item["files"]}

    assert set(MANIFESTS.rglob("*.yaml")) <= listed
    assert all(path.exists() for path in listed)


def test_the_template_is_what_the_bot_demands() -> None:
    assert find_template_problems(template(), SandboxSettings()) == []


def test_a_sandbox_has_no_token_no_rights_and_gvisors_kernel() -> None:
    pod = template()["spec"]["podTemplate"]["spec"]
    (container,) = pod["containers"]

    assert pod["runtimeClassName"] == "gvisor"
    assert pod["automountServiceAccountToken"] is False
    assert pod["enableServiceLinks"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == 10001
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert set(container["resources"]["limits"]) == {"cpu", "memory", "ephemeral-storage"}
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
    assert all("hostPath" not in volume for volume in pod["volumes"])


def test_kubeconfigs_are_kept_in_memory() -> None:
    pod = template()["spec"]["podTemplate"]["spec"]
    mounted = {mount["mountPath"]: mount["name"] for mount in pod["containers"][0]["volumeMounts"]}
    volumes = {volume["name"]: volume for volume in pod["volumes"]}

    assert volumes[mounted["/run/kubectl-ai"]]["emptyDir"]["medium"] == "Memory"
    assert all("sizeLimit" in volume["emptyDir"] for volume in volumes.values())


def test_a_sandbox_reaches_the_gateway_and_nothing_else() -> None:
    policy = template()["spec"]["networkPolicy"]

    assert template()["spec"]["networkPolicyManagement"] == "Managed"
    assert policy["ingress"] == []
    (rule,) = policy["egress"]
    assert rule["ports"] == [{"protocol": "TCP", "port": 18443}]
    (peer,) = rule["to"]
    assert peer["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "kubectl-ai"}
    assert peer["podSelector"]["matchLabels"] == {"app.kubernetes.io/name": "kubectl-ai-slack"}


def test_the_local_overlay_opens_the_gateways_ports_on_one_address_only() -> None:
    (overlay,) = read("overlays/local/kustomization.yaml")
    operations = {item["path"]: item["value"] for patch in overlay["patches"] for item in yaml.safe_load(patch["patch"])}

    (rule,) = operations["/spec/networkPolicy/egress"]
    assert rule["to"] == [{"ipBlock": {"cidr": "10.244.0.1/32"}}]
    assert rule["ports"] == [{"protocol": "TCP", "port": 18000, "endPort": 18999}]


def test_the_bots_role_is_what_the_bot_asks_for() -> None:
    rules = rules_of("Role", "kubectl-ai-slack")

    granted = {(group, resource): set(rule["verbs"]) for rule in rules for group in rule["apiGroups"] for resource in rule["resources"]}
    assert granted == {(right.group, right.resource): set(right.verbs) for right in RIGHTS}


def test_the_bot_acts_as_two_accounts_and_nobody_else() -> None:
    (rule,) = rules_of("Role", "kubectl-ai-slack-impersonation")
    everywhere = rules_of("ClusterRole", "kubectl-ai-slack")

    assert rule["resources"] == ["serviceaccounts"]
    assert rule["resourceNames"] == ["kubectl-ai-reader", "kubectl-ai-writer"]
    assert {(resource, verb) for item in everywhere for resource in item["resources"] for verb in item["verbs"]} == {
        ("runtimeclasses", "get"),
    }


def test_the_reader_only_reads_and_sees_no_secrets() -> None:
    rules = rules_of("ClusterRole", "kubectl-ai-reader-cluster")

    assert {verb for rule in rules for verb in rule["verbs"]} == {"get", "list", "watch"}
    resources = {resource for rule in rules for resource in rule["resources"]}
    assert not {"secrets", "nodes/proxy", "pods/exec", "*"} & resources


def test_the_writer_has_no_right_that_gives_rights_by_itself() -> None:
    rules = rules_of("ClusterRole", "kubectl-ai-writer")

    resources = {resource for rule in rules for resource in rule["resources"]}
    assert not {"secrets", "pods/exec", "pods/attach", "serviceaccounts", "serviceaccounts/token", "roles", "rolebindings", "*"} & resources
    assert "impersonate" not in {verb for rule in rules for verb in rule["verbs"]}


def test_both_namespaces_demand_restricted_pods() -> None:
    for path in ("sandbox/namespace.yaml", "access/namespace.yaml"):
        (namespace,) = read(path)

        assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_the_sandbox_image_runs_what_the_template_starts() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")

    assert f'CMD ["{RUNNER}", "idle"]' in dockerfile
    assert f"COPY --chmod=0755 bot/sandbox/image/runner {RUNNER}\n" in dockerfile
    assert "USER 10001:10001" in dockerfile


def _set(path: str, value: object) -> Callable[[Object], None]:
    def change(item: Object) -> None:
        *parents, last = path.split(".")
        found: Any = item
        for name in parents:
            found = found[int(name) if name.isdigit() else name]
        found[last] = value

    return change


POD = "spec.podTemplate.spec"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (_set(f"{POD}.runtimeClassName", "kata"), "is kata and must be gvisor"),
        (_set(f"{POD}.automountServiceAccountToken", True), "automountServiceAccountToken"),
        (_set(f"{POD}.initContainers", [{}]), "exactly one container"),
        (_set(f"{POD}.containers.0.image", "another"), "KUBECTL_AI_SANDBOX_IMAGE"),
        (_set(f"{POD}.containers.0.command", ["sleep", "infinity"]), "command"),
        (_set(f"{POD}.containers.0.securityContext.readOnlyRootFilesystem", False), "readOnlyRootFilesystem"),
        (_set("spec.networkPolicyManagement", "Unmanaged"), "must be Managed"),
        (_set("spec.networkPolicy", None), "out to the internet"),
        (_set("spec.networkPolicy.egress", []), "no egress to the gateway"),
        (_set("spec.networkPolicy.egress", [{}]), "name peers and ports"),
        (_set("spec.networkPolicy.ingress", [{}]), "no ingress"),
    ],
)
def test_a_template_that_was_weakened_is_noticed_before_the_start(change: Callable[[Object], None], says: str) -> None:
    weakened = template()
    change(weakened)

    problems = find_template_problems(weakened, SandboxSettings(image="kubectl-ai-sandbox:latest"))

    assert len(problems) == 1
    assert says in problems[0]
