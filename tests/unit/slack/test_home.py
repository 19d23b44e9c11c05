from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from bot.changes.change import Send, SendState, State
from bot.changes.freeze import Freeze
from bot.devslack.blockkit.views import check_view
from bot.slack.parse import Bot
from bot.slack.rendering.home import render_home, render_overview
from bot.threads.inbound.overview import Health, Overview, ThreadLine
from tests.unit.slack.judging import all_text, assert_acceptable, assert_nothing_of_others_is_live, nasty
from tests.unit.slack.rows import make_change, make_write

BOT = Bot("U01KUBECTL", "B01", "T01LOCAL", "https://our.slack.example/")
NOW = 1_790_000_200.0
HOME = frozenset({"home"})
_WEB = {"kind": "Deployment", "metadata": {"name": "web"}}
SCALED = make_write(before=_WEB | {"spec": {"replicas": 3}}, after=_WEB | {"spec": {"replicas": 5}})
LINK = "https://our.slack.example/archives/C01ONCALL/p2000001?thread_ts=1.000001&cid=C01ONCALL"


def buttons(blocks) -> dict[str, list[str]]:
    """What each actions block offers, by its id."""
    return {block["block_id"]: [element["text"]["text"] for element in block["elements"]] for block in blocks if block["type"] == "actions"}


def test_home_offers_to_look_to_deny_and_to_go_to_the_card_but_never_to_approve():
    lapsed = make_change(id=44, expires_at=NOW)
    view = render_home(Overview(NOW, deciding=(make_change(),), waiting=(make_change(id=43), lapsed)), BOT, {42: LINK, 43: ""})

    check_view(view, HOME)
    assert buttons(view["blocks"]) == {
        "home-42": ["Details", "Deny…", "Open the card"],
        "home-43": ["Details", "Deny…"],
        "home-44": ["Details"],
    }
    elements = next(block["elements"] for block in view["blocks"] if block.get("block_id") == "home-42")
    assert elements[2]["url"] == LINK
    assert [element["accessibility_label"] for element in elements] == [
        "Details of change 42",
        "Deny… change 42",
        "Open the card of change 42",
    ]


def test_home_offers_undo_while_it_can_be_asked_for():
    done = make_change(id=41, state=State.DONE, decided_at=NOW - 10, writes=(SCALED,), sends=(Send(0, SendState.LANDED),))
    late, asked = replace(done, id=40, decided_at=NOW - 900), replace(done, id=39)
    view = render_home(Overview(NOW, 900.0, recent=(done, late, asked), undoing=frozenset({39})), BOT, {})

    assert buttons(view["blocks"]) == {"home-41": ["Undo"]}
    assert all_text(view["blocks"]).count("its undo is asked for") == 1


def test_messages_about_changes_have_no_buttons():
    done = make_change(id=41, state=State.DONE, decided_at=NOW - 10, writes=(SCALED,), sends=(Send(0, SendState.LANDED),))

    assert buttons(render_overview(Overview(NOW, 900.0, deciding=(make_change(),), recent=(done,)), BOT).blocks) == {}


def test_home_counts_the_changes_it_does_not_list():
    shown = all_text(render_home(Overview(NOW, deciding=tuple(make_change(id=n) for n in range(1, 13))), BOT, {})["blocks"])

    assert "Change 10" in shown
    assert "Change 11" not in shown
    assert "2 more are not listed here" in shown


def test_home_shows_what_waits_what_was_done_and_how_the_clusters_are():
    done = make_change(id=41, state=State.DONE, decided_by="U01BEN", decided_at=1_790_000_100.0, sends=(Send(0, SendState.LANDED),))
    overview = Overview(
        NOW,
        900.0,
        deciding=(make_change(),),
        recent=(done,),
        threads=(ThreadLine("T01LOCAL:C01ONCALL:1.000001", "why is the shop down?", "working", NOW),),
        freezes=(Freeze("prod-eu", "U01ANA", "sale", NOW),),
        clusters=(Health("prod-eu", "v1.31.2"), Health("prod-us", "", "its API server did not answer within 3 s")),
        models=("gemini-flash",),
    )

    view = render_home(overview, BOT, {})

    check_view(view, HOME)
    shown = all_text(view["blocks"])
    assert "<https://our.slack.example/archives/C01ONCALL/p1000001|Change 42>" in shown
    assert "Change 41" in shown
    assert "undo until <!date^1790001000^" in shown
    assert "⏳ <https://our.slack.example/archives/C01ONCALL/p1000001|working> · <!date^1790000200^" in shown
    assert "why is the shop down?" in shown
    assert "Frozen" in shown
    assert "✓ *prod-eu* answers · v1.31.2" in shown
    assert "✗ *prod-us* · its API server did not answer" in shown
    assert "*gemini-flash*" in shown


def test_home_of_somebody_who_may_not_use_the_bot_says_only_that():
    view = render_home(Overview(NOW, refusal="Guests cannot use kubectl-ai."), BOT, {})

    check_view(view, HOME)
    assert [block["type"] for block in view["blocks"]] == ["section", "context"]


def test_doctor_without_a_fault_says_so():
    assert "✓ None:" in all_text(render_overview(Overview(NOW, problems=()), BOT).blocks)


@given(nasty, nasty, st.integers(0, 12))
def test_any_overview_is_acceptable(text, name, count):
    change = replace(make_change(), command=text, cluster=name, namespace=name)
    done = replace(change, state=State.DONE, decided_by="U01BEN", decided_at=NOW, writes=(SCALED,), sends=(Send(0, SendState.LANDED),))
    links = {100 + number: "https://our.slack.example/archives/C1/p1?thread_ts=1.0&cid=C1" for number in range(count)}
    overview = Overview(
        NOW,
        9_000.0,
        deciding=tuple(replace(change, id=100 + number) for number in range(count)),
        waiting=tuple(replace(change, id=200 + number) for number in range(count)),
        recent=tuple(replace(done, id=300 + number) for number in range(count)),
        threads=(ThreadLine("T01LOCAL:C01ONCALL:1.000001", text, "waiting", NOW),) * count,
        freezes=(Freeze(name, "U01ANA", text, NOW),) * count,
        clusters=(Health(name, "", text),) * count,
        models=(name,),
        problems=(text,) * count,
    )

    rendered = render_overview(overview, BOT)

    home = render_home(overview, BOT, links)
    check_view(home, HOME)
    assert_nothing_of_others_is_live(home["blocks"])
    assert {element["url"] for block in home["blocks"] for element in block.get("elements", ()) if "url" in element} <= set(links.values())
    assert_acceptable(rendered)
