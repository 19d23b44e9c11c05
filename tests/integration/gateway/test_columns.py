"""A CRD that prints a value of an embedded Secret in a column: the value stays hidden, and tables are what they are without us.

Where the column points decides, not what is in the cell: a short value is hidden, and nothing is hidden for being equal to one.
"""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import pytest

from bot.gateway.clusters import GatewayCluster
from bot.kube.connection import connect
from bot.settings import ClusterSettings
from tests.integration.gateway.lab import Lab, without_ages

pytestmark = pytest.mark.apiserver

CANARY = "canary-in-a-column"
PIN = "4711"
"""Too short to be known again elsewhere."""
ENCODED = base64.b64encode(CANARY.encode()).decode()
GROUP = "columns.example.org"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
COLUMNS = [
    {"name": "Plain", "type": "string", "jsonPath": ".spec.secret.stringData.token"},
    {"name": "Encoded", "type": "string", "jsonPath": ".spec.secret.data.token"},
    {"name": "Short", "type": "string", "jsonPath": ".spec.secret.stringData.pin"},
    {"name": "Number", "type": "integer", "jsonPath": ".spec.secret.stringData.number"},
    {"name": "Quoted", "type": "string", "jsonPath": ".spec.secret['stringData'].pin"},
    {"name": "Whole", "type": "string", "jsonPath": ".spec.secret"},
    {"name": "Size", "type": "integer", "jsonPath": ".spec.size"},
    {"name": "Same", "type": "string", "jsonPath": ".spec.same"},
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
    values = {"token": CANARY, "pin": PIN, "number": int(PIN)}
    inner = {"apiVersion": "v1", "kind": "Secret", "stringData": values, "data": {"token": ENCODED}}
    items = [
        {
            "apiVersion": f"{GROUP}/v1",
            "kind": "Crate",
            "metadata": {"name": name, "namespace": "shop"},
            "spec": {"size": 3, "same": PIN, "secret": held},
        }
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


MARKER = "[redacted:not-compared]"
FULL = [*[MARKER] * 6, "3", PIN]
EMPTY = ["{}", "3", PIN]
"""`kubectl` prints nothing for a cell that is not there."""
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
    printed = [line.split()[1:] for line in shown.out.splitlines() if line.startswith(("full ", "empty "))]
    assert all(cells[:8] == FULL or cells[:3] == EMPTY for cells in printed), printed


async def test_who_may_not_read_the_definition_sees_the_names_of_what_hides_something(crates: Lab) -> None:
    """Nobody says then what the columns print."""
    settings = ClusterSettings(name="narrow", reader="system:serviceaccount:shop:crates", writer="")
    rights = "kubectl create role crates --verb=get,list,watch --resource=crates." + GROUP
    await crates.direct(f"{rights}; kubectl create rolebinding crates --role=crates --serviceaccount=shop:crates")
    narrow = GatewayCluster(settings, await connect(str(crates.server.kubeconfig)), crates.gateway, b"salt")
    try:
        shown = await Lab(crates.server, crates.gateway, narrow, crates.folder).rehearse(f"kubectl get crates.{GROUP}")
    finally:
        await narrow.close()
        await crates.direct("kubectl delete role,rolebinding crates")

    rows = {line.split()[0]: line.split()[1:] for line in shown.out.splitlines()[1:]}
    assert rows == {"full": [MARKER] * 8, "empty": EMPTY}, shown.err


@pytest.mark.parametrize("include", ["None", "Metadata", "Object", ""])
@pytest.mark.parametrize("name", ["", "/full", "/empty"])
async def test_a_table_has_the_objects_that_were_asked_for(crates: Lab, include: str, name: str) -> None:
    """The server's own, apart from what is hidden."""
    ours = json.loads((await crates.rehearse(f"{CURL}{name}?includeObject={include}")).out)
    theirs = json.loads((await crates.direct(direct_curl(f"{name}?includeObject={include}"))).out)

    assert without_ages(hide(ours)) == without_ages(hide(theirs))


def direct_curl(path: str) -> str:
    return (
        "rm -f port; kubectl proxy --port=0 >port & until grep -qs '[0-9]$' port; do sleep 0.1; done;"
        f" curl -s -H 'Accept: {TABLE}' localhost:$(grep -o '[0-9]*$' port)/apis/{GROUP}/v1/namespaces/shop/crates{path}; kill $!"
    )


def hide(table: Any) -> str:
    """Without versions, and with one word for what is hidden."""
    for row in table.get("rows", [table]):
        secret = ((row.get("object") or {}).get("spec") or {}).get("secret") or {}
        for values in (secret.get("stringData") or {}, secret.get("data") or {}):
            values.update(dict.fromkeys(values, "HIDDEN"))
        if row["cells"][0] == "full":
            row["cells"][1:7] = ["HIDDEN"] * 6
    return re.sub(r'"resourceVersion": "\d+"', '"resourceVersion": ""', json.dumps(table, sort_keys=True))
