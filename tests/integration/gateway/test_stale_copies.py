"""The resourceVersion of an object moves with each rehearsed write: who writes a stale copy is told, as directly, and what is recorded
can be replayed all the same."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bot.changes.change import State
from tests.integration.changes.replaying import approve_recording, carry_out
from tests.integration.gateway.files import PROXY
from tests.integration.gateway.lab import Lab
from tests.unit.changes.memory import MemoryChanges

pytestmark = pytest.mark.apiserver

_LOOP = """
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException

config.load_kube_config()
api = client.CoreV1Api()

def read():
    return api.read_namespaced_config_map("NAME", "shop")

def put(item, key):
    item.data = {**(item.data or {}), key: "1"}
    return api.replace_namespaced_config_map("NAME", "shop", item)

first, second = read(), read()
put(first, "one")
try:
    put(second, "two")
except ApiException as error:
    print(error.status, error.reason)
    put(read(), "two")
answered = put(read(), "three")
put(answered, "four")
print(sorted(read().data))
"""


@pytest.mark.parametrize("is_new", [False, True])
async def test_an_optimistic_loop_goes_the_way_it_goes_directly_and_all_of_it_can_be_replayed(lab: Lab, is_new: bool) -> None:
    name = f"optimistic-{is_new}".lower()
    (lab.folder / "loop.py").write_text(_LOOP.replace("NAME", name))
    create, script = f"kubectl create cm {name} --from-literal=zero=0", f"{Path(sys.executable)} loop.py"
    command = f"{create} >/dev/null; {script}" if is_new else script
    if not is_new:
        await lab.direct(create)

    async with lab.nothing_persists():
        ran = await lab.rehearse(command)
    changes = MemoryChanges()
    done = await carry_out(lab, changes, approve_recording(changes, ran.recording, command))
    replayed = await lab.direct(f"kubectl get cm {name} -o jsonpath='{{.data}}'")
    await lab.direct(f"kubectl delete cm {name}")

    assert ran.out == "409 Conflict\n['four', 'one', 'three', 'two', 'zero']\n", ran.err
    assert done.state is State.DONE, done.reason
    assert replayed.out == '{"four":"1","one":"1","three":"1","two":"1","zero":"0"}'


_MOVE = "kubectl label cm NAME moved=1; "
_COPY = f"kubectl get cm NAME -o json > copy; {_MOVE}"
_VERSION = f"v=$(kubectl get cm NAME -o jsonpath={{.metadata.resourceVersion}}); {_MOVE}"
_OWN = "jq 'del(.metadata.managedFields, .metadata.creationTimestamp, .metadata.uid)' copy"
_CURL = "curl -s -X DELETE -H 'Content-Type: application/json' -d @options localhost:$(grep -o '[0-9]*$' port)"

STALE = {
    "replace": f"{_COPY}kubectl replace -f copy",
    "merge patch": _VERSION + """kubectl patch cm NAME --type=merge -p '{"metadata":{"resourceVersion":"'$v'"}}'""",
    "strategic patch": _VERSION + """kubectl patch cm NAME -p '{"metadata":{"resourceVersion":"'$v'"}}'""",
    "json patch": _VERSION
    + """kubectl patch cm NAME --type=json -p '[{"op":"replace","path":"/metadata/resourceVersion","value":"'$v'"}]'""",
    "apply": f"{_COPY}{_OWN} | kubectl apply --server-side --force-conflicts -f -",
    "delete": f"""{_VERSION}echo '{{"preconditions":{{"resourceVersion":"'$v'"}}}}' > options; {PROXY}
        {_CURL}/api/v1/namespaces/shop/configmaps/NAME | grep -o '"code": *409'; kill $!; kubectl get cm NAME -o name; false""",
}


@pytest.mark.parametrize("is_new", [False, True])
@pytest.mark.parametrize("way", STALE)
async def test_a_stale_copy_is_a_conflict_whatever_it_comes_in(lab: Lab, way: str, is_new: bool) -> None:
    name = f"stale-{way.replace(' ', '-')}-{is_new}".lower()
    create, change = f"kubectl create cm {name} >/dev/null; ", STALE[way].replace("NAME", name)
    if not is_new:
        await lab.direct(create)

    async with lab.nothing_persists():
        ran = await lab.rehearse(create * is_new + change)
    direct = await lab.direct(create * is_new + change)
    await lab.direct(f"kubectl delete cm {name} --ignore-not-found")

    assert [refused.status for refused in ran.recording.refused] == [409]
    assert (ran.code, ran.out) == (direct.code, direct.out)
    assert ran.code == 1
    assert len(ran.recording.writes) == 1 + is_new


@pytest.mark.parametrize("is_new", [False, True])
async def test_a_size_is_set_against_the_version_that_the_rehearsal_shows(lab: Lab, is_new: bool) -> None:
    name = f"sized-{is_new}".lower()
    create = f"kubectl create deploy {name} --image=nginx --replicas=0 >/dev/null; kubectl rollout pause deploy {name} >/dev/null; "
    version = f"$(kubectl get deploy {name} -o jsonpath={{.metadata.resourceVersion}})"
    if not is_new:
        await lab.direct(create)

    ran = await lab.rehearse(
        f"{create * is_new}v={version}; kubectl scale deploy {name} --replicas=1 --resource-version=$v; "
        f"kubectl scale deploy {name} --replicas=2 --resource-version=$v || echo stale; "
        f"kubectl scale deploy {name} --replicas=3 --resource-version={version} && kubectl get deploy {name} -o jsonpath={{.spec.replicas}}"
    )
    await lab.direct(f"kubectl delete deploy {name} --ignore-not-found")

    assert ran.out.splitlines()[-3:] == ["stale", f"deployment.apps/{name} scaled", "3"], ran.err


async def test_what_changes_nothing_leaves_the_version_as_it_is(lab: Lab) -> None:
    version = "kubectl get cm still -o jsonpath='{.metadata.resourceVersion} '; "
    label = "kubectl label cm still a=b --overwrite >/dev/null; "

    ran = await lab.rehearse(f"kubectl create cm still >/dev/null; {version}{label}{version}{label}{version}")

    made, labelled, again = ran.out.split()
    assert int(made) < int(labelled) == int(again)


async def test_a_dry_run_of_the_clients_own_answers_with_the_version_that_is_shown(lab: Lab) -> None:
    await lab.direct("kubectl create cm asked")
    version = "-o jsonpath='{.metadata.resourceVersion} '"

    ran = await lab.rehearse(
        f"""kubectl patch cm asked -p '{{"data":{{"a":"b"}}}}' {version}
        kubectl patch cm asked -p '{{"data":{{"a":"c"}}}}' --dry-run=server {version}
        kubectl get cm asked {version}
        kubectl get cm asked -o yaml | sed s/b$/c/ | kubectl replace --dry-run=server -f - -o name"""
    )
    await lab.direct("kubectl delete cm asked")

    written, tried, shown, replaced = ran.out.split()
    assert written == tried == shown
    assert replaced == "configmap/asked"


async def test_a_version_of_the_rehearsal_can_be_listed_and_watched_from(lab: Lab) -> None:
    path = "/api/v1/namespaces/shop/configmaps?labelSelector=listed%3D1&resourceVersion=$v"

    ran = await lab.rehearse(
        "kubectl create cm listed >/dev/null; v=$(kubectl label cm listed listed=1 -o jsonpath={.metadata.resourceVersion}); "
        f"kubectl get --raw \"{path}&resourceVersionMatch=NotOlderThan\" | jq -r '.items[].metadata.name'; "
        f'kubectl get --raw "{path}&watch=1&timeoutSeconds=1" && echo watched'
    )

    assert ran.out == "listed\nwatched\n", ran.err


async def test_a_status_that_was_written_stays_when_something_else_is_written(lab: Lab) -> None:
    ran = await lab.rehearse(
        'kubectl patch pod p1 --subresource=status --type=merge -p \'{"status":{"reason":"x"}}\' >/dev/null; '
        "kubectl label pod p1 kept=1 >/dev/null; kubectl get pod p1 -o jsonpath='{.status.reason} {.metadata.labels.kept}'"
    )

    assert ran.out == "x 1"
