"""A CRD that prints a value of an embedded Secret in a column: the value stays hidden, and tables are what they are without us."""

from __future__ import annotations

import base64
import json
import re

import pytest

from tests.integration.gateway.lab import Lab, without_ages

pytestmark = pytest.mark.apiserver

CANARY = "canary-in-a-column"
ENCODED = base64.b64encode(CANARY.encode()).decode()
GROUP = "columns.example.org"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
COLUMNS = [
    {"name": "Plain", "type": "string", "jsonPath": ".spec.secret.stringData.token"},
    {"name": "Encoded", "type": "string", "jsonPath": ".spec.secret.data.token"},
    {"name": "Size", "type": "integer", "jsonPath": ".spec.size"},
]


def manifests() -> str:
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
        "additionalPrinterColumns": COLUMNS,
    }
    spec = {"group": GROUP, "names": {"plural": "crates", "kind": "Crate"}, "scope": "Namespaced", "versions": [version]}
    kind = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"crates.{GROUP}"},
        "spec": spec,
    }
    inner = {"apiVersion": "v1", "kind": "Secret", "stringData": {"token": CANARY}, "data": {"token": ENCODED}}
    items = [
        {"apiVersion": f"{GROUP}/v1", "kind": "Crate", "metadata": {"name": name, "namespace": "shop"}, "spec": {"size": 3, "secret": held}}
        for name, held in (("full", inner), ("empty", {}))
    ]
    return json.dumps([kind, items])


@pytest.fixture
async def crates(lab: Lab) -> Lab:
    kind, items = json.loads(manifests())
    (lab.folder / "kind.json").write_text(json.dumps(kind))
    (lab.folder / "crates.json").write_text("\n".join(json.dumps(item) for item in items))
    made = await lab.direct(
        f"kubectl apply -f kind.json && kubectl wait --for=condition=Established crd/crates.{GROUP}"
        " && until kubectl replace --force -f crates.json; do sleep 0.2; done"  # unlike `apply`, it leaves no annotation that tells as much
    )
    assert "full" in made.out, made.err
    return lab


CURL = (
    "server=$(kubectl config view --raw -o jsonpath='{.clusters[0].cluster.server}');"
    " token=$(kubectl config view --raw -o jsonpath='{.users[0].user.token}');"
    f" curl -sk -H \"Authorization: Bearer $token\" -H 'Accept: {TABLE}' $server/apis/{GROUP}/v1/namespaces/shop/crates"
)
READS = [
    f"kubectl get crates.{GROUP}",
    f"kubectl get crates.{GROUP} full",
    f"kubectl get crates.{GROUP} -o wide --show-labels",
    f"kubectl get crates.{GROUP} --sort-by=.metadata.name",
    f"timeout 2 kubectl get crates.{GROUP} -w",
    *(f"{CURL}{name}?includeObject={include}" for name in ("", "/full") for include in ("None", "Metadata", "Object", "")),
    f"kubectl label crates.{GROUP} full a=b >/dev/null; kubectl get crates.{GROUP}; kubectl get crates.{GROUP} full",
]


@pytest.mark.parametrize("command", READS)
async def test_a_column_does_not_show_what_the_object_hides(crates: Lab, command: str) -> None:
    """By a gateway that has not seen the object before."""
    shown = await crates.rehearse(command)

    assert "full" in shown.out, shown.err
    assert CANARY not in shown.out
    assert ENCODED not in shown.out
    assert "[redacted:" in shown.out


@pytest.mark.parametrize("include", ["None", "Metadata", "Object", ""])
@pytest.mark.parametrize("name", ["", "/full", "/empty"])
async def test_a_table_has_the_objects_that_were_asked_for(crates: Lab, include: str, name: str) -> None:
    """The server's own, apart from what is hidden."""
    ours = json.loads((await crates.rehearse(f"{CURL}{name}?includeObject={include}")).out)
    theirs = json.loads((await crates.direct(direct_curl(f"{name}?includeObject={include}"))).out)

    assert without_ages(hide(ours)) == without_ages(hide(theirs))


def direct_curl(path: str) -> str:
    return (
        "kubectl proxy --port=0 >port & until grep -q '[0-9]$' port; do sleep 0.1; done;"
        f" curl -s -H 'Accept: {TABLE}' localhost:$(grep -o '[0-9]*$' port)/apis/{GROUP}/v1/namespaces/shop/crates{path}; kill $!"
    )


def hide(table: object) -> str:
    """Without versions, and with one word for what is hidden."""
    text = json.dumps(table, sort_keys=True)
    versions = re.sub(r'"resourceVersion": "\d+"', '"resourceVersion": ""', text)
    marks = re.sub(r"\[redacted:[^\]]*\]", "HIDDEN", versions)
    encoded = re.sub(r'"W3JlZGFjdGVk[A-Za-z0-9+/=]*"', '"HIDDEN"', marks)
    return encoded.replace(CANARY, "HIDDEN").replace(ENCODED, "HIDDEN")
