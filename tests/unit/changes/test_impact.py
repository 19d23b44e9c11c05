"""How impact lines are looked for and told: bounded, as the reader, each once; and wide rights."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bot.changes import diff
from bot.changes.impact.lines import lines
from bot.changes.impact.look import look
from bot.changes.impact.surroundings import Surroundings
from bot.values.requests import RecordedWrite
from tests.unit.changes.builders import JSON, write
from tests.unit.changes.impacts import READER, Cluster, deleted, impact, recorded, rolled, scaled, updated, workload


def test_wide_rights_are_told() -> None:
    def made(kind: str, **more: Any) -> RecordedWrite:
        item = {"kind": kind, "metadata": {"name": "x"}, **more}
        return write("create", f"{kind.lower()}s", "", item, kind=JSON, after=item)

    ada = [{"kind": "User", "name": "ada"}]

    assert recorded(made("ClusterRoleBinding", subjects=ada, roleRef={"name": "cluster-admin"})) == [
        "⚠️ Gives User ada every right in the whole cluster"
    ]
    assert recorded(made("RoleBinding", subjects=ada, roleRef={"name": "view"})) == []
    assert recorded(made("ClusterRole", rules=[{"verbs": ["*", "get"]}, {"verbs": ["bind"]}])) == [
        "⚠️ Holds the verbs *, bind, which can give further rights"
    ]


def bound(role: str, *subjects: str, before: tuple[str, ...] = (), kind: str = "ClusterRole") -> RecordedWrite:
    def item(names: tuple[str, ...]) -> dict[str, Any]:
        metadata = {"name": "b", "namespace": "shop"}
        return {
            "kind": "RoleBinding",
            "metadata": metadata,
            "roleRef": {"kind": kind, "name": role},
            "subjects": [{"kind": "User", "name": name} for name in names],
        }

    return updated(item(before), item(subjects), "rolebindings")


async def test_a_binding_tells_what_its_role_holds() -> None:
    own = {"rules": [{"apiGroups": [""], "resources": ["secrets", "pods/exec"], "verbs": ["get", "create"]}]}
    whole = {"rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]}
    named = {"rules": [{"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["one"], "verbs": ["get"]}]}
    harmless = {"rules": [{"apiGroups": ["apps"], "resources": ["*"], "verbs": ["get"]}, {"nonResourceURLs": ["*"], "verbs": ["*"]}]}

    assert await impact(Cluster(roles=own), bound("own", "ada", kind="Role")) == [
        "⚠️ Gives User ada the right to read Secrets and run commands in pods in shop"
    ]
    assert await impact(Cluster(clusterroles=whole), bound("whole", "ada")) == ["⚠️ Gives User ada every right in shop"]
    assert await impact(Cluster(clusterroles=named), bound("named", "ada")) == []
    assert await impact(Cluster(clusterroles=harmless), bound("harmless", "ada")) == []
    assert await impact(Cluster(), bound("gone", "ada")) == []


async def test_only_who_is_new_in_a_binding_gets_rights() -> None:
    assert await impact(Cluster(), bound("edit", "ada", "ben", before=("ada",))) == [
        "⚠️ Gives User ben the right to change most things, read Secrets and run commands in pods in shop"
    ]
    assert await impact(Cluster(), bound("edit", "ada", before=("ada", "ben"))) == []


async def test_a_role_of_the_same_change_is_looked_into() -> None:
    role = {"kind": "Role", "metadata": {"name": "own", "namespace": "shop"}}
    rules = [{"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["roles"], "verbs": ["bind"]}]
    wider = updated(role, {**role, "rules": rules}, "roles")

    assert recorded(updated(role, {**role, "rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]}, "roles")) == [
        "⚠️ Lets whoever is bound to it do everything"
    ]
    assert await impact(Cluster(), wider, bound("own", "ada", kind="Role")) == [
        "Role shop/own: ⚠️ holds the verb bind, which can give further rights",
        "RoleBinding shop/b: ⚠️ gives User ada the right to give further rights in shop",
    ]


def test_pods_that_reach_into_their_node_are_told() -> None:
    spec = {
        "hostPID": True,
        "volumes": [{"hostPath": {"path": "/"}}],
        "containers": [{"name": "c", "securityContext": {"privileged": True}}],
    }
    item = {"kind": "Pod", "metadata": {"name": "debugger", "ownerReferences": [{"uid": "u"}]}, "spec": spec}
    plain = workload()
    opened = {**plain, "spec": {**plain["spec"], "template": {**plain["spec"]["template"], "spec": spec}}}

    made = write("create", "pods", "", item, kind=JSON, after=item)

    assert recorded(made) == ["⚠️ Reaches into its node: its processes, its files at /, container c is privileged"]
    assert "⚠️ reaches into its node: its processes, its files at /, container c is privileged" in recorded(updated(plain, opened))[0]
    assert "node" not in " ".join(recorded(updated(opened, {**opened, "metadata": {**opened["metadata"], "labels": {"a": "b"}}})))


def test_a_template_that_changes_while_paused_is_rolled_out_when_it_is_resumed() -> None:
    paused = updated(workload(), workload(spec={"paused": True}))
    changed = rolled(spec={"paused": True})
    resumed = updated(workload(image="nginx:2", spec={"paused": True}), workload(image="nginx:2"))

    assert recorded(paused, changed, resumed)[-1].endswith("resumes the rollout: 3 pods to be replaced")


def test_a_write_that_changes_nothing_is_told_only_if_the_others_change_nothing_either() -> None:
    same = scaled(3)

    assert recorded(same, same) == ["Nothing changes: it is so already"]
    assert recorded(same, scaled(5)) == ["+2 pods (3/3 ready now)"]


async def test_what_cannot_be_looked_at_is_said() -> None:
    cluster = Cluster()
    cluster.status = {"horizontalpodautoscalers": 403, "resourcequotas": 500}

    assert await impact(cluster, scaled(5)) == [
        "+2 pods (3/3 ready now)",
        "Could not look at ResourceQuotas of shop: the Kubernetes API says HTTP 500",
        "Could not look at HPAs of shop: the reader has no right to",
    ]


async def test_a_cluster_that_does_not_answer_stops_nothing() -> None:
    cluster = Cluster()
    cluster.is_down = True

    assert await impact(cluster, scaled(5)) == [
        "+2 pods (3/3 ready now)",
        "Could not look at ResourceQuotas of shop, HPAs of shop: the Kubernetes API does not answer",
    ]


async def test_a_slow_cluster_is_not_waited_for() -> None:
    cluster = Cluster()
    cluster.hangs = True

    around = await look(cluster, READER, [scaled(5)], seconds=0.01)

    assert "the Kubernetes API took too long" in lines([scaled(5)], [diff.of_write(scaled(5))], around)[-1]


async def test_the_number_of_questions_is_bounded_and_they_are_asked_as_the_reader() -> None:
    claims = [
        {"kind": "PersistentVolumeClaim", "metadata": {"name": f"c{number}", "namespace": "shop"}, "spec": {"volumeName": f"v{number}"}}
        for number in range(100)
    ]
    cluster = Cluster(pods=[])

    told = await impact(cluster, *(deleted(claim, "persistentvolumeclaims") for claim in claims))

    assert len(cluster.asked) <= 40
    assert len({(request.path, request.query) for request in cluster.asked}) == len(cluster.asked)
    assert cluster.identities == {READER}
    assert told[-1].startswith("Could not look at PersistentVolume v")
    assert told[-1].endswith("there is too much to look at")


def test_without_a_look_only_what_was_recorded_is_told() -> None:
    around = Surroundings()
    written = scaled(5)

    assert lines([written], [diff.of_write(written)], around) == ("+2 pods (3/3 ready now)",)
    assert {question.about for question in around.wanted} == {"HPAs of shop", "ResourceQuotas of shop"}


def test_several_objects_are_told_by_name_and_each_line_once() -> None:
    other = scaled(4)
    named = replace(other, info=replace(other.info, name="api"), before={**other.before, "metadata": {"name": "api", "namespace": "shop"}})

    assert recorded(scaled(5), named) == ["Deployment shop/web: +2 pods (3/3 ready now)", "Deployment shop/api: +1 pod (3/3 ready now)"]
    paused = updated(workload(), workload(spec={"paused": True}))
    for written in (paused, changed := rolled()):
        written.before["metadata"]["labels"] = {"helm.toolkit.fluxcd.io/name": "web"}
    assert " ".join(recorded(paused, changed)).lower().count("managed by flux") == 1
    assert recorded(scaled(5), scaled(5)) == ["+2 pods (3/3 ready now)"]
