"""Events, failures and warnings carry what programs and policies say: a credential in their words does not leave the gateway."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest

from bot.gateway.clusters import GatewayCluster
from bot.settings import ClusterSettings
from tests.integration.gateway.lab import NOBODY, Lab, Ran
from tests.unit.sandbox.fake_cluster import FakeCluster

pytestmark = pytest.mark.apiserver


@dataclass
class Talkative:
    """A namespace in which a password is told: by two Events, and by a policy about ConfigMaps."""

    lab: Lab
    space: str
    password: str

    async def run(self, command: str) -> Ran:
        return await self.lab.rehearse(command, namespace=self.space)


def events(space: str, login: str) -> list[dict[str, Any]]:
    about = {"apiVersion": "v1", "kind": "Pod", "name": "web", "namespace": space}
    core = {"apiVersion": "v1", "kind": "Event", "metadata": {"name": "web.1"}, "involvedObject": about}
    core |= {"message": f"cannot reach {login}", "reason": "Failed", "type": "Warning", "lastTimestamp": "2026-11-30T10:00:00Z"}
    newer = {"apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"name": "web.2"}, "regarding": about, "action": "Dial"}
    newer |= {"note": f"gave up on {login}", "reason": "Failed", "type": "Warning", "eventTime": "2026-11-30T10:00:00.000000Z"}
    newer |= {"reportingController": "example.com/web", "reportingInstance": "web-1"}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}, "spec": {"containers": [{"name": "c", "image": "x"}]}}
    return [core, newer, pod]


def policies(space: str, login: str) -> list[dict[str, Any]]:
    """Of ConfigMaps with the key `deny` or `warn`."""
    rules = [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["*"], "resources": ["configmaps"]}]
    where = {"matchLabels": {"kubernetes.io/metadata.name": space}}
    made = []
    for name, action in ((f"{space}-deny", "Deny"), (f"{space}-warn", "Warn")):
        validation = {"expression": f"!('{action.lower()}' in object.data)", "messageExpression": f"'cannot check this at {login}'"}
        policy = {"matchConstraints": {"resourceRules": rules, "namespaceSelector": where}, "validations": [validation]}
        binding = {"policyName": name, "validationActions": [action]}
        for kind, spec in (("ValidatingAdmissionPolicy", policy), ("ValidatingAdmissionPolicyBinding", binding)):
            made.append({"apiVersion": "admissionregistration.k8s.io/v1", "kind": kind, "metadata": {"name": name}, "spec": spec})
    return made


@pytest.fixture
async def talkative(lab: Lab) -> AsyncIterator[Talkative]:
    space, password = f"talk-{secrets.token_hex(4)}", secrets.token_hex(16)
    made = events(space, f"postgres://shop:{password}@db/orders")
    (lab.folder / "items.json").write_text("\n---\n".join(json.dumps(item) for item in made))
    ran = await lab.direct(
        f"kubectl create namespace {space}; until kubectl -n {space} get sa default >/dev/null 2>&1; do sleep 0.1; done;"
        f" kubectl -n {space} create -f items.json"
    )
    assert ran.err == "", ran.err
    (lab.folder / "items.json").unlink()
    yield Talkative(lab, space, password)
    await lab.direct(f"kubectl delete namespace {space} --wait=false; kubectl -n {space} delete events,pods --all --now")


@pytest.fixture
async def strict(talkative: Talkative) -> AsyncIterator[Talkative]:
    lab, space, password = talkative.lab, talkative.space, talkative.password
    made = policies(space, f"postgres://shop:{password}@db/orders")
    (lab.folder / "items.json").write_text("\n---\n".join(json.dumps(item) for item in made))
    ran = await lab.direct("kubectl create -f items.json")
    assert ran.err == "", ran.err
    (lab.folder / "items.json").unlink()
    deny, warn = (f"kubectl -n {space} create cm x --from-literal={name}=x --dry-run=server" for name in ("deny", "warn"))
    async with asyncio.timeout(60):  # the API server reads policies at its own pace
        while not all([password in (await lab.direct(command)).err for command in (deny, warn)]):
            await asyncio.sleep(0.2)
    yield talkative
    await lab.direct(
        f"kubectl delete validatingadmissionpolicies,validatingadmissionpolicybindings {space}-deny {space}-warn",
    )


FORMS = (
    "",
    "-o wide",
    "-o yaml",
    "-o json",
    "-o jsonpath='{.items[*].message}{.items[*].note}'",
    "-o yaml -v=9",
    "--watch",
    "--watch -o json",
)


@pytest.mark.parametrize("resource", ["events", "events.v1.events.k8s.io"])
async def test_events_are_shown_without_the_credential(talkative: Talkative, resource: str) -> None:
    for form in FORMS:
        ran = await talkative.run(f"timeout {'1' if 'watch' in form else '20'} kubectl get {resource} {form} 2>&1")

        assert talkative.password not in ran.out, form
        assert ran.out.count("postgres://shop:[redacted:not-compared]@db/orders") >= 2, form


async def test_what_describes_an_object_shows_its_events_without_the_credential(talkative: Talkative) -> None:
    ran = await talkative.run("kubectl describe pod web; kubectl events; kubectl events --for pod/web -o yaml")

    assert talkative.password not in ran.out + ran.err
    assert ran.out.count("postgres://shop:[redacted:not-compared]@db/orders") >= 4


async def test_the_words_of_a_policy_that_denies_are_shown_without_the_credential(strict: Talkative) -> None:
    ran = await strict.run("kubectl create cm x --from-literal=deny=x; kubectl create cm x --from-literal=deny=x --dry-run=server")

    [refused] = ran.recording.refused
    assert strict.password not in ran.out + ran.err + refused.reason
    assert ran.err.count("cannot check this at postgres://shop:[redacted:not-compared]@db/orders") == 2


async def test_the_words_of_a_policy_that_warns_are_shown_without_the_credential(strict: Talkative) -> None:
    ran = await strict.run("kubectl create cm x --from-literal=warn=x")

    assert strict.password not in ran.out + ran.err
    assert "cannot check this at postgres://shop:[redacted:txt-" in ran.err
    assert ran.writes == [f"POST configmaps {strict.space}/x"]


@pytest.mark.parametrize("path", ["pods/web", "pods", "pods?watch=1", "secrets/web", "pods/web/log"])
async def test_the_words_of_a_failed_read_are_shown_without_the_credential(lab: Lab, path: str) -> None:
    fake, password = FakeCluster(), secrets.token_hex(16)
    fake.refusals[("GET", path.partition("?")[0])] = (500, "InternalError", f"cannot ask postgres://shop:{password}@db/orders")
    async with fake.serve() as connection, aiohttp.ClientSession() as session:
        cluster = GatewayCluster(ClusterSettings(name="fake", reader="", writer=""), connection, lab.gateway, b"salt")
        async with cluster.rehearse("T1:C1:1", NOBODY, "shop", "") as rehearsal:
            config = json.loads(rehearsal.kubeconfig)
            url = f"{config['clusters'][0]['cluster']['server']}/api/v1/namespaces/shop/{path}"
            headers = {"Authorization": f"Bearer {config['users'][0]['user']['token']}"}
            async with session.get(url, headers=headers, ssl=False) as response:
                text = await response.text()

    assert response.status == 500
    assert json.loads(text)["message"] == "cannot ask postgres://shop:[redacted:not-compared]@db/orders"
