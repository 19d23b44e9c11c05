"""What is decided about a request for a certificate is shown as what it is: a denial issues nothing."""

from __future__ import annotations

import pytest

from bot.changes.change import State
from tests.integration.changes.replaying import approve, carry_out
from tests.integration.changes.test_refused import card_of, frame_of
from tests.integration.gateway.lab import Lab
from tests.unit.changes.memory import MemoryChanges

pytestmark = pytest.mark.apiserver

_MAKE = (
    "openssl req -new -newkey rsa:2048 -nodes -keyout /dev/null -subj /O=g/CN={0} 2>/dev/null | base64 -w0 > asked;"
    " printf 'apiVersion: certificates.k8s.io/v1\\nkind: CertificateSigningRequest\\nmetadata: {{name: {0}}}\\nspec: {{request: %s,"
    ' signerName: kubernetes.io/kube-apiserver-client, usages: [client auth]}}\\n\' "$(cat asked)" | kubectl create -f -'
)
_TYPES = "kubectl get csr {} -o jsonpath='{{.status.conditions[*].type}}'"


async def test_a_denial_is_shown_and_carried_out_as_one(lab: Lab) -> None:
    assert (await lab.direct(_MAKE.format("unwanted"))).code == 0
    changes = MemoryChanges()

    async with lab.nothing_persists():
        change = await approve(lab, changes, "kubectl certificate deny unwanted")
    done = await carry_out(lab, changes, change)
    there = await lab.direct(_TYPES.format("unwanted"))
    await lab.direct("kubectl delete csr unwanted")

    assert change.diffs[0].action == "deny"
    for shown in (card_of(change), frame_of(change)):
        assert "deny" in shown.lower()
        assert "Denies the certificate" in shown
        assert "credential" not in shown
        assert "approve Cert" not in shown
    assert done.state is State.DONE, done.reason
    assert there.out == "Denied"


@pytest.mark.parametrize("types", [["Approved"], ["Denied", "Approved"]])
async def test_what_approves_in_part_is_shown_as_an_approval(lab: Lab, types: list[str]) -> None:
    assert (await lab.direct(_MAKE.format("half"))).code == 0
    conditions = ",".join(f'{{"type":"{one}","status":"True"}}' for one in types)
    line = f'kubectl patch csr half --subresource=approval --type=merge -p \'{{"status":{{"conditions":[{conditions}]}}}}\''

    change = await approve(lab, MemoryChanges(), line)
    await lab.direct("kubectl delete csr half")

    assert change.diffs[0].action == "approve"
    assert "Issues a credential" in card_of(change)


async def test_a_request_that_the_same_command_makes_can_be_denied(lab: Lab) -> None:
    changes = MemoryChanges()
    change = await approve(lab, changes, f"{_MAKE.format('fresh')} && kubectl certificate deny fresh")
    done = await carry_out(lab, changes, change)
    there = await lab.direct(_TYPES.format("fresh"))
    await lab.direct("kubectl delete csr fresh")

    assert [diff.action for diff in change.diffs] == ["create", "deny"]
    assert done.state is State.DONE, done.reason
    assert there.out == "Denied"
