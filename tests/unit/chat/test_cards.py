"""A change in a frame: the same lines as on the card in Slack."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console, RenderableType

from bot.changes.change import ObjectDiff, Send, SendState, State
from bot.chat.cards import render_card, render_details
from bot.values.requests import RefusedRequest
from tests.unit.slack.rows import make_change, make_write

NOW = 1_790_000_100.0


def draw(card: RenderableType) -> str:
    out = io.StringIO()
    Console(file=out, width=140).print(card)
    return out.getvalue()


def test_a_change_that_waits_shows_command_difference_and_impact() -> None:
    note = "its Pods go with it"
    change = make_change(diffs=(replace(make_change().diffs[0], notes=(note,)),))

    drawn = draw(render_card(change, undo_seconds=100, now=NOW))

    for words in ("Change 42", "prod-eu · shop", "kubectl -n shop scale deploy/web --replicas=5", "spec.replicas  3 → 5", "• +2 pods"):
        assert words in drawn
    assert f"! Deployment shop/web: {note}" in drawn
    assert "takes it back" not in drawn


def test_what_was_refused_is_told_before_and_after_the_decision() -> None:
    path = "/api/v1/namespaces/shop/pods"
    refused = tuple(RefusedRequest("POST", path, f"exceeded\x1b[2J quota {n}", 403, f"Pod shop/x{n}") for n in range(7))
    change = make_change(refused=refused)

    waiting, done = (draw(render_card(replace(change, state=state), undo_seconds=100, now=NOW)) for state in (State.PROPOSED, State.DONE))
    one = draw(render_card(replace(change, refused=refused[:1]), undo_seconds=100, now=NOW))
    details = draw(render_details(change))

    for drawn in (waiting, done):
        assert "! 7 requests were refused and are not part of this change:" in drawn
        assert [n for n in range(7) if f"! POST Pod shop/x{n} – exceeded quota {n}" in drawn] == [0, 1, 2, 3, 4]
        assert "2 more, see Details" in drawn
    assert "! 1 request was refused and is not part of this change: POST Pod shop/x0 – exceeded quota 0" in one
    assert f"POST Pod shop/x6 – exceeded\\u001b[2J quota 6\n  POST {path} → HTTP 403" in "\n".join(map(str.rstrip, details.split("\n")))


def test_nothing_on_a_card_hides_or_steers() -> None:
    change = make_change(command="kubectl get pods\x1b[2J\u202e", impact=("\x1b]0;title\x07",))

    drawn = draw(render_card(change, undo_seconds=100, now=NOW))

    assert "\x1b" not in drawn
    assert "\\u001b[2J\\u202e" in drawn


@pytest.mark.parametrize(
    ("state", "changes", "words"),
    [
        (State.DONE, {"decided_by": "local"}, "done · approved by you"),
        (State.DONE, {"decided_by": "rule"}, "done · approved by the rule --skip-permissions"),
        (State.DONE, {"decided_at": NOW, "sends": (Send(0, SendState.LANDED),)}, "undo 42 takes it back, until"),
        (State.DONE, {"rollout": "5/5 ready after 12 s"}, "rollout: 5/5 ready after 12 s"),
        (State.DENIED, {"decided_by": "local", "reason": "too many"}, "too many"),
        (State.EXPIRED, {}, "lapsed"),
        (State.SUPERSEDED, {"superseded_by": 43}, "superseded by change 43"),
        (State.FAILED, {"sends": (Send(0, SendState.REFUSED, message="quota"),)}, "refused: Deployment shop/web: quota"),
        (State.PARTIAL, {"sends": (Send(0, SendState.LANDED),)}, "partly applied, 1 of 1 in"),
        (State.UNKNOWN, {"sends": (Send(0, SendState.SENT),)}, "kubectl -n shop get deployments.apps web -o yaml"),
        (State.UNDONE, {"undone_by": 43}, "undone by change 43"),
    ],
)
def test_every_end_is_told(state: State, changes: dict[str, object], words: str) -> None:
    change = make_change(state=state, **changes)

    assert words in draw(render_card(change, undo_seconds=100, now=NOW))


@pytest.mark.parametrize("state", list(State))
def test_every_state_is_told_when_the_requests_are_forgotten(state: State) -> None:
    change = make_change(state=state, writes=(), sends=(Send(0, SendState.UNKNOWN),), reason="the network broke")

    assert "Deployment shop/web" in draw(render_card(change, undo_seconds=100, now=NOW))
    assert "spec.replicas" in draw(render_details(change))


def test_details_have_the_requests_but_no_value_of_a_secret() -> None:
    secret = make_write(
        request=replace(make_write().request, path="/api/v1/namespaces/shop/secrets/s", body=b'{"data":{"key":"aHVudGVyMg=="}}'),
        info=replace(make_write().info, group="", resource="secrets", subresource="", name="s"),
    )
    change = make_change(writes=(make_write(), secret), diffs=(*make_change().diffs, ObjectDiff("update", "Secret", "shop", "s")))

    drawn = draw(render_details(change))

    assert "Request 1 of 2: PATCH /apis/apps/v1/namespaces/shop/deployments/web/scale" in drawn
    assert '"replicas": 5' in drawn
    assert "Request 2 of 2" in drawn
    assert "aHVudGVyMg" not in drawn
