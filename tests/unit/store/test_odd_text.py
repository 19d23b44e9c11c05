"""Text from outside that one of the databases cannot hold: it is stored as well as can be, and never stops a thread."""

from __future__ import annotations

from dataclasses import replace

from bot.agent.budgets import Spent
from bot.changes.change import Send, SendState, State
from bot.changes.freeze import Freeze
from bot.changes.ports import AuditLine
from bot.threads.stores import Notice, Stores
from bot.values.transcript import Asked, Mode, Proposed, ToolResult
from tests.unit.store.values import THREAD_ID, line, message, new_change, proposed

ODD = "half \ud83d, NUL \0 and \U0001f600"
STORED = "half ?, NUL � and \U0001f600"


async def test_a_call_with_odd_text_is_proposed_once(stores: Stores) -> None:
    change = replace(new_change(call_id=ODD), command=ODD, namespace=ODD, impact=(ODD,))
    call = Proposed(1, ODD, 0, ToolResult(ODD, ODD, 0, ODD))

    first = await stores.threads.propose(call, change, AuditLine("proposed", ODD, THREAD_ID, {ODD: ODD}))
    again = await stores.threads.propose(call, change, line("proposed"))

    assert again == first
    assert (first.call_id, first.command, first.namespace) == (STORED, STORED, STORED)
    assert await stores.audit.verify() == (1, "")


async def test_odd_outcomes_and_reasons_are_stored(stores: Stores) -> None:
    change = await stores.threads.propose(proposed(), new_change(), line("proposed"))
    await stores.changes.record_send(change.id, Send(0, SendState.LANDED, ODD, 200, ODD), line("sent"))
    await stores.changes.record_rollout(change.id, ODD, settled=True)
    await stores.changes.move(change.id, [State.PROPOSED], State.DENIED, line("denied"), reason=ODD, decided_by=ODD)

    stored = await stores.changes.get(change.id)

    assert stored is not None
    assert (stored.reason, stored.decided_by, stored.rollout) == (STORED, STORED, STORED)
    assert [(send.precondition, send.message) for send in stored.sends] == [(STORED, STORED)]


async def test_odd_keys_are_known_again(stores: Stores) -> None:
    turn = await stores.threads.begin_turn(THREAD_ID, Asked(0, ODD, ODD, Mode.QUESTION, ODD), key=ODD)
    again = await stores.threads.begin_turn(THREAD_ID, Asked(0, ODD, ODD, Mode.QUESTION, ODD), key=ODD)
    await stores.messages.claim(ODD, THREAD_ID)
    await stores.messages.posted(ODD, ODD, "1.2", ODD)
    await stores.usage.record(THREAD_ID, ODD, ODD, ODD, Spent(steps=1))
    await stores.usage.record(THREAD_ID, ODD, ODD, ODD, Spent(steps=1))
    await stores.quiet.begin(ODD, ODD)
    shown = await stores.messages.get(ODD)

    assert (turn, again) == (1, None)
    assert shown is not None
    assert (shown.key, shown.channel) == (STORED, STORED)
    assert (await stores.usage.total(0, user_id=ODD)).steps == 1
    assert await stores.quiet.holds([ODD])


async def test_an_odd_freeze_is_begun_once_and_lifted_once(stores: Stores) -> None:
    begun = [await stores.freezes.begin(ODD, Freeze("prod", ODD, ODD, 30.0), line("frozen")) for _ in range(2)]

    lifted = [await stores.freezes.lift(f"{ODD} lift", "prod", ODD, line("lifted")) for _ in range(2)]

    assert begun == [True, False]
    assert lifted == [Freeze("prod", STORED, STORED, 30.0)] * 2


async def test_an_odd_notice_is_drawn_once(stores: Stores) -> None:
    await stores.threads.notify(THREAD_ID, Notice(ODD, ODD))
    await stores.threads.notify(THREAD_ID, Notice(ODD, ODD))
    before = (await stores.threads.undrawn(THREAD_ID)).notices
    await stores.threads.drew_notice(THREAD_ID, ODD)

    assert before == (Notice(STORED, STORED),)
    assert (await stores.threads.undrawn(THREAD_ID)).notices == ()


async def test_an_odd_event_that_failed_keeps_its_reason(stores: Stores) -> None:
    await stores.inbox.put(ODD, message())
    [delivery] = await stores.inbox.take(60)
    await stores.inbox.failed(delivery.id, ODD, 0)

    [again] = await stores.inbox.take(60)

    assert (again.key, again.error) == (STORED, STORED)
