"""A rehearsal reads its own writes, and each write builds on those before."""

from __future__ import annotations

import json

import pytest

from tests.integration.gateway.audit import mark, since
from tests.integration.gateway.files import lay_out
from tests.integration.gateway.lab import Lab

pytestmark = pytest.mark.apiserver


@pytest.fixture(autouse=True)
def _files(lab: Lab) -> None:
    lay_out(lab.folder)


async def _run(lab: Lab, command: str) -> tuple[str, list[str]]:
    async with lab.nothing_persists():
        ran = await lab.rehearse(command)
    assert ran.code == 0, (ran.out, ran.err)
    return ran.out, ran.writes


async def test_a_scaled_deployment_is_read_with_its_new_size_in_every_form(lab: Lab) -> None:
    out, writes = await _run(
        lab,
        """set -e; exec 2>/dev/null
        kubectl scale deploy web --replicas=5 >/dev/null
        kubectl get deploy web -o jsonpath='{.spec.replicas} '
        kubectl get deploy -o jsonpath='{.items[0].spec.replicas} '
        kubectl get deploy web --no-headers | awk '{print $2}'
        kubectl get deploy --no-headers | awk '{print $1, $2}'
        kubectl get deploy -l app=web -o name
        kubectl get --raw /apis/apps/v1/namespaces/shop/deployments/web/scale | grep -o '"spec":{[^}]*}'""",
    )

    assert out == "5 5 0/5\nweb 0/5\ndeployment.apps/web\n" + '"spec":{"replicas":5}\n'
    assert writes == ["PATCH deployments.apps/scale shop/web"]


async def test_the_second_patch_is_previewed_on_top_of_the_first(lab: Lab) -> None:
    ran = await lab.rehearse(
        "kubectl set env deploy/web MODE=slow EXTRA=1 && kubectl set env deploy/web OTHER=2 && kubectl set image deploy/web web=nginx:9"
        " && kubectl scale deploy web --replicas=7 && kubectl annotate deploy web a=b"
    )

    assert ran.code == 0, ran.err
    last = ran.recording.writes[-1]
    assert last.has_preview
    assert last.after["spec"]["replicas"] == 7
    assert last.after["metadata"]["annotations"]["a"] == "b"
    container = last.after["spec"]["template"]["spec"]["containers"][0]
    assert container["image"] == "nginx:9"
    assert [(e["name"], e["value"]) for e in container["env"]] == [("MODE", "slow"), ("EXTRA", "1"), ("OTHER", "2")]
    assert container["ports"][0]["containerPort"] == 80
    assert [w.depends_on for w in ran.recording.writes] == [(), (0,), (0, 1), (0, 1, 2), (0, 1, 2, 3)]
    assert ran.recording.writes[1].before == ran.recording.writes[0].after


async def test_the_before_image_of_the_first_write_is_the_live_object(lab: Lab) -> None:
    ran = await lab.rehearse("kubectl scale deploy web --replicas=5")

    write = ran.recording.writes[0]
    assert write.before["spec"]["replicas"] == 3
    assert write.after["spec"]["replicas"] == 5
    assert write.after["kind"] == "Deployment"


async def test_server_side_apply_builds_on_an_earlier_write(lab: Lab) -> None:
    ran = await lab.rehearse(
        "kubectl annotate deploy web keep=me && kubectl apply --server-side --force-conflicts -f web.yaml && kubectl get deploy web -o yaml"
    )

    assert ran.code == 0, ran.err
    assert "keep: me" in ran.out
    assert "image: nginx:1.27" in ran.out
    assert ran.recording.writes[-1].has_preview


async def test_a_second_patch_that_is_invalid_is_refused_as_the_server_refuses_it(lab: Lab) -> None:
    ran = await lab.rehearse('kubectl annotate deploy web a=b && kubectl patch deploy web -p \'{"spec":{"replicas":-1}}\'')

    assert ran.code == 1
    assert "must be greater than or equal to 0" in ran.err
    assert len(ran.writes) == 1


async def test_a_deleted_object_is_gone_and_can_be_made_again(lab: Lab) -> None:
    out, writes = await _run(
        lab,
        """kubectl delete cm spare >/dev/null; kubectl get cm spare 2>&1 | tail -1; kubectl get cm -o name
        kubectl create cm spare --from-literal=b=2 >/dev/null; kubectl get cm spare -o jsonpath='{.data}'""",
    )

    assert 'configmaps "spare" not found' in out
    assert "configmap/spare" not in out
    assert out.endswith('{"b":"2"}')
    assert writes == ["DELETE configmaps shop/spare", "POST configmaps shop/spare"]


async def test_replace_force_is_previewed_although_the_object_is_still_there(lab: Lab) -> None:
    ran = await lab.rehearse("kubectl replace --force -f web.yaml && kubectl get deploy web -o jsonpath='{.spec.replicas}'")

    assert ran.out.endswith("5")
    assert ran.recording.writes[1].has_preview
    assert ran.recording.writes[1].after["metadata"]["name"] == "web"
    assert ran.recording.writes[1].depends_on == (0,)


async def test_objects_can_be_made_in_a_namespace_made_in_the_same_rehearsal(lab: Lab) -> None:
    ran = await lab.rehearse(
        "kubectl apply -f many.yaml && kubectl -n newns get sa,deploy -o name && kubectl -n newns get deploy"
        " && kubectl -n newns scale deploy app --replicas=2 && kubectl -n newns get deploy app -o jsonpath='{.spec.replicas}'"
        " && kubectl get deploy -A -o name | grep app"
    )

    assert ran.code == 0, ran.err
    assert "serviceaccount/runner\ndeployment.apps/app" in ran.out
    assert [w.has_preview for w in ran.recording.writes] == [True, False, False, False]
    assert ran.recording.writes[2].depends_on == (0,)


async def test_a_namespace_that_was_deleted_takes_its_objects_along(lab: Lab) -> None:
    ran = await lab.rehearse(
        "kubectl delete ns shop && kubectl get pods -o name; kubectl get cm settings; kubectl get pods -A -o name; kubectl create cm x"
    )

    assert "p1" not in ran.out
    assert "(NotFound)" in ran.err
    assert 'failed to create configmap: namespaces "shop" not found' in ran.err
    assert ran.writes == ["DELETE namespaces shop/shop"]


async def test_a_kind_defined_in_the_rehearsal_can_be_used_in_it(lab: Lab) -> None:
    ran = await lab.rehearse(
        "kubectl apply -f crd.yaml && kubectl wait --for=condition=Established crd/gears.example.net --timeout=5s &&"
        " kubectl apply -f gear.yaml"
        " && kubectl get gears -o name && kubectl get gear g1 -o jsonpath='{.spec.teeth}' && kubectl get gr && kubectl"
        " patch gear g1 --type=merge"
        " -p '{\"spec\":{\"teeth\":13}}' && kubectl get gear g1 -o jsonpath='{.spec.teeth}' && kubectl delete gear g1"
    )

    assert ran.code == 0, ran.err
    assert "gear.example.net/g1\n12" in ran.out
    assert ran.writes[0].startswith("POST customresourcedefinitions")
    assert [w.has_preview for w in ran.recording.writes[1:]] == [False, False, False]
    assert ran.recording.writes[1].depends_on == (0,)


async def test_a_generated_name_is_the_one_that_will_be_made(lab: Lab) -> None:
    ran = await lab.rehearse("job=$(kubectl create -f job.yaml -o name) && kubectl get $job -o name && kubectl delete $job --wait=false")

    assert ran.code == 0, ran.err
    name = ran.recording.writes[0].after["metadata"]["name"]
    assert name.startswith("once-")
    assert f'"name":"{name}"'.encode() in ran.recording.writes[0].request.body
    assert ran.recording.writes[1].info.name == name


async def test_a_second_create_of_one_name_is_refused(lab: Lab) -> None:
    ran = await lab.rehearse("kubectl create -f cm.yaml && kubectl create -f cm.yaml")

    assert ran.code == 1
    assert 'configmaps "fresh" already exists' in ran.err
    assert ran.writes == ["POST configmaps shop/fresh"]


async def test_a_created_object_can_be_applied_edited_and_deleted(lab: Lab) -> None:
    out, writes = await _run(
        lab,
        "kubectl apply -f cm.yaml && sed -i 's/a: .1./a: \"2\"/' cm.yaml && kubectl apply -f cm.yaml && kubectl get cm"
        " fresh -o jsonpath='{.data.a}'"
        ' && EDITOR=\'sed -i s/\\"2\\"/\\"3\\"/\' kubectl edit cm fresh && kubectl get cm fresh -o'
        " jsonpath='{.data.a}' && kubectl delete cm fresh"
        " && kubectl get cm -o name",
    )

    assert "2configmap/fresh edited\n3" in out
    assert "configmap/fresh\n" not in out
    assert writes == [
        "POST configmaps shop/fresh",
        "PATCH configmaps shop/fresh",
        "PATCH configmaps shop/fresh",
        "DELETE configmaps shop/fresh",
    ]


async def test_labels_set_in_the_rehearsal_decide_what_selectors_find(lab: Lab) -> None:
    out, _ = await _run(
        lab,
        "kubectl label cm spare app=web --overwrite >/dev/null; kubectl get cm -l app=web -o name; echo -; kubectl get"
        " cm -l app=spare -o name",
    )

    assert out == "configmap/settings\nconfigmap/spare\n-\n"


async def test_an_open_watch_is_told_of_the_write(lab: Lab) -> None:
    ran = await lab.rehearse(
        "kubectl get cm -w -o jsonpath='{.metadata.name}={.data.colour} ' > seen &"
        " until grep -qs settings=blue seen; do sleep 0.1; done;"
        ' kubectl patch cm settings -p \'{"data":{"colour":"red"}}\' >/dev/null;'
        " kubectl create -f cm.yaml >/dev/null; kubectl delete cm spare >/dev/null;"
        " until grep -q fresh= seen; do sleep 0.1; done; kill $!; cat seen"
    )

    assert "settings=blue" in ran.out
    assert "settings=red" in ran.out
    assert "fresh=" in ran.out


async def test_a_table_watch_shows_the_rehearsed_row(lab: Lab) -> None:
    ran = await lab.rehearse(
        "kubectl get deploy web -w --no-headers > seen & until [ -s seen ]; do sleep 0.1; done;"
        " kubectl scale deploy web --replicas=8; until grep -q 0/8 seen; do sleep 0.1; done; kill $!; cat seen"
    )

    assert "0/8" in ran.out


async def test_a_blocked_eviction_is_recorded_with_the_reason(lab: Lab) -> None:
    ran = await lab.rehearse("kubectl drain n1 --ignore-daemonsets --force --pod-selector=app=guarded")

    assert ran.code == 0, ran.err
    eviction = ran.recording.writes[1]
    assert (eviction.info.qualified, eviction.info.name, eviction.has_preview) == ("pods/eviction", "guarded", False)
    assert "disruption budget" in eviction.note


async def test_an_invalid_object_is_refused_and_not_recorded(lab: Lab) -> None:
    ran = await lab.rehearse("kubectl apply -f badwidget.yaml")

    assert ran.code == 1
    assert "mauve" in ran.err
    assert ran.writes == []


async def test_an_object_that_names_a_service_account_made_before_can_be_made(lab: Lab) -> None:
    ran = await lab.rehearse(
        'kubectl create sa late && kubectl run late --image=busybox --overrides=\'{"spec":{"serviceAccountName":"late"}}\''
    )

    assert ran.code == 0, ran.err
    assert [w.has_preview for w in ran.recording.writes] == [True, False]


async def test_deleting_a_collection_hides_what_it_deletes(lab: Lab) -> None:
    ran = await lab.rehearse(
        "kubectl create -f cm.yaml; kubectl delete --raw '/api/v1/namespaces/shop/configmaps?labelSelector=app'"
        " >/dev/null; kubectl get cm -o name"
    )

    assert "configmap/fresh" in ran.out
    assert "spare" not in ran.out
    assert [item["metadata"]["name"] for item in ran.recording.writes[1].before["items"]] == ["settings", "spare"]


async def test_secret_values_are_hidden_in_reads_and_writes(lab: Lab) -> None:
    ran = await lab.rehearse(
        "kubectl get secret creds -o yaml; kubectl get secrets -o json; kubectl describe secret creds; kubectl get"
        " secret creds -o jsonpath='{.data.password}' | base64 -d;"
        ' kubectl patch secret creds -p \'{"stringData":{"user":"bob"}}\' -o yaml; kubectl label secret creds a=b -o yaml;'
        " kubectl get --raw /api/v1/namespaces/shop/secrets/creds; timeout 1 kubectl get secret -w -o yaml"
    )

    everything = ran.out + ran.err + repr([(w.before, w.after) for w in ran.recording.writes])
    assert "canary-hunter2-canary" not in everything
    assert "Y2FuYXJ5LWh1bnRlcjItY2FuYXJ5" not in everything
    assert len(ran.writes) == 2


async def test_a_secret_written_back_with_its_mark_is_refused(lab: Lab) -> None:
    ran = await lab.rehearse("kubectl get secret creds -o yaml | kubectl replace -f -")

    assert ran.code == 1
    assert "mark of a hidden Secret value" in ran.err
    assert ran.writes == []
    assert len(ran.recording.refused) == 1


async def test_a_secret_cannot_be_asked_by_json_patch(lab: Lab) -> None:
    ran = await lab.rehearse(
        'kubectl patch secret creds --type=json -p \'[{"op":"test","path":"/data/user","value":"YWxpY2U="}]\';'
        ' kubectl patch secret creds --type=json -p \'[{"op":"copy","from":"/data/user","path":"/metadata/labels"}]\''
    )

    assert ran.code == 1
    assert ran.err.count("would tell what it holds") == 2
    assert ran.writes == []


async def test_deleting_a_collection_of_custom_resources_is_a_dry_run_too(lab: Lab) -> None:
    await lab.direct("kubectl apply -f widget.yaml")

    ran = await lab.rehearse("kubectl delete --raw /apis/example.com/v1/namespaces/shop/widgets; kubectl get widgets -o name")

    assert "widget.example.com/w1" not in ran.out
    assert (await lab.direct("kubectl get widgets -o name; kubectl delete widget w1 >/dev/null")).out == "widget.example.com/w1\n"


_APISERVICE = (
    '{"apiVersion":"apiregistration.k8s.io/v1","kind":"APIService","metadata":{"name":"v1.far.example.org"},'
    '"spec":{"group":"far.example.org","version":"v1","groupPriorityMinimum":10,"versionPriority":10,'
    '"insecureSkipTLSVerify":true,"service":{"name":"web","namespace":"shop"}}}'
)


async def test_an_aggregated_api_is_never_asked_for_a_dry_run(lab: Lab) -> None:
    await lab.direct(f"echo '{_APISERVICE}' | kubectl apply -f -")
    path = "/apis/far.example.org/v1/namespaces/shop/things"
    begin = mark(lab.server)

    ran = await lab.rehearse(
        f"""echo '{{"apiVersion":"far.example.org/v1","kind":"Thing","metadata":{{"name":"t"}},"spec":{{"a":1}}}}' > t.json
        kubectl create --raw {path} -f t.json"""
    )

    await lab.direct("kubectl delete apiservice v1.far.example.org")
    seen = [entry for entry in since(lab.server, begin) if path in entry["requestURI"]]
    assert ran.code == 0, ran.err
    assert seen == []
    assert ran.recording.writes[0].has_preview is False
    assert "aggregated" in ran.recording.writes[0].note
    assert ran.recording.writes[0].after["spec"] == {"a": 1}
    assert "the server cannot preview this" in ran.err


async def test_the_size_of_a_custom_resource_is_read_back_from_its_own_field(lab: Lab) -> None:
    await lab.direct("kubectl apply -f widget.yaml")

    ran = await lab.rehearse("kubectl scale widget w1 --replicas=7 && kubectl get widget w1 -o jsonpath='{.spec}'")

    await lab.direct("kubectl delete widget w1")
    assert '"size":7' in ran.out
    assert "replicas" not in ran.out
    assert ran.recording.writes[0].has_preview


async def test_what_kubectl_sends_as_protobuf_is_shown_in_a_namespace_that_is_not_there_yet(lab: Lab) -> None:
    ran = await lab.rehearse(
        "kubectl create ns newns && kubectl -n newns create deploy app --image=nginx:1 --replicas=2 && kubectl -n"
        " newns get deploy app -o yaml"
        " && kubectl -n newns set image deploy/app nginx=nginx:2 && kubectl -n newns create quota q --hard=pods=3"
    )

    assert ran.code == 0, ran.err
    assert "image: nginx:1" in ran.out
    created, patched = ran.recording.writes[1], ran.recording.writes[2]
    assert created.request.content_type == "application/vnd.kubernetes.protobuf"
    assert created.after["metadata"]["namespace"] == "newns"
    assert created.after["spec"]["replicas"] == 2
    assert patched.after["spec"]["template"]["spec"]["containers"][0]["image"] == "nginx:2"
    assert ran.recording.writes[3].after["spec"]["hard"] == {"pods": "3"}


async def test_an_owner_reference_to_an_invented_uid_is_pointed_out(lab: Lab) -> None:
    ran = await lab.rehearse(
        "kubectl create cm owner && uid=$(kubectl get cm owner -o jsonpath='{.metadata.uid}') && printf 'apiVersion:"
        " v1\\nkind: ConfigMap\\nmetadata:"
        " {name: owned, ownerReferences: [{apiVersion: v1, kind: ConfigMap, name: owner, uid: %s}]}\\n' $uid | kubectl create -f -"
    )

    assert ran.code == 0, ran.err
    assert "by its uid, which it gets when this is applied" in ran.recording.writes[1].note


def _held(*finalizers: str) -> str:
    """A command line that makes an object which is being deleted, and which these finalizers hold."""
    item = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "held", "finalizers": finalizers}}
    return f"echo '{json.dumps(item)}' | kubectl create -f -; kubectl delete cm held --wait=false"


_RELEASE = """kubectl patch cm held --type=merge -p '{"metadata":{"finalizers":null}}'"""


async def test_an_object_that_only_a_finalizer_held_is_gone_without_it(lab: Lab) -> None:
    await lab.direct(_held("example.com/a"))

    out, writes = await _run(
        lab, f"{_RELEASE} && kubectl wait --for=delete cm/held && kubectl create cm held && kubectl get cm held -o name"
    )

    assert out.endswith("configmap/held\n")
    assert writes == ["PATCH configmaps shop/held", "POST configmaps shop/held"]
    await lab.direct(_RELEASE)


async def test_an_object_that_another_finalizer_holds_stays(lab: Lab) -> None:
    await lab.direct(_held("example.com/a", "example.com/b"))

    out, _ = await _run(
        lab,
        """kubectl patch cm held --type=merge -p '{"metadata":{"finalizers":["example.com/b"]}}' -o name && kubectl get cm held -o name""",
    )

    assert out == "configmap/held\nconfigmap/held\n"
    await lab.direct(_RELEASE)
