"""Kinds with several versions, whether the cluster has them or the rehearsal defines them."""

from __future__ import annotations

import json

from tests.integration.gateway.lab import Lab

_SCHEMA = {"openAPIV3Schema": {"type": "object", "properties": {"spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}}}
_PARTS = {"status": {}, "scale": {"specReplicasPath": ".spec.size", "statusReplicasPath": ".status.size"}}


def _definition(group: str) -> str:
    versions = [
        {"name": name, "served": True, "storage": name == "v1", "schema": _SCHEMA, "subresources": _PARTS}
        for name in ("v1alpha1", "v1beta1", "v1")
    ]
    names = {"plural": "rigs", "singular": "rig", "kind": "Rig", "listKind": "RigList"}
    spec = {"group": group, "scope": "Namespaced", "names": names, "versions": versions}
    crd = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": f"rigs.{group}"}, "spec": spec}
    return json.dumps(crd)


def _rig(group: str, version: str) -> str:
    return json.dumps({"apiVersion": f"{group}/{version}", "kind": "Rig", "metadata": {"name": "r"}, "spec": {"size": 1}})


async def test_a_defined_kind_is_found_in_its_preferred_version_and_scales(lab: Lab) -> None:
    group = "made.example.org"
    (lab.folder / "rigs.json").write_text(_definition(group))
    (lab.folder / "rig.json").write_text(_rig(group, "v1"))
    line = (
        f"kubectl create -f rigs.json && kubectl wait --for=condition=Established crd/rigs.{group} --timeout=20s"
        f' && kubectl create -f rig.json && kubectl patch rigs.{group} r --type=merge -p \'{{"spec":{{"mode":"busy"}}}}\''
        f" && kubectl scale rigs.{group} r --replicas=4 && kubectl get rigs.{group} r -o jsonpath='{{.apiVersion}} {{.spec}}'"
        f" && kubectl get --raw /apis/{group} | jq -c '[.preferredVersion.version, .versions[].version]'"
        f" && kubectl api-resources --api-group={group} -o name && kubectl get --raw /apis/{group}/v1 | jq -c '[.resources[].name] | sort'"
    )

    ran = await lab.rehearse(line)
    real = await lab.direct(line)
    await lab.direct(f"kubectl delete crd rigs.{group}")

    assert (ran.code, real.code) == (0, 0), ran.err + real.err
    assert ran.out == real.out
    assert ran.writes[1:] == [f"POST rigs.{group} shop/r", f"PATCH rigs.{group} shop/r", f"PATCH rigs.{group}/scale shop/r"]


async def test_what_is_written_in_one_version_can_be_looked_at_and_written_in_another(lab: Lab) -> None:
    group = "known.example.org"
    (lab.folder / "rigs.json").write_text(_definition(group))
    (lab.folder / "rig.json").write_text(_rig(group, "v1beta1"))
    made = await lab.direct(f"kubectl create -f rigs.json && kubectl wait --for=condition=Established crd/rigs.{group} --timeout=20s")
    line = (
        f"kubectl create -f rig.json && kubectl get rigs.{group} -o jsonpath='{{.items[*].apiVersion}} ' && kubectl get"
        f" rigs.v1beta1.{group} r -o jsonpath='{{.apiVersion}}'"
        f' && kubectl patch rigs.v1.{group} r --type=merge -p \'{{"spec":{{"size":2}}}}\' && kubectl get rigs.v1alpha1.{group} r -o'
        f" jsonpath='{{.apiVersion}} {{.spec}}' && kubectl wait --for=jsonpath='{{.spec.size}}'=2 rigs.v1.{group}/r --timeout=5s"
        f" && kubectl delete rigs.v1.{group} r && kubectl get rigs.v1beta1.{group} -o name"
    )

    ran = await lab.rehearse(line)
    real = await lab.direct(line)
    await lab.direct(f"kubectl delete crd rigs.{group}")

    assert made.code == 0, made.err
    assert (ran.code, real.code) == (0, 0), ran.err + real.err
    assert ran.out == real.out
    assert [write.has_preview for write in ran.recording.writes] == [True, True, False]
