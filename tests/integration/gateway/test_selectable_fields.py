"""A CRD that lets its objects be selected by a field in which they hold a Secret's value: nobody can ask whether a guess is right."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest

from bot.gateway.rehearsal.guessing import REFUSAL
from tests.integration.gateway.lab import Lab, without_ages

pytestmark = pytest.mark.apiserver

GROUP = "selectable.example.org"
KIND = f"boxes.{GROUP}"
RIGHT, WRONG = "hunter2", "hunter3"
HIDDEN = "spec.secret.stringData.token"
TEXT = {"type": "string"}
OPEN = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
SECRET = {**OPEN, "properties": {"stringData": {**OPEN, "properties": {"token": TEXT}}}}
SCHEMA = {"type": "object", "properties": {"spec": {"type": "object", "properties": {"colour": TEXT, "secret": SECRET}}}}
VERSION = {
    "name": "v1",
    "served": True,
    "storage": True,
    "schema": {"openAPIV3Schema": SCHEMA},
    "selectableFields": [{"jsonPath": ".spec.colour"}, {"jsonPath": f".{HIDDEN}"}],
}


@pytest.fixture
async def boxes(lab: Lab) -> AsyncIterator[Lab]:
    spec = {"group": GROUP, "names": {"plural": "boxes", "kind": "Box"}, "scope": "Namespaced", "versions": [VERSION]}
    kind = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": KIND}, "spec": spec}
    items = [
        {"apiVersion": f"{GROUP}/v1", "kind": "Box", "metadata": {"name": name, "namespace": "shop"}, "spec": {"colour": "red", **held}}
        for name, held in (("full", {"secret": {"kind": "Secret", "stringData": {"token": RIGHT}}}), ("empty", {}))
    ]
    (lab.folder / "kind.json").write_text(json.dumps(kind))
    (lab.folder / "boxes.json").write_text("\n".join(json.dumps(item) for item in items))
    made = await lab.direct(
        f"kubectl apply -f kind.json && kubectl wait --for=condition=Established crd/{KIND}"
        f" && until kubectl replace --force -f boxes.json; do sleep 0.2; done; kubectl get {KIND} --field-selector {HIDDEN}={RIGHT} -o name"
    )
    assert f"box.{GROUP}/full" in made.out.splitlines(), made.err
    yield lab
    await lab.direct(f"kubectl delete crd {KIND}")


RAW = f"/apis/{GROUP}/v1/namespaces/shop/boxes?fieldSelector"
COMMANDS = [
    f"kubectl get {KIND} --field-selector {HIDDEN}=GUESS -o name",
    f"kubectl get {KIND} --field-selector {HIDDEN}=GUESS",
    f"kubectl get {KIND} -A --field-selector spec.colour=red,{HIDDEN}!=GUESS -o json",
    f"timeout 2 kubectl get {KIND} -w --field-selector {HIDDEN}==GUESS",
    f"kubectl delete {KIND} --field-selector {HIDDEN}=GUESS",
    f"kubectl get --raw '{RAW}={HIDDEN}%3DGUESS&limit=1'",
    f"kubectl get --raw '{RAW}=spec.colour%3Dred&fieldSelector={HIDDEN}%3DGUESS'",
    f"kubectl delete --raw '{RAW}={HIDDEN}%3DGUESS'",
    f"kubectl label {KIND} full a=b >/dev/null 2>&1; kubectl get {KIND} --field-selector {HIDDEN}=GUESS -o name",
]


@pytest.mark.parametrize("command", COMMANDS)
async def test_a_right_guess_gets_the_answer_of_a_wrong_one(boxes: Lab, command: str) -> None:
    """By a gateway that has not seen the objects before."""
    right, wrong = [await boxes.rehearse(command.replace("GUESS", guess)) for guess in (RIGHT, WRONG)]

    assert (right.code, without_ages(right.out)) == (wrong.code, without_ages(wrong.out))
    assert right.err.replace(RIGHT, WRONG) == wrong.err
    assert REFUSAL in right.err
    assert [write for write in right.writes if write.startswith("DELETE")] == []


async def test_other_fields_select_as_before(boxes: Lab) -> None:
    lines = [
        f"kubectl get {KIND} --field-selector spec.colour=red -o name",
        f"kubectl get {KIND} --field-selector spec.colour!=red,metadata.name=full -o name",
        f"kubectl get {KIND} --field-selector metadata.name=full -o name",
        "kubectl get pods --field-selector status.phase=Running -o name",
        f"kubectl get {KIND} --field-selector spec.nothing=x -o name",
    ]
    for line in lines:
        ours, theirs = await boxes.rehearse(line), await boxes.direct(line)
        assert (ours.code, ours.out, ours.err) == (theirs.code, theirs.out, theirs.err), line


async def test_a_field_that_no_object_hides_can_be_selected_by(boxes: Lab) -> None:
    """Nothing hidden is compared then."""
    await boxes.direct(f"kubectl delete {KIND} full --wait")
    ran = await boxes.rehearse(f"kubectl get {KIND} --field-selector {HIDDEN}=x -o name")

    assert (ran.code, ran.out, REFUSAL in ran.err) == (0, "", False)
