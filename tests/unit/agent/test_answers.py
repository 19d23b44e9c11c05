"""The answers of calls that became changes: the model must never take a rehearsal for the real thing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.agent import answers
from bot.changes.change import Send, SendState, State
from bot.values.requests import ApiRequest, RecordedWrite, RequestInfo
from tests.unit.agent.builders import change, proposed

PROPOSED = proposed(1, "a", 7)


def write(name: str) -> RecordedWrite:
    info = RequestInfo("patch", True, "/x", "apps", "v1", "deployments", "scale", "shop", name)
    return RecordedWrite(ApiRequest("PATCH", "/x"), info, None, {}, {})


@pytest.mark.parametrize(
    ("state", "status", "words"),
    [
        (State.DONE, "applied", "Applied: change 7 was approved by U2"),
        (State.UNDONE, "applied", "undone afterwards"),
        (State.DENIED, "denied", "denied by U2. Reason: too risky. Do not propose the same change again."),
        (State.EXPIRED, "expired", "was approved by U2, but could not be carried out in time"),
        (State.SUPERSEDED, "superseded", "moved on"),
        (State.FAILED, "failed", "the API server refused it"),
        (State.PARTIAL, "partial", "not all writes landed"),
        (State.UNKNOWN, "unknown", "must be checked"),
    ],
)
def test_every_final_state_has_its_status_and_its_sentence(state: State, status: str, words: str) -> None:
    result = answers.of_change(PROPOSED, change(7, state, decided_by="U2", reason="too risky"))

    assert result.status == status
    assert words in result.note
    assert result.stdout == PROPOSED.result.stdout


@pytest.mark.parametrize(("writes", "words"), [(("web",), "and its write landed"), (("web", "cart"), "and all 2 writes landed")])
def test_an_applied_change_names_who_approved_it_and_counts_its_writes(writes: tuple[str, ...], words: str) -> None:
    done = replace(change(7, State.DONE, decided_by="U2"), writes=tuple(write(name) for name in writes))

    said = answers.outcome(done, "ben")

    assert said == f"Applied: change 7 was approved by ben {words}."


def test_a_change_that_lapsed_without_a_decision_says_that_nobody_decided() -> None:
    assert answers.outcome(change(7, State.EXPIRED)).startswith("Not applied: nobody decided change 7 in time.")


@pytest.mark.parametrize("state", [State.PROPOSED, State.APPROVED, State.REPLAYING])
def test_an_open_change_has_no_outcome(state: State) -> None:
    with pytest.raises(ValueError, match="still open"):
        answers.outcome(change(7, state))


def test_only_landed_changes_are_called_applied() -> None:
    for state in State:
        if state not in (State.DONE, State.UNDONE) and not change(7, state).is_open:
            assert answers.of_change(PROPOSED, change(7, state)).status != "applied"


def test_a_partial_change_names_each_write_and_what_became_of_it() -> None:
    sends = (
        Send(0, SendState.LANDED),
        Send(1, SendState.REFUSED, status=409, message="the object has been modified"),
        Send(2, SendState.PENDING),
    )
    partial = replace(change(7, State.PARTIAL, decided_by="U2"), writes=(write("web"), write("cart"), write("x")), sends=sends)

    note = answers.outcome(partial)

    assert "write 1, patch deployments.apps/scale web: landed" in note
    assert "write 2, patch deployments.apps/scale cart: refused (the object has been modified)" in note
    assert "write 3" not in note


def test_the_rollout_is_told_with_an_applied_change() -> None:
    assert "Rollout: 5/5 ready after 12 s." in answers.outcome(change(7, State.DONE, rollout="5/5 ready after 12 s"))


def test_a_waiting_answer_tells_not_to_propose_again() -> None:
    result = answers.waiting(PROPOSED, change(7))

    assert result.status == "waiting"
    assert "Not applied yet: change 7" in result.note
    assert "Do not propose it again" in result.note


def test_a_stopped_answer_tells_that_nothing_was_applied() -> None:
    assert "change 7 is withdrawn" in answers.stopped("x", "Ada", PROPOSED).note
    assert "change 9 is withdrawn" in answers.stopped("x", "Ada", PROPOSED, 9).note
    assert answers.stopped("x", "Ada").note == "Stopped by Ada. Nothing was changed in the cluster by this command."
    assert answers.not_run("x").status == "stopped"


def test_what_happened_names_the_change_the_asker_and_the_outcome() -> None:
    note = answers.happened(change(7, State.DENIED, decided_by="U2"), 4, "U1")

    assert (note.turn, note.change_id, note.user_id) == (4, 7, "U1")
    assert "`kubectl -n shop scale deploy/web --replicas=3`" in note.text
    assert "denied by U2" in note.text
