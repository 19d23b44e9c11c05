"""Who may decide: a table of people and changes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot.changes.change import Change, State
from bot.changes.policy import Decision, may_approve, may_deny, may_freeze, may_undo
from bot.settings import ChangeSettings
from bot.values.people import Person
from tests.unit.changes.builders import NOW, write

RULES = ChangeSettings(approvers=("U2", "S1"))
MEMBERS = frozenset({"U1", "U2", "U3"})
ASKER, APPROVER, OTHER = Person("U1", "T1", "asker"), Person("U2", "T1", "approver"), Person("U9", "T1", "other")
CHANGE = Change(
    id=42,
    thread_id="T1:C1:1.0",
    call_id="c",
    turn=1,
    cluster="prod",
    namespace="shop",
    command="kubectl",
    asked_by="U1",
    state=State.PROPOSED,
    digest="d",
    writes=(),
    diffs=(),
    impact=(),
    created_at=0.0,
    expires_at=100.0,
)


def approve(
    person: Person, change: Change = CHANGE, *, rules: ChangeSettings = RULES, members: frozenset[str] = MEMBERS, **clicked: Any
) -> Decision:
    return may_approve(person, change, rules, members, **{"digest": "d", "now": 50.0, **clicked})


def deny(
    person: Person, change: Change = CHANGE, *, rules: ChangeSettings = RULES, members: frozenset[str] = MEMBERS, **clicked: Any
) -> Decision:
    return may_deny(person, change, rules, members, **{"digest": "d", "now": 50.0, **clicked})


def test_an_approver_may_approve_and_deny() -> None:
    assert approve(APPROVER) == deny(APPROVER) == Decision(True)


def test_nobody_configured_means_nobody_may_approve() -> None:
    refused = approve(APPROVER, rules=ChangeSettings())

    assert not refused.allowed
    assert "changes.approvers" in refused.reason
    assert not deny(APPROVER, rules=ChangeSettings()).allowed


def test_who_is_no_approver_may_neither_approve_nor_deny() -> None:
    assert approve(OTHER) == Decision(False, "You are not among those who may approve change 42.")
    assert deny(OTHER) == Decision(False, "Only the asker and those who may approve change 42 can deny it.")


def test_the_asker_may_not_approve_unless_the_settings_allow_it() -> None:
    assert approve(ASKER) == Decision(False, "You asked for change 42, so somebody else has to approve it.")
    assert approve(ASKER, rules=ChangeSettings(approvers=("U1",), self_approval=True)).allowed


def test_self_approval_does_not_make_an_approver() -> None:
    assert not approve(ASKER, rules=ChangeSettings(approvers=("U2",), self_approval=True), members=frozenset({"U2"})).allowed


def test_the_asker_may_always_withdraw() -> None:
    assert deny(ASKER, members=frozenset()).allowed
    assert deny(ASKER, rules=ChangeSettings()).allowed


@pytest.mark.parametrize("flaw", ["is_guest", "is_external", "is_bot", "is_deleted"])
@pytest.mark.parametrize("person", [ASKER, APPROVER])
def test_guests_outsiders_bots_and_former_people_may_decide_nothing(person: Person, flaw: str) -> None:
    flawed = replace(person, **{flaw: True})

    assert approve(flawed) == Decision(False, flawed.refusal)
    assert not deny(flawed).allowed


@pytest.mark.parametrize("state", [state for state in State if state is not State.PROPOSED])
def test_a_decided_change_cannot_be_decided_again(state: State) -> None:
    closed = replace(CHANGE, state=state)

    assert not approve(APPROVER, closed).allowed
    assert not deny(ASKER, closed).allowed
    assert approve(APPROVER, closed).reason.startswith("Change 42 ")


@pytest.mark.parametrize(("now", "allowed"), [(99.9, True), (100.0, False), (101.0, False)])
def test_a_late_click_is_refused(now: float, allowed: bool) -> None:
    assert approve(APPROVER, now=now).allowed is allowed
    assert deny(APPROVER, now=now).allowed is allowed


@pytest.mark.parametrize("digest", ["", "D", "other"])
def test_a_button_with_another_digest_is_refused(digest: str) -> None:
    assert not approve(APPROVER, digest=digest).allowed


@pytest.mark.parametrize(
    ("state", "seconds", "digest", "says"),
    [
        (State.DONE, 0, "", ""),
        (State.PARTIAL, 0, "", ""),
        (State.UNKNOWN, 0, "", "was sent, with an outcome that must be checked: there is nothing to undo"),
        (State.UNDONE, 0, "", "was undone: there is nothing to undo"),
        (State.PROPOSED, 0, "", "is still waiting for a decision"),
        (State.DONE, 86_400, "", "is over"),
        (State.DONE, 0, "other", "does not belong to change"),
    ],
)
def test_what_is_in_the_cluster_can_be_undone_for_a_while(state: State, seconds: int, digest: str, says: str) -> None:
    change = replace(CHANGE, state=state, decided_at=NOW, writes=(write("patch", "configmaps", "c"),))

    decision = may_undo(ASKER, change, RULES, digest=digest or change.digest, now=NOW + seconds)

    assert (decision.allowed, says in decision.reason) == (not says, True)


def test_only_approvers_may_freeze() -> None:
    members = frozenset({APPROVER.user_id})

    assert may_freeze(APPROVER, RULES, members).allowed
    assert "Only those who may approve" in may_freeze(ASKER, RULES, members).reason
    assert "Nobody may freeze" in may_freeze(APPROVER, ChangeSettings(), members).reason
    assert may_freeze(replace(APPROVER, is_guest=True), RULES, members).reason == replace(APPROVER, is_guest=True).refusal
