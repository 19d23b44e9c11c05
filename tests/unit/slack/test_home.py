from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from bot.changes.change import Send, SendState, State
from bot.changes.freeze import Freeze
from bot.devslack.blockkit.messages import check_content
from bot.devslack.blockkit.views import check_view
from bot.slack.home import render_home, render_overview
from bot.slack.parse import Bot
from bot.threads.overview import Health, Overview, ThreadLine
from tests.unit.slack.judging import all_text, nasty
from tests.unit.slack.rows import make_change

BOT = Bot("U01KUBECTL", "B01", "T01LOCAL", "https://our.slack.example/")
NOW = 1_790_000_200.0
HOME = frozenset({"home"})


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

    view = render_home(overview, BOT)

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
    view = render_home(Overview(NOW, refusal="Guests cannot use kubectl-ai."), BOT)

    check_view(view, HOME)
    assert [block["type"] for block in view["blocks"]] == ["section", "context"]


def test_doctor_without_a_fault_says_so():
    assert "✓ Nothing" in all_text(render_overview(Overview(NOW, problems=()), BOT).blocks)


@given(nasty, nasty, st.integers(0, 10))
def test_any_overview_is_acceptable(text, name, count):
    change = replace(make_change(), command=text, cluster=name, namespace=name)
    overview = Overview(
        NOW,
        9_000.0,
        deciding=(change,) * count,
        waiting=(change,) * count,
        recent=(replace(change, state=State.DONE, decided_by="U01BEN", decided_at=NOW),) * count,
        threads=(ThreadLine("T01LOCAL:C01ONCALL:1.000001", text, "waiting", NOW),) * count,
        freezes=(Freeze(name, "U01ANA", text, NOW),) * count,
        clusters=(Health(name, "", text),) * count,
        models=(name,),
        problems=(text,) * count,
    )

    rendered = render_overview(overview, BOT)

    check_view(render_home(overview, BOT), HOME)
    check_content({"text": rendered.text, "blocks": list(rendered.blocks)})
    assert "<!here>" not in all_text(rendered.blocks)
    assert "<!channel>" not in all_text(rendered.blocks)
