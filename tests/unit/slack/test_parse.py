from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.slack.parse import Bot, parse, read_text
from bot.threads.inbound.incoming import Click, Command, Edit, Message, Reason, from_json, to_json

BOT = Bot("U0BOT", "B0BOT", "T1", "https://our.slack.example/")


def make_event(**fields: Any) -> dict[str, Any]:
    event = {"type": "message", "channel": "C1", "user": "U1", "ts": "1.000002", "text": "hello", "team": "T1", "channel_type": "channel"}
    envelope = {"type": "event_callback", "team_id": "T1", "event_id": "Ev1", "is_ext_shared_channel": False}
    return envelope | {"event": event | fields}


def make_click(**fields: Any) -> dict[str, Any]:
    action = {"action_id": "approve", "value": '{"id":42,"digest":"abc"}', "action_ts": "9.1"}
    body = {
        "type": "block_actions",
        "team": {"id": "T1"},
        "user": {"id": "U1", "team_id": "T1"},
        "channel": {"id": "C1"},
        "container": {"type": "message", "message_ts": "2.0", "channel_id": "C1"},
        "message": {"ts": "2.0", "thread_ts": "1.0"},
        "trigger_id": "tr1",
        "actions": [action],
    }
    return body | fields


def read(body: dict[str, Any]) -> Any:
    parsed = parse(body, BOT)
    assert parsed is not None
    assert from_json(to_json(parsed.incoming)) == parsed.incoming
    return parsed.incoming


def test_message_in_a_thread():
    message = read(make_event(thread_ts="1.000001", text="follow up"))

    assert message == Message("T1", "C1", "U1", "1.000002", "1.000001", "follow up", is_mention=False, is_direct=False)


def test_mention_is_known_from_the_event_or_from_the_text():
    assert read(make_event(type="app_mention", text="<@U0BOT> hi")) == read(make_event(text="<@U0BOT> hi"))
    assert read(make_event(text="<@U0BOT> hi")).is_mention
    assert read(make_event(text="<@U0BOT> hi")).text == "hi"


def test_direct_message_is_known_by_its_channel():
    assert read(make_event(channel="D1", channel_type="im")).is_direct


@pytest.mark.parametrize("subtype", ["thread_broadcast", "file_share"])
def test_subtypes_that_are_people_speaking_are_taken(subtype):
    assert read(make_event(subtype=subtype)).text == "hello"


def test_attached_files_are_noticed():
    assert read(make_event(subtype="file_share", files=[{"id": "F1", "name": "web.yaml"}])).has_files
    assert not read(make_event(files=[])).has_files


@pytest.mark.parametrize(
    "fields",
    [
        {"user": "U0BOT"},
        {"bot_id": "B0OTHER"},
        {"bot_profile": {"id": "B0OTHER"}},
        {"user": "USLACKBOT"},
        {"user": None},
        {"hidden": True},
        {"subtype": "message_changed"},
        {"subtype": "message_deleted"},
        {"subtype": "channel_join"},
        {"subtype": "bot_message"},
        {"type": "reaction_added"},
    ],
)
def test_what_no_person_said_is_ignored(fields):
    assert parse(make_event(**fields), BOT) is None


@pytest.mark.parametrize("fields", [{"team": "T2"}, {"user_team": "T2"}, {"source_team": "T2"}])
def test_people_of_other_workspaces_are_external(fields):
    assert read(make_event(**fields)).is_external


@pytest.mark.parametrize("fields", [{"is_ext_shared_channel": True}, {"team_id": "T2"}, {"context_team_id": "T2"}])
def test_everybody_is_external_where_outsiders_are(fields):
    message = read(make_event() | fields)

    assert message.is_external
    assert message.team_id == "T1"


def test_redelivered_events_have_the_same_key_and_others_another():
    first, again, other = make_event(), make_event() | {"retry": 1}, make_event() | {"event_id": "Ev2"}

    assert parse(first, BOT).key == parse(again, BOT).key == "event:Ev1"
    assert parse(other, BOT).key != parse(first, BOT).key


def test_slash_command():
    body = {"command": "/kubectl-ai", "team_id": "T1", "channel_id": "C1", "user_id": "U1", "text": "why?", "trigger_id": "tr"}

    assert read(body) == Command("T1", "C1", "U1", "why?")
    assert parse(body, BOT).key == "command:tr"
    assert read(body | {"team_id": "T2"}).is_external


def test_click_carries_the_change_and_where_it_was():
    click = read(make_click())

    assert click == Click("T1", "C1", "U1", "approve", "1.0", "2.0", "tr1", 42, "abc")
    assert parse(make_click(), BOT).key == "click:U1:2.0:approve:9.1"


def test_a_press_of_undo_carries_its_change():
    body = make_click(actions=[{"action_id": "undo", "value": '{"id":42,"digest":"abc"}', "action_ts": "9.1"}])

    assert parse(body, BOT).incoming == Click("T1", "C1", "U1", "undo", "1.0", "2.0", "tr1", 42, "abc")


def make_home_click(action: str, value: str = '{"id":42,"digest":"abc"}', **fields: Any) -> dict[str, Any]:
    """As Slack's reference has it: a press in the Home has a view, and neither channel nor message."""
    body = make_click(
        actions=[{"action_id": action, "value": value, "action_ts": "9.1"}],
        container={"type": "view", "view_id": "V1"},
        view={"id": "V1", "type": "home", "callback_id": "home"},
    )
    return {name: field for name, field in body.items() if name not in {"channel", "message"}} | fields


@pytest.mark.parametrize("action", ["deny", "details", "undo"])
def test_a_press_in_the_home_names_its_change_and_no_place(action):
    body = make_home_click(action)

    assert read(body) == Click("T1", "", "U1", action, "", "", "tr1", 42, "abc", is_home=True)
    assert parse(body, BOT).key == f"click:U1:V1:{action}:42:9.1"
    assert read(make_home_click(action, user={"id": "U1", "team_id": "T9"})).is_external


@pytest.mark.parametrize("body", [make_home_click("open_card"), make_home_click("stop"), make_home_click("deny", "42")])
def test_what_the_home_has_no_button_for_is_not_for_us(body):
    assert parse(body, BOT) is None


def test_stop_click_needs_no_change():
    click = read(make_click(actions=[{"action_id": "stop", "value": '{"thread":"T1:C1:1.0","turn":2}', "action_ts": "9.2"}]))

    assert (click.action, click.change_id, click.thread_ts) == ("stop", 0, "1.0")


def test_a_click_on_continue_names_the_thread():
    click = read(make_click(actions=[{"action_id": "continue", "value": '{"thread":"T1:C1:1.0","turn":2}', "action_ts": "9.2"}]))

    assert (click.action, click.change_id, click.thread_ts) == ("continue", 0, "1.0")


@pytest.mark.parametrize("value", ["", None, "42", "[]", "{", '{"id":"42","digest":"abc"}', '{"id":42}'])
def test_click_without_a_valid_target_is_ignored(value):
    assert parse(make_click(actions=[{"action_id": "approve", "value": value, "action_ts": "9.1"}]), BOT) is None


def test_other_buttons_are_ignored():
    assert parse(make_click(actions=[{"action_id": "open_link", "action_ts": "9.1"}]), BOT) is None


def test_outsider_in_a_shared_channel_is_external_though_the_team_is_ours():
    assert read(make_click(user={"id": "U1", "team_id": "T2"})).is_external


def test_reason_of_a_denial():
    view = {
        "id": "V1",
        "hash": "h1",
        "callback_id": "deny_reason",
        "private_metadata": '{"id":42,"digest":"abc"}',
        "state": {"values": {"reason": {"text": {"type": "plain_text_input", "value": "  not now \n"}}}},
    }
    body = {"type": "view_submission", "team": {"id": "T1"}, "user": {"id": "U1", "team_id": "T1"}, "view": view}

    assert read(body) == Reason("T1", "U1", 42, "abc", "not now")
    assert parse(body, BOT).key == "view:V1:h1"
    view["state"]["values"]["reason"]["text"]["value"] = None
    assert read(body).text == ""
    view["callback_id"] = "another"
    assert parse(body, BOT) is None


def test_edit_window_gives_the_command_with_the_number_and_digest():
    view = {
        "id": "V1",
        "hash": "h1",
        "callback_id": "edit_command",
        "private_metadata": '{"id":42,"digest":"abc"}',
        "state": {"values": {"command": {"text": {"type": "plain_text_input", "value": " kubectl\u00a0get pods \\\n  -l 'a<b'\n"}}}},
    }
    body = {"type": "view_submission", "team": {"id": "T1"}, "user": {"id": "U1", "team_id": "T2"}, "view": view}

    parsed = parse(body, BOT)

    assert parsed.key == "view:V1:h1"
    assert parsed.incoming == Edit("T1", "U1", 42, "abc", "kubectl get pods \\\n  -l 'a<b'", "view:V1:h1", is_external=True)
    assert from_json(to_json(parsed.incoming)) == parsed.incoming
    view["private_metadata"] = "{}"
    assert parse(body, BOT) is None


@pytest.mark.parametrize(
    ("typed", "text"),
    [
        ("<@U0BOT> kubectl get pods", "kubectl get pods"),
        ("<@U0BOT|kubectl-ai>: hi", "hi"),
        ("why is it down, <@U0BOT>?", "why is it down, ?"),
        ("a &lt;b&gt; &amp;&amp; c &amp;lt;", "a <b> && c &lt;"),
        ("get -l <http://app.kubernetes.io/name=web|app.kubernetes.io/name=web>", "get -l app.kubernetes.io/name=web"),
        ("curl <https://x.example/?a=1&amp;b=2>", "curl https://x.example/?a=1&b=2"),
        ("see <https://x.example|this page>", "see this page (https://x.example)"),
        ("mail <mailto:a@b.example|a@b.example>", "mail a@b.example"),
        ("ask <@U2> or <@U3|ben> in <#C2|ops> <!here> <!subteam^S1|@oncall> <!subteam^S2>", "ask @U2 or @ben in #ops @here @oncall @S2"),
        ("```\nkubectl apply -f - &lt;&lt;EOF\n  a:\u00a0b\nEOF\n```", "```\nkubectl apply -f - <<EOF\n  a: b\nEOF\n```"),
        ("plain < text", "plain < text"),
    ],
)
def test_text_is_what_the_person_typed(typed, text):
    assert read_text(typed, "U0BOT") == text


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
names = st.sampled_from(["type", "event", "command", "actions", "user", "view", "event_id", "message", "channel", "team"])
kinds = st.sampled_from(["event_callback", "block_actions", "view_submission", "something"])


@given(st.dictionaries(names, json_values), kinds)
def test_odd_payloads_are_ignored_not_fatal(body, kind):
    parsed = parse(body | {"type": kind}, BOT)

    assert parsed is None or parsed.key


def test_shortcut_on_an_alert_carries_all_that_it_says():
    alert = {
        "ts": "1.000001",
        "bot_id": "B9",
        "text": "",
        "attachments": [
            {"title": "KubePodCrashLooping", "text": "shop/cart restarts", "fields": [{"title": "severity", "value": "critical"}]}
        ],
    }
    body = {
        "type": "message_action",
        "callback_id": "investigate",
        "action_ts": "7.1",
        "team": {"id": BOT.team_id},
        "user": {"id": "U01ANA", "team_id": BOT.team_id},
        "channel": {"id": "C01ONCALL"},
        "message": alert,
    }

    parsed = parse(body, BOT)

    assert parsed.key == "shortcut:U01ANA:1.000001:7.1"
    assert parsed.incoming.text == "KubePodCrashLooping\nshop/cart restarts\nseverity: critical"
    assert parsed.incoming.thread_ts == "1.000001"
    assert parse(body | {"callback_id": "another"}, BOT) is None


def test_opening_the_app_is_told_with_its_tab():
    event = {"type": "app_home_opened", "user": "U01ANA", "channel": "D01ANA", "tab": "home"}

    parsed = parse({"type": "event_callback", "event_id": "Ev1", "event": event}, BOT)

    assert (parsed.incoming.user_id, parsed.incoming.tab) == ("U01ANA", "home")
