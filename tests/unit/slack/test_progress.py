from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.slack.rendering.progress import describe_seconds, render_progress
from bot.threads.ports import ProgressView, Step
from tests.unit.slack.judging import all_text, assert_acceptable, nasty

STEPS = (
    Step("kubectl -n shop get pods", "ok", 0.3, 3),
    Step("kubectl -n shop describe pod web", "error", 12.4, 0),
    Step("kubectl -n shop scale deploy/web --replicas=5", "waiting"),
    Step("kubectl -n shop rollout history deploy/web", "running"),
)


def render(view):
    rendered = render_progress(view, "T1:C1:1.2", 3)
    assert_acceptable(rendered)
    return rendered


@pytest.mark.parametrize(
    ("queued", "says"), [(1, "1 more message waits until this is done."), (2, "2 more messages wait until this is done.")]
)
def test_messages_that_wait_are_counted(queued, says):
    rendered = render(ProgressView("working", "looking at shop", queued=queued))

    assert rendered.blocks[-1]["elements"][0]["text"] == says


def test_working_turn_shows_its_steps_and_a_stop_button():
    rendered = render(ProgressView("working", "looking at shop", STEPS, "I see that"))

    head, steps, thought = rendered.blocks
    assert head["text"]["text"] == "⏳ looking at shop"
    assert head["accessory"]["action_id"] == "stop"
    assert head["accessory"]["value"] == '{"thread":"T1:C1:1.2","turn":3}'
    lines = ["".join(part["text"] for part in line["elements"]).replace("\N{NO-BREAK SPACE}", " ") for line in steps["elements"]]
    assert lines == [
        "✓ kubectl -n shop get pods  0.3 s · 3 lines",
        "✗ kubectl -n shop describe pod web  12 s",
        "⏸ kubectl -n shop scale deploy/web --replicas=5  waits for approval",
        "… kubectl -n shop rollout history deploy/web",
    ]
    assert thought["elements"][0] == {"type": "plain_text", "text": "I see that", "emoji": False}


def test_a_turn_that_reached_a_limit_can_be_told_to_go_on():
    rendered = render(ProgressView("limited", "gave up after 4 commands", STEPS))

    assert rendered.blocks[0]["text"]["text"] == "✗ gave up after 4 commands"
    assert rendered.blocks[0]["accessory"]["action_id"] == "continue"


@pytest.mark.parametrize(("state", "mark"), [("done", "✓"), ("stopped", "■"), ("failed", "✗")])
def test_finished_turn_cannot_be_stopped(state, mark):
    rendered = render(ProgressView(state, "answered in 3 s", STEPS[:1]))

    assert f"{mark} answered in 3 s" in all_text(rendered.blocks)
    assert "accessory" not in rendered.blocks[0]


def test_a_menu_that_cannot_hold_all_outputs_says_how_many_it_has():
    few, many = ([Step(f"kubectl get {number}", "ok", output=f"step:1:{number}") for number in range(count)] for count in (100, 101))

    menus = [render(ProgressView("done", "done", tuple(steps))).blocks[-1]["elements"][0] for steps in (few, many)]

    assert [menu["placeholder"]["text"] for menu in menus] == ["Show output of…", "Show one of the last 100…"]
    assert [menu["options"][0]["value"] for menu in menus] == ["step:1:0", "step:1:1"]


@pytest.mark.parametrize(
    ("step", "line"),
    [
        (Step("sleep 60", "stopped"), "■ sleep 60  stopped"),
        (Step("kubectl scale", "denied", 0.4, 2), "✗ kubectl scale  denied"),
        (Step("kubectl scale", "expired", 0.4, 2), "✗ kubectl scale  lapsed"),
        (Step("kubectl scale", "left", 0.4, 2), "· kubectl scale  see its card"),
    ],
)
def test_how_a_command_ended_is_said_in_a_word(step, line):
    rendered = render(ProgressView("done", "done, 1 command", (step,)))

    (shown,) = rendered.blocks[1]["elements"]
    assert "".join(part["text"] for part in shown["elements"]) == line


def test_only_the_last_steps_are_listed_and_the_others_counted():
    rendered = render(ProgressView("working", "busy", STEPS[:1] * 30))

    assert "… 18 earlier commands" in all_text(rendered.blocks)
    assert len(rendered.blocks[1]["elements"]) == 13


def test_long_thought_shows_its_end():
    text = all_text(render(ProgressView("working", "thinking", thinking="x" * 2_000 + " the end")).blocks)

    assert text.endswith("the end")
    assert "more characters before" in text


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.04, "0.0 s"), (0.3, "0.3 s"), (12.4, "12 s"), (125.2, "2 min 5 s"), (100.0, "1 min 40 s")]
)
def test_durations_are_short(seconds, words):
    assert describe_seconds(seconds) == words


steps = st.builds(Step, command=nasty, state=nasty | st.sampled_from(["running", "ok", "error", "waiting", "stopped"]))
views = st.builds(ProgressView, state=nasty, headline=nasty, steps=st.lists(steps, max_size=40).map(tuple), thinking=nasty)


@given(views)
def test_any_progress_is_acceptable(view):
    render(view)
