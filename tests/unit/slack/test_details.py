from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.changes.change import FieldDiff, ObjectDiff, Send, SendState, State
from bot.devslack.blockkit.views import check_view
from bot.slack.rendering.details import describe_body, render_details, render_edit, render_reason
from bot.values.requests import ApiRequest, RefusedRequest, RequestInfo
from tests.unit.slack.judging import all_text, nasty, walk_texts
from tests.unit.slack.rows import encode, make_change, make_write

SECRET = RequestInfo("patch", True, "/api/v1/namespaces/shop/secrets/db", "", "v1", "secrets", "", "shop", "db")
LIST = RequestInfo("create", True, "/apis/x.example/v1/bundles", "x.example", "v1", "bundles")


def secret_write(body: bytes, content_type: str = "application/json"):
    return make_write(info=SECRET, request=ApiRequest("PATCH", SECRET.path, (), content_type, body))


def test_details_show_the_exact_request():
    view = check_view(render_details(make_change()))

    text = all_text(view)
    assert "PATCH /apis/apps/v1/namespaces/shop/deployments/web/scale?fieldManager=kubectl" in text
    assert "Content-Type: application/merge-patch+json" in text
    assert "as system:serviceaccount:kubectl-ai:kubectl-ai-writer" in text
    assert '"replicas": 5' in text
    assert "3 → 5" in text
    assert view["title"]["text"] == "Change 42"


def test_details_have_all_of_a_reason_that_the_card_cuts():
    reason = "think of the database " * 100 + "and of the cache"

    text = all_text(check_view(render_details(make_change(state=State.DENIED, reason=reason))))

    assert reason in text


def test_details_tell_what_became_of_every_write_that_the_card_counts_only():
    names = [f"web-{number}" for number in range(20)]
    why = "quota exceeded, " * 60 + "ask its owner"
    change = make_change(
        state=State.PARTIAL,
        writes=tuple(make_write() for _ in names),
        diffs=tuple(ObjectDiff("update", "Deployment", "shop", name) for name in names),
        sends=(*(Send(number, SendState.LANDED, status=200) for number in range(15)), Send(15, SendState.REFUSED, message=why)),
    )

    text = all_text(check_view(render_details(change)))

    told = [line for line in text.split("\n") if line.startswith(("✓", "✗"))]
    assert told[0] == "✓ in: Deployment shop/web-0"
    assert told[15:17] == [f"✗ not in: Deployment shop/web-15: {why}", "✗ not in: Deployment shop/web-16 (was not sent)"]
    assert len(told) == 20


def test_details_list_every_line_of_impact_in_full():
    impact = tuple(f"Deployment shop/web-{number}: {'+2 pods ' * 40}" for number in range(30))

    text = all_text(check_view(render_details(make_change(impact=impact))))

    assert all(line in text for line in impact)


def test_details_warn_with_the_sign_that_the_card_has():
    impact = ("⚠️ Suggested after reading logs of pod shop/web", "⚠️ \ufe0f⚠\ufe0e")

    text = all_text(check_view(render_details(make_change(impact=impact))))

    assert impact[0] in text
    assert "⚠️ \\ufe0f⚠\\ufe0e" in text


def test_details_list_every_refusal_with_its_path_and_status():
    path = "/apis/apps/v1/namespaces/shop/deployments"
    refused = tuple(RefusedRequest("POST", path, f"denied \u202e{number}", 403, f"Deployment shop/x{number}") for number in range(30))

    text = all_text(check_view(render_details(make_change(refused=refused))))

    assert "Refused, and no part of this change" in text
    for number in range(30):
        assert f"POST Deployment shop/x{number} – denied \\u202e{number}\n  POST {path} → HTTP 403" in text


def test_refusals_leave_room_for_the_requests():
    refused = tuple(RefusedRequest("POST", f"/x/{number}", "y" * 1_000, 403, "Deployment shop/x") for number in range(5_000))

    text = all_text(check_view(render_details(make_change(refused=refused))))

    assert "more lines, which have no room in this window" in text
    assert "Request 1 of 1" in text


def test_reason_modal_carries_the_number_and_digest():
    view = check_view(render_reason(make_change()))

    assert json.loads(view["private_metadata"]) == {"id": 42, "digest": "abc123"}
    assert view["callback_id"] == "deny_reason"


@pytest.mark.parametrize(
    "body",
    [
        encode({"kind": "Secret", "data": {"password": "aHVudGVyMg=="}, "metadata": {"annotations": {"last": "aHVudGVyMg=="}}}),
        encode({"stringData": {"password": "aHVudGVyMg=="}}),
        encode([{"op": "replace", "path": "/data/password", "value": "aHVudGVyMg=="}]),
        encode([{"op": "add", "path": "/data", "value": {"password": "aHVudGVyMg==", "name": "aHVudGVyMg=="}}]),
        b"data:\n  password: aHVudGVyMg==\n",
        b"k8s\x00\x0a\x00aHVudGVyMg==",
    ],
)
def test_values_of_secrets_are_never_shown(body):
    write = secret_write(body)

    text = all_text(check_view(render_details(make_change(writes=(write,)))))

    assert "aHVudGVyMg" not in text
    assert "hunter2" not in text
    assert "password" in text or "not shown" in text


def test_secrets_inside_other_documents_are_hidden_too():
    body = encode({"items": [{"kind": "Secret", "data": {"key": "aHVudGVyMg=="}}, {"kind": "ConfigMap", "data": {"a": "b"}}]})

    text = describe_body(make_write(info=LIST, request=ApiRequest("POST", LIST.path, body=body)))

    assert "aHVudGVyMg" not in text
    assert '"a": "b"' in text


def test_yaml_that_may_hold_a_secret_is_not_shown_and_other_yaml_is():
    hidden = describe_body(make_write(info=LIST, request=ApiRequest("POST", LIST.path, body=b"kind: Secret\ndata: {k: aHVudGVyMg}")))
    shown = describe_body(make_write(info=LIST, request=ApiRequest("POST", LIST.path, body=b"kind: ConfigMap\ndata: {k: v}")))

    assert "aHVudGVyMg" not in hidden
    assert shown == "kind: ConfigMap\ndata: {k: v}"


def test_binary_bodies_say_so():
    write = make_write(info=LIST, request=ApiRequest("POST", LIST.path, body=b"k8s\x00\xff\xfe"))

    assert describe_body(write) == "(6 bytes of binary data)"


def test_invisible_characters_show_as_escapes():
    write = make_write(info=LIST, request=ApiRequest("POST", LIST.path, body=encode({"a": "b\u202ec"})))

    assert '"b\\u202ec"' in describe_body(write)


def test_what_has_no_room_is_counted():
    body = encode({"data": {f"key{number}": "v" * 200 for number in range(3_000)}})
    writes = tuple(make_write(info=LIST, request=ApiRequest("POST", LIST.path, body=body)) for _ in range(20))

    view = check_view(render_details(make_change(writes=writes)))

    text = all_text(view)
    assert "which have no room in this window" in text
    assert "more parts of this change" in text
    assert len(json.dumps(view)) < 250_000


def test_requests_that_are_no_longer_kept_are_said():
    assert "no longer kept" in all_text(check_view(render_details(make_change(writes=()))))


bodies = st.binary(max_size=200) | nasty.map(lambda text: encode({"a": text.encode("utf-8", "replace").decode()}))
writes = st.builds(
    make_write,
    request=st.builds(ApiRequest, method=nasty, path=nasty, query=st.just((("a", "b"),)), content_type=nasty, body=bodies),
    note=nasty,
)
diffs = st.builds(ObjectDiff, nasty, nasty, nasty, nasty, st.just((FieldDiff("a", "<!here>", "b", "replace"),)), st.tuples(nasty))


refusals = st.lists(st.builds(RefusedRequest, nasty, nasty, nasty, st.sampled_from((0, 422)), nasty), max_size=4).map(tuple)


@given(
    st.builds(
        make_change, command=nasty, cluster=nasty, namespace=nasty, writes=st.tuples(writes), diffs=st.tuples(diffs), refused=refusals
    )
)
def test_any_change_has_acceptable_modals(change):
    for view in (check_view(render_details(change)), check_view(render_reason(change))):
        for kind, text in walk_texts(view):
            assert kind != "mrkdwn" or "<" not in text
            text.encode()


def test_edit_window_holds_the_command_as_it_is_and_carries_the_number_and_digest():
    command = "kubectl apply -f - <<EOF\nkind: ConfigMap\nEOF && echo '<!here>' & "

    view = check_view(render_edit(make_change(command=command)))

    [block] = view["blocks"]
    assert block["element"]["initial_value"] == command
    assert block["element"]["multiline"] is True
    assert json.loads(view["private_metadata"]) == {"id": 42, "digest": "abc123"}


@given(nasty.filter(bool))
def test_edit_window_takes_any_command(command):
    check_view(render_edit(make_change(command=command[:3_000])))
