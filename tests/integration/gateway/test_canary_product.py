"""Every verb of kubectl × every output format × every type of Secret: no canary, and no half of one, is in what leaves the gateway. The
verbs take all Secrets of the vault at once, so that a pair of verb and format is one command."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tests.integration.gateway.lab import Ran
from tests.integration.gateway.test_canaries import TYPES, Vault, vault

__all__ = ["vault"]
pytestmark = pytest.mark.apiserver

NAMES = " ".join(TYPES)
PRINTS = (
    "",
    "-o name",
    "-o json",
    "-o yaml --show-managed-fields",
    "-o jsonpath='{.data}{.items[*].data}{.metadata.annotations}'",
    "-o jsonpath-as-json='{.data}'",
    "-o go-template='{{range $k, $v := .data}}{{$k}}={{$v | base64decode}} {{end}}'",
    "-o go-template-file=template",
    "-o jsonpath-file=path",
    "-o yaml -v=9",
    "-o kyaml",
)
COLUMNS = ("-o wide", "-o custom-columns=N:.metadata.name,D:.data,A:.metadata.annotations", "-o custom-columns-file=columns", "-L a,b")
READS = {
    "get": f"kubectl get secrets {NAMES}",
    "get all": "kubectl get secrets,configmaps",
    "get -f": "kubectl get -f typed.json",
}
WATCHES = ("", "-o wide", "-o name", "-o json", "-o yaml", "-o json --output-watch-events", "-o yaml -v=9")
WRITES = {
    "label": "kubectl label secrets --all a=b",
    "annotate": "kubectl annotate secrets --all a=b",
    "patch, strategic": f'kubectl patch secret {NAMES} -p \'{{"stringData":{{"note":"typed"}}}}\'',
    "patch, merge": f'kubectl patch secret {NAMES} --type=merge -p \'{{"metadata":{{"labels":{{"c":"d"}}}}}}\'',
    "patch, json": f'kubectl patch secret {NAMES} --type=json -p \'[{{"op":"add","path":"/metadata/labels","value":{{"e":"f"}}}}]\'',
    "apply": "kubectl apply -f typed.json",
    "apply, server side": "kubectl apply --server-side --force-conflicts -f typed.json",
    "replace": "kubectl replace -f typed.json",
    "create": "kubectl create -f copies.json",
    "of a ConfigMap": "kubectl label configmap kept a=b",
}

TOLD = "A JSON patch may not test, copy or move what holds a Secret's value: add and replace what is to be there."


TYPED = {
    "opaque": ("Opaque", {}),
    "tls": ("kubernetes.io/tls", {"tls.crt": "typed", "tls.key": "typed"}),
    "registry": ("kubernetes.io/dockerconfigjson", {".dockerconfigjson": '{"auths":{}}'}),
    "basic": ("kubernetes.io/basic-auth", {"password": "typed"}),
    "ssh": ("kubernetes.io/ssh-auth", {"ssh-privatekey": "typed"}),
    "account": ("kubernetes.io/service-account-token", {}),
    "release": ("helm.sh/release.v1", {"release": "typed"}),
    "bootstrap": ("bootstrap.kubernetes.io/token", {"token-id": "abcdef"}),
    "fixed": ("Opaque", {}),
}


def typed(name: str, kind: str, data: dict[str, str]) -> dict[str, Any]:
    """A Secret of this type as somebody may write it who knows none of its values."""
    annotations = {"kubernetes.io/service-account.name": "default"} if name == "account" else {}
    metadata = {"name": name, "annotations": annotations}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": kind, "stringData": {"more": "typed", **data}}


async def judge(vault: Vault, commands: list[str], capsys: pytest.CaptureFixture[str]) -> Ran:
    """Runs the commands in one rehearsal; nothing of a Secret may be in what they print, in what is recorded, or in the log."""
    made = [typed(name, *TYPED[name]) for name in TYPES]
    copies = [{**item, "metadata": {**item["metadata"], "name": f"{item['metadata']['name']}-copy"}} for item in made]
    for name, items in (("typed.json", made), ("copies.json", copies)):
        (vault.lab.folder / name).write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
    (vault.lab.folder / "template").write_text("{{.data}}")
    (vault.lab.folder / "path").write_text("{.data}")
    (vault.lab.folder / "columns").write_text("NAME DATA\n.metadata.name .data\n")
    capsys.readouterr()
    ran = await vault.run("; ".join(f"({command}) 2>&1" for command in commands))
    logged = capsys.readouterr()

    assert vault.leaks(ran, logged.out + logged.err) == [], commands
    return ran


@pytest.mark.parametrize("verb", READS)
async def test_reads(vault: Vault, verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    ran = await judge(vault, [f"{READS[verb]} {form}" for form in (*PRINTS, *COLUMNS)], capsys)

    assert "opaque" in ran.out
    assert ran.recording.writes == ()


async def test_watches(vault: Vault, capsys: pytest.CaptureFixture[str]) -> None:
    watches = " ".join(f"kubectl get secrets -w {form} >w{index} 2>&1 &" for index, form in enumerate(WATCHES))
    files = " ".join(f"w{index}" for index in range(len(WATCHES)))
    label = "kubectl label secrets --all seen=yes >/dev/null"
    told = "until grep -q yes w3 && grep -q yes w4 && grep -q yes w5 && grep -q yes w6; do sleep 0.1; done"

    ran = await judge(
        vault,
        [f"{watches} for f in {files}; do until [ -s $f ]; do sleep 0.1; done; done; {label}; {told}; kill $(jobs -p); cat w*"],
        capsys,
    )

    assert '"type":"ADDED"' in ran.out
    assert '"type":"MODIFIED"' in ran.out


@pytest.mark.parametrize("verb", WRITES)
async def test_writes_and_reads_after_them(vault: Vault, verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    commands = [f"{WRITES[verb]} {form}" for form in (*PRINTS, "--dry-run=server -o json")]
    again = [f"kubectl get secrets {form}" for form in ("", "-o json", "-o yaml", "-o wide")]

    ran = await judge(vault, [*commands, *again], capsys)

    written = {write.info.name for write in ran.recording.writes}
    assert len(written) >= (1 if "ConfigMap" in verb else len(TYPES) - 1), written  # one of them is immutable


async def test_verbs_without_a_format(vault: Vault, capsys: pytest.CaptureFixture[str]) -> None:
    path = f"/api/v1/namespaces/{vault.space}"
    ran = await judge(
        vault,
        [
            "kubectl describe secrets,configmaps -v=9",
            f"KUBE_EDITOR='sed -i s/^type:/type:/' kubectl edit secret {NAMES} -v=9",
            "KUBE_EDITOR='sed -i s/namespace:/x:/' kubectl edit secret opaque -o json",
            "kubectl diff -f typed.json; kubectl diff --server-side --force-conflicts -f typed.json",
            "kubectl apply view-last-applied -f typed.json -o json",
            "kubectl apply set-last-applied -f typed.json --create-annotation -o yaml",
            f"kubectl get --raw {path}/secrets; kubectl get --raw {path}/secrets/opaque",
            f"kubectl replace --raw {path}/secrets/opaque -f typed.json; kubectl delete --raw {path}/secrets/tls",
            "kubectl create deploy user --image=x; kubectl set env deploy/user --from=secret/opaque",
            "kubectl set env deploy/user --list --resolve",
            "kubectl wait secret/opaque --for=jsonpath='{.data.password}' -o json --timeout=1s; kubectl events",
            "kubectl replace --force -f typed.json -o name --timeout=5s",
            "kubectl delete secrets --all --dry-run=server -o name; kubectl delete secrets --all --wait=false -v=9",
        ],
        capsys,
    )

    assert "Type:  kubernetes.io/tls" in ran.out
    assert "PASSWORD=[redacted:" in ran.out


async def test_a_watch_of_a_large_secret_with_bookmarks(vault: Vault, capsys: pytest.CaptureFixture[str]) -> None:
    large = "-".join([vault.pieces["opaque"]] * 20_000)
    (vault.lab.folder / "large").write_text(large)
    await vault.lab.direct(f"kubectl -n {vault.space} create secret generic large --from-file=large; rm large")
    query = "watch=1&allowWatchBookmarks=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&timeoutSeconds=2"

    ran = await judge(
        vault,
        [f"kubectl get --raw '/api/v1/namespaces/{vault.space}/secrets?{query}'", "kubectl get secret large -o json | wc -c"],
        capsys,
    )

    assert "k8s.io/initial-events-end" in ran.out
    assert '"name":"large"' in ran.out


async def test_what_was_read_is_never_written_as_a_value(vault: Vault, capsys: pytest.CaptureFixture[str]) -> None:
    ran = await judge(
        vault,
        [
            *(f"kubectl get secret {name} -o yaml | kubectl apply -f -" for name in TYPES),
            "kubectl get secrets -o json | kubectl apply --server-side --force-conflicts -f -",
            "kubectl get secrets -o yaml | kubectl replace -f -",
            "kubectl get secret opaque -o yaml | sed 's/name: opaque/name: copied/' | kubectl create -f -",
            "kubectl create secret generic copied --from-literal=p=$(kubectl get secret opaque -o jsonpath='{.data.password}' | base64 -d)",
            "kubectl create configmap copied --from-literal=p=$(kubectl get secret opaque -o jsonpath='{.data.password}')",
        ],
        capsys,
    )

    assert ran.recording.writes == ()
    assert len(ran.recording.refused) >= 2 * len(TYPES)


async def test_conflicts_and_invalid_values_are_told_without_what_is_there(vault: Vault, capsys: pytest.CaptureFixture[str]) -> None:
    other = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "opaque"}, "data": {"password": "bmV3", "url": "bmV3"}}
    (vault.lab.folder / "other.json").write_text(json.dumps(other))
    copies = [
        json.dumps([{"op": "copy", "from": "/data/release", "path": to}]) for to in ("/metadata/labels/x", "/data/x", "/metadata/name")
    ]

    ran = await judge(
        vault,
        [
            "kubectl apply --server-side --field-manager=other -f other.json -v=9",
            *(f'kubectl patch secret {name} -p \'{{"type":"other"}}\'' for name in TYPES),
            *(f"kubectl patch secret {name} -p '{{\"data\":null}}'" for name in TYPES),
            *(f'kubectl patch secret {name} -p \'{{"stringData":{{"a b":"x"}}}}\'' for name in TYPES),
            *(f'kubectl patch secret {name} --type=merge -p \'{{"metadata":{{"name":"x"}}}}\'' for name in TYPES),
            'kubectl patch secret registry -p \'{"stringData":{".dockerconfigjson":"not json"}}\'',
            'kubectl patch secret fixed -p \'{"stringData":{"password":"new"}}\'; kubectl patch secret fixed -p \'{"immutable":false}\'',
            "kubectl replace --validate=strict -f other.json; kubectl patch secret opaque -p '{\"stringDatas\":{}}' --type=merge",
            *(f"kubectl patch cm kept --type=json -p '{copy}' -o yaml" for copy in copies),
            "kubectl label cm kept owner- -o yaml; kubectl get cm kept -o yaml; kubectl get cm -o json",
        ],
        capsys,
    )

    assert "conflict" in ran.out
    assert ran.out.count("may not copy or move its data") == len(copies)
    assert "field is immutable" in ran.out


async def test_a_secret_inside_another_object_stays_hidden_when_a_write_calls_it_something_else(
    vault: Vault, capsys: pytest.CaptureFixture[str]
) -> None:
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    group = f"{vault.space}.example.org"
    names = {"plural": "boxes", "kind": "Box"}
    spec = {"group": group, "names": names, "scope": "Namespaced", "versions": [version]}
    kind = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"boxes.{group}"},
        "spec": spec,
    }
    value = base64.b64encode(f"login {vault.pieces['opaque']}".encode()).decode()
    inner = {"apiVersion": "v1", "kind": "Secret", "data": {"p": value}}
    box = {"apiVersion": f"{group}/v1", "kind": "Box", "metadata": {"name": "b", "namespace": vault.space}, "spec": {"m": [inner]}}
    (vault.lab.folder / "kind.json").write_text(json.dumps(kind))
    (vault.lab.folder / "box.json").write_text(json.dumps(box))
    made = await vault.lab.direct(
        f"kubectl create -f kind.json && kubectl wait --for=condition=Established crd/boxes.{group} && until kubectl create -f box.json;"
        " do sleep 0.2; done; rm box.json"
    )
    assert "box" in made.out, made.err
    renamed = json.dumps([{"op": "replace", "path": "/spec/m/0/kind", "value": "Other"}])
    places = ("/spec/note", "/metadata/name", "/metadata/finalizers/-", "/metadata/ownerReferences/0/uid", "/kind")
    copies = [[{"op": "copy", "from": source, "path": to}] for to in places for source in ("/spec/m/0/data/p", "/spec/m/-1/data")]
    tested = [[{"op": "test", "path": "/spec/m/0/data/p", "value": value}]]
    broken = json.dumps({"metadata": {"creationTimestamp": "never"}})

    ran = await judge(
        vault,
        [
            f"kubectl patch boxes.{group} b --type=json -p '{renamed}' -o yaml --dry-run=server",
            f"kubectl patch boxes.{group} b --type=merge -p '{broken}'; true",
            *(f"kubectl patch boxes.{group} b --type=json -p '{json.dumps(told)}' -o yaml" for told in [*copies, *tested]),
            f"kubectl patch boxes.{group} b --type=json -p '{renamed}' -o yaml",
            f"kubectl get boxes.{group} -o yaml; kubectl get boxes.{group} b -o json; timeout 1 kubectl get boxes.{group} -w -o json",
        ],
        capsys,
    )
    token, server = (
        f"$(kubectl config view --raw -o jsonpath='{{{path}}}')" for path in (".users[0].user.token", ".clusters[0].cluster.server")
    )
    patch = f"-X PATCH -H 'Content-Type: application/json-patch+json' -d '{renamed}'"
    path = f"{server}/apis/{group}/v1/namespaces/{vault.space}/boxes/b"
    blind = [
        await judge(vault, [f'curl -sk -H "Authorization: Bearer {token}" {patch} {path}{end}'], capsys) for end in ("?dryRun=All", "")
    ]
    await vault.lab.direct(f"kubectl delete crd boxes.{group} --wait=false")

    assert all('"kind": "Other"' in one.out for one in blind)

    assert len(ran.recording.writes) == 1
    assert ran.out.count(TOLD) == len(copies) + len(tested)
    assert "kind: Other" in ran.out
