"""What a recorded write is shown as."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import pytest

from bot.changes import defaults, diff
from bot.changes.change import FieldDiff
from bot.values.requests import RecordedWrite
from tests.unit.changes.builders import APPLY, JSON, deployment, info, write

MARKER = "[redacted:0123456789ab]"
OTHER = "[redacted:ba9876543210]"
WEB = {**deployment(name="web", uid="u1"), "apiVersion": "apps/v1"}
SCALE = {"kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": {"name": "web"}, "spec": {"replicas": 5}}


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def paths(written: RecordedWrite) -> list[str]:
    return [field.path for field in diff.of_write(written).fields]


def test_an_update_shows_its_fields() -> None:
    shown = diff.of_write(write("patch", "deployments", "web", {}, before=WEB, after={**WEB, "spec": deployment(5)["spec"]}))

    assert (shown.action, shown.title, shown.uid) == ("update", "Deployment shop/web", "u1")
    assert shown.fields == (FieldDiff("spec.replicas", 3, 5, "replace"),)


def test_a_scale_is_shown_on_its_workload() -> None:
    shown = diff.of_write(write("patch", "deployments", "web", {}, subresource="scale", before=WEB, after=SCALE))

    assert (shown.action, shown.title) == ("scale", "Deployment shop/web")
    assert shown.fields == (FieldDiff("spec.replicas", 3, 5, "replace"),)


def test_a_scale_of_what_could_not_be_read_is_named_by_its_resource() -> None:
    shown = diff.of_write(write("patch", "deployments", "web", {}, subresource="scale", after=SCALE))

    assert shown.title == "deployments shop/web"


def test_a_status_write_shows_the_status_and_says_so() -> None:
    written = write(
        "patch", "deployments", "web", {}, subresource="status", before={**WEB, "status": {"a": 1}}, after={**WEB, "status": {"a": 2}}
    )

    shown = diff.of_write(written)

    assert shown.fields == (FieldDiff("status.a", 1, 2, "replace"),)
    assert shown.notes == ("Writes the status, which controllers usually overwrite.",)


def test_a_creation_shows_what_was_asked_for_and_folds_what_the_server_fills_in() -> None:
    body = {
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {"replicas": 3, "template": {"spec": {"containers": [{"name": "web", "image": "a"}]}}},
    }
    container = {"name": "web", "image": "a", "imagePullPolicy": "Always", "terminationMessagePath": "/dev/termination-log"}
    filled = {
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop", "uid": "u9", "labels": {"made-by": "webhook"}},
        "spec": {"replicas": 3, "revisionHistoryLimit": 10, "template": {"spec": {"containers": [container]}}},
        "status": {},
    }

    shown = diff.of_write(write("create", "deployments", "", body, kind=JSON, after=filled))

    assert (shown.action, shown.name, shown.uid) == ("create", "web", "")
    container_path = "spec.template.spec.containers[web]"
    assert [(field.path, field.new) for field in shown.fields] == [
        ("metadata.labels.made-by", "webhook"),  # nobody asked for it, and it is no default: whoever approves has to see it
        ("spec.replicas", 3),
        (f"{container_path}.image", "a"),
        (
            defaults.FOLDED,
            {
                "spec.revisionHistoryLimit": 10,
                f"{container_path}.imagePullPolicy": "Always",
                f"{container_path}.terminationMessagePath": "/dev/termination-log",
            },
        ),
    ]


def test_a_creation_in_protobuf_folds_only_known_defaults() -> None:
    filled = {
        "kind": "ResourceQuota",
        "metadata": {"name": "q", "uid": "u9"},
        "spec": {"hard": {"pods": "5"}, "scheme": "HTTP", "owner": "u9"},
    }
    written = write("create", "resourcequotas", "q", b"k8s\0\x0a\x01q", kind="application/vnd.kubernetes.protobuf", after=filled)

    assert paths(written) == ["spec.hard.pods", defaults.FOLDED]


def test_what_an_autoscaler_gets_by_default_with_one_field_of_its_behavior_is_folded() -> None:
    policies = [{"type": "Percent", "value": 100, "periodSeconds": 15}]
    up = {
        "stabilizationWindowSeconds": 0,
        "selectPolicy": "Max",
        "policies": [{"type": "Pods", "value": 4, "periodSeconds": 15}, *policies],
    }
    down = {"stabilizationWindowSeconds": 60, "selectPolicy": "Max", "policies": policies}
    asked = {"spec": {"behavior": {"scaleDown": {"stabilizationWindowSeconds": 60}}}}
    before = {"kind": "HorizontalPodAutoscaler", "spec": {}}
    after = {**before, "spec": {"behavior": {"scaleUp": up, "scaleDown": down}}}

    written = write("patch", "horizontalpodautoscalers", "web", asked, before=before, after=after)

    assert paths(written) == ["spec.behavior.scaleDown.stabilizationWindowSeconds", defaults.FOLDED]


def test_a_secret_of_which_no_value_is_written_has_no_word_about_values() -> None:
    before = {"kind": "Secret", "metadata": {"name": "db"}, "data": {"a": b64(MARKER)}}

    shown = diff.of_write(
        write("patch", "secrets", "db", {}, before=before, after={**before, "metadata": {"name": "db", "labels": {"a": "b"}}})
    )

    assert ([field.path for field in shown.fields], shown.notes) == (["metadata.labels.a"], ())


def test_a_default_that_somebody_asked_for_is_shown() -> None:
    before, after = {"kind": "Pod", "spec": {}}, {"kind": "Pod", "spec": {"restartPolicy": "Always", "dnsPolicy": "ClusterFirst"}}

    asked = write("patch", "pods", "p", {"spec": {"restartPolicy": "Always"}}, before=before, after=after)

    assert diff.of_write(asked).fields == (
        FieldDiff("spec.restartPolicy", None, "Always", "add"),
        FieldDiff(defaults.FOLDED, None, {"spec.dnsPolicy": "ClusterFirst"}, "add"),
    )


def test_the_token_volume_of_a_pod_is_folded_unless_it_was_asked_for() -> None:
    body: dict[str, Any] = {"kind": "Pod", "metadata": {"name": "p"}, "spec": {"volumes": [{"name": "v", "emptyDir": {}}]}}
    mounts = [{"name": "kube-api-access-x7k2p", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"}]
    token = {"sources": [{"serviceAccountToken": {"path": "token"}}, {"configMap": {"name": "kube-root-ca.crt"}}], "defaultMode": 420}
    volumes = [{"name": "v", "emptyDir": {}}, {"name": "kube-api-access-x7k2p", "projected": token}]
    after = {"kind": "Pod", "metadata": {"name": "p"}, "spec": {"volumes": volumes, "containers": [{"name": "c", "volumeMounts": mounts}]}}

    assert not any(
        "kube-api-access" in str(field) for field in diff.of_write(write("create", "pods", "", body, kind=JSON, after=after)).fields
    )
    body["spec"]["volumes"].append({"name": "kube-api-access-x7k2p", "emptyDir": {}})
    assert any("kube-api-access" in path for path in paths(write("create", "pods", "", body, kind=JSON, after=after)))


@pytest.mark.parametrize(
    "volume",
    [
        {"hostPath": {"path": "/"}},
        {"projected": {"sources": [{"secret": {"name": "x"}}]}},
        {"projected": {"sources": [{"configMap": {"name": "x"}}]}},
        {"projected": {"defaultMode": 511}},
    ],
)
def test_what_only_has_the_name_of_a_token_volume_is_shown(volume: dict[str, Any]) -> None:
    after = {"kind": "Pod", "metadata": {"name": "p"}, "spec": {"volumes": [{"name": "kube-api-access-x7k2p", **volume}]}}

    assert paths(write("create", "pods", "", {"kind": "Pod"}, kind=JSON, after=after))


def custom(verb: str, body: Any, after: Any, kind: str = JSON) -> RecordedWrite:
    """A write to an object of an operator."""
    written = write(verb, "widgets", "w", body, kind=kind, before={"kind": "Widget", "status": {"phase": "a"}}, after=after)
    return replace(written, info=replace(written.info, group="example.com"))


def test_a_custom_object_that_keeps_the_status_it_is_given_shows_it() -> None:
    body = {"kind": "Widget", "status": {"phase": "b"}}
    operations = [{"op": "replace", "path": "/status/phase", "value": "b"}]

    assert paths(custom("update", body, body)) == ["status.phase"]
    assert paths(custom("patch", operations, body, "application/json-patch+json")) == ["status.phase"]
    assert paths(custom("update", body, {"kind": "Widget", "status": {"phase": "c"}})) == []
    assert paths(custom("update", {"kind": "Widget"}, body)) == []


def test_an_apply_of_what_is_not_there_is_a_creation() -> None:
    body = b"kind: ConfigMap\nmetadata: {name: c}\ndata: {a: '1'}\n"
    after = {"kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"a": "1"}}

    shown = diff.of_write(write("patch", "configmaps", "c", body, kind=APPLY, after=after))

    assert (shown.action, shown.title) == ("create", "ConfigMap shop/c")
    assert shown.fields == (FieldDiff("data.a", None, "1", "add"),)


def test_an_apply_in_a_namespace_of_the_same_change_is_a_creation_too() -> None:
    after = {"kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"a": "1"}}

    shown = diff.of_write(write("patch", "configmaps", "c", b"data: {a: '1'}\n", kind=APPLY, after=after, has_preview=False))

    assert (shown.action, shown.title) == ("create", "ConfigMap shop/c")


def test_a_port_that_every_dry_run_makes_up_anew_is_not_shown_as_a_number() -> None:
    before = {"kind": "Service", "metadata": {"name": "s"}, "spec": {"ports": [{"port": 80}], "type": "ClusterIP"}}
    spec = {"ports": [{"port": 80, "nodePort": 31234}], "type": "NodePort", "clusterIP": "10.0.0.7", "clusterIPs": ["10.0.0.7"]}
    body = {"spec": {"type": "NodePort"}}

    first = diff.of_write(write("patch", "services", "s", body, before=before, after={**before, "spec": spec}))
    spec = {**spec, "ports": [{"port": 80, "nodePort": 30999}], "clusterIP": "10.0.0.8", "clusterIPs": ["10.0.0.8"]}
    second = diff.of_write(write("patch", "services", "s", body, before=before, after={**before, "spec": spec}))

    assert diff.are_equal(first, second)
    assert FieldDiff("spec.ports[80].nodePort", None, diff.CHOSEN, "add") in first.fields


def test_a_port_or_address_that_was_asked_for_is_shown() -> None:
    before = {"kind": "Service", "metadata": {"name": "s"}, "spec": {"ports": [{"port": 80}], "clusterIP": "10.0.0.7"}}
    spec = {"ports": [{"port": 80, "nodePort": 31234}], "clusterIP": "None"}

    shown = diff.of_write(write("patch", "services", "s", {"spec": spec}, before=before, after={**before, "spec": spec}))

    assert [field.new for field in shown.fields] == [31234, "None"]


def test_a_made_up_name_is_shown_by_what_is_known_of_it() -> None:
    body = {"kind": "Job", "metadata": {"generateName": "try-"}, "spec": {"suspend": True}}
    after = {"kind": "Job", "metadata": {"generateName": "try-", "name": "try-x7k2p"}, "spec": {"suspend": True}}
    written = write("create", "jobs", "try-x7k2p", body, kind=JSON, after=after)

    shown = diff.of_write(written)

    assert (shown.name, shown.notes) == ("try-…", ("The server makes up the name.",))
    in_protobuf = replace(written.request, body=b"k8s\0try-", content_type="application/vnd.kubernetes.protobuf")
    assert diff.of_write(replace(written, request=in_protobuf)).name == "try-…"
    pinned = write(
        "create", "jobs", "try-x7k2p", {"kind": "Job", "metadata": {"generateName": "try-", "name": "try-x7k2p"}}, kind=JSON, after=after
    )
    assert diff.of_write(pinned).name == "try-x7k2p"


def test_a_secret_shows_its_keys_and_marks_only() -> None:
    before = {"kind": "Secret", "metadata": {"name": "db"}, "data": {"a": b64(MARKER), "b": b64(MARKER), "c": b64("leaked"), "d": "§"}}
    after = {"kind": "Secret", "metadata": {"name": "db"}, "data": {"a": b64(OTHER), "c": 7, "d": b64(MARKER)}, "stringData": {"e": MARKER}}

    shown = diff.of_write(write("patch", "secrets", "db", {"stringData": {}}, before=before, after=after))

    assert shown.fields == (
        FieldDiff("data.a", MARKER, OTHER, "replace"),
        FieldDiff("data.b", MARKER, None, "remove"),
        FieldDiff("data.c", "(hidden)", "(hidden)", "replace"),
        FieldDiff("data.d", "(hidden)", MARKER, "replace"),
        FieldDiff("stringData.e", None, MARKER, "add"),
    )
    assert shown.notes[0].startswith("Values of Secrets are shown to nobody")


def test_the_data_of_a_secret_as_a_whole_shows_no_value() -> None:
    before = {"kind": "Secret", "metadata": {"name": "db"}, "type": "Opaque", "data": {"a": b64(MARKER), "b": "x"}}

    shown = diff.of_write(
        write("patch", "secrets", "db", {}, before=before, after={"kind": "Secret", "metadata": {"name": "db"}, "type": "x"})
    )

    assert shown.fields[0] == FieldDiff("type", "Opaque", "x", "replace")
    assert shown.fields[1:] == (FieldDiff("data.a", MARKER, None, "remove"), FieldDiff("data.b", "(hidden)", None, "remove"))


@pytest.mark.parametrize(
    ("resource", "options", "query", "before", "notes"),
    [
        ("deployments", {}, (), {}, ()),
        ("deployments", {"propagationPolicy": "Orphan"}, (), {}, ("What it owns stays (orphaned).",)),
        ("deployments", {"orphanDependents": True}, (), {}, ("What it owns stays (orphaned).",)),
        ("deployments", None, (("propagationPolicy", "Orphan"),), {}, ("What it owns stays (orphaned).",)),
        ("replicationcontrollers", None, (), {}, ("What it owns stays (orphaned).",)),
        ("replicationcontrollers", {"propagationPolicy": "Background"}, (), {}, ()),
        ("replicationcontrollers", None, (("orphanDependents", "false"),), {}, ()),
        ("persistentvolumes", {}, (), {}, ("The data on it may be lost.",)),
        ("pods", {"gracePeriodSeconds": 0}, (), {}, ("Without a grace period: nothing can shut down in order.",)),
        ("pods", None, (("gracePeriodSeconds", "0"),), {}, ("Without a grace period: nothing can shut down in order.",)),
        ("configmaps", {}, (), {"finalizers": ["a", "b"]}, ("It stays until its finalizers are done: a, b.",)),
        ("configmaps", {}, (), {}, ()),
    ],
)
def test_a_deletion_says_what_goes_with_it(resource: str, options: Any, query: Any, before: dict[str, Any], notes: tuple[str, ...]) -> None:
    written = write("delete", resource, "x", options, kind=JSON, query=query, before={"kind": "Thing", "metadata": before})

    shown = diff.of_write(written)

    assert (shown.action, shown.fields, shown.notes) == ("delete", (), notes)


def test_a_deleted_namespace_is_named_alone() -> None:
    item = {"kind": "Namespace", "metadata": {"name": "shop"}}

    assert diff.of_write(write("delete", "namespaces", "shop", before=item)).title == "Namespace shop"


def test_a_collection_shows_which_objects_match() -> None:
    items = [{"metadata": {"name": "a", "namespace": "shop"}}, {"metadata": {"name": "n1"}}, {}]
    written = write(
        "deletecollection", "pods", query=(("labelSelector", "app=web"), ("limit", "5")), before={"kind": "PodList", "items": items}
    )

    shown = diff.of_write(written)

    assert shown.title == "pods shop/(app=web)"
    assert [(field.path, field.op) for field in shown.fields] == [("?", "remove"), ("n1", "remove"), ("shop/a", "remove")]
    assert diff.of_write(write("deletecollection", "pods")).title == "pods shop/(all)"
    assert diff.names_in(items) == ["shop/a", "n1", "?"]


@pytest.mark.parametrize(
    ("resource", "subresource", "action", "note"),
    [
        ("pods", "eviction", "evict", None),
        ("serviceaccounts", "token", "issue-token", "Issues a credential, which is shown to nobody here."),
        ("pods", "binding", "bind", None),
    ],
)
def test_a_subresource_has_its_own_word(resource: str, subresource: str, action: str, note: str | None) -> None:
    written = write(
        "create", resource, "x", {"kind": "Eviction"}, kind=JSON, subresource=subresource, before={"kind": "Pod", "metadata": {}}
    )

    shown = diff.of_write(written)

    assert (shown.action, shown.kind, shown.fields) == (action, "Pod", ())
    assert shown.notes == ((note,) if note else ())


def test_a_credential_is_spoken_of_once() -> None:
    said = "Issues a credential: it is not sent before approval, and its answer is shown to nobody."
    written = write("create", "serviceaccounts", "x", {}, kind=JSON, subresource="token", has_preview=False)

    assert diff.of_write(replace(written, note=said)).notes == (said,)


def test_what_cannot_be_previewed_says_so_and_invents_no_field() -> None:
    written = write("patch", "deployments", "web", {"spec": {"replicas": 5}}, before=WEB, has_preview=False)

    shown = diff.of_write(written)

    assert (shown.action, shown.fields) == ("update", ())
    assert shown.notes == ("The server cannot preview this; the details show the request as it was asked for.",)
    assert diff.of_write(replace(written, note="Why.")).notes == ("Why.",)
    assert diff.of_write(replace(written, has_preview=True, note="Why.")).notes == ("Why.",)
    assert diff.of_write(replace(written, before=None)).action == "update"


def test_an_object_of_the_same_change_has_no_uid_yet() -> None:
    written = write("patch", "deployments", "web", {}, before=WEB, after=WEB)

    assert diff.of_write(replace(written, depends_on=(0,))).uid == ""


def test_notes_are_no_part_of_what_a_diff_says() -> None:
    shown = diff.of_write(write("patch", "deployments", "web", {}, before=WEB, after=WEB))

    assert diff.are_equal(shown, replace(shown, notes=("x",)))
    assert not diff.are_equal(shown, replace(shown, uid="u2"))


def test_an_unreadable_body_is_no_object() -> None:
    for body in (b"{", b"\xff", b"[1]", b""):
        for kind in (JSON, APPLY):
            written = write("patch", "configmaps", "c", body, kind=kind, after={"kind": "ConfigMap", "data": {"a": "b"}})
            assert diff.of_write(written).name == "c"
    assert (
        diff.of_write(RecordedWrite(write("create", "things").request, info("create", "things"), None, None, None)).title == "things shop/"
    )
