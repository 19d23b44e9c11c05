"""Every state of a card in a real browser: on a desk in the light, on a phone in the dark, with a picture of each."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import expect

from bot.changes.change import Send, SendState, State
from tests.page import CHROMIUM, PHONE, WHY_SKIPPED, choose_pictures, open_room
from tests.unit.slack.rows import make_change, make_thread

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not CHROMIUM.exists(), reason=WHY_SKIPPED),
]

PICTURES: dict[State, tuple[str, dict[str, Any]]] = {
    State.PROPOSED: ("May approve: @oncall", {"impact": ("+2 pods", "HPA web allows at most 4: it will pull this back")}),
    State.APPROVED: ("about to be applied", {}),
    State.REPLAYING: ("being applied, 0 of 1 write in", {}),
    State.DONE: ("done · approved by", {"sends": (Send(0, SendState.LANDED, status=200),), "rollout": "5/5 ready after 12 s"}),
    State.DENIED: ("denied by", {"reason": "Not during the sale"}),
    State.EXPIRED: ("nobody decided in time", {"reason": "Nobody decided in time."}),
    State.SUPERSEDED: ("superseded by", {"superseded_by": 91, "reason": "The asker edited the command."}),
    State.FAILED: ("failed, nothing was changed", {"sends": (Send(0, SendState.REFUSED, status=403, message="quota exceeded"),)}),
    State.PARTIAL: ("partly applied", {"sends": (Send(0, SendState.REFUSED, status=403, message="quota exceeded"),)}),
    State.UNKNOWN: ("outcome unknown, check it by hand", {"sends": (Send(0, SendState.UNKNOWN),)}),
    State.UNDONE: ("done and undone by Change 90", {"undone_by": 90}),
}


def test_every_state_has_a_picture() -> None:
    assert set(PICTURES) == set(State)


@pytest.mark.parametrize(
    ("name", "options"), [("desk-light", {"color_scheme": "light"}), ("phone-dark", {"color_scheme": "dark", **PHONE})]
)
async def test_every_state_of_a_card_is_seen_whole(desk: Any, tmp_path: Path, name: str, options: dict[str, Any]) -> None:
    pictures = choose_pictures(tmp_path)
    running = await desk.start()
    thread = make_thread(await desk.driver.say("ana", "oncall", "@kubectl-ai scale web"))
    now = time.time()
    for number, (state, (_, fields)) in enumerate(PICTURES.items(), start=101):
        decided = {} if state in (State.PROPOSED, State.EXPIRED) else {"decided_by": "U01BEN", "decided_at": now}
        change = make_change(thread, id=number, state=state, created_at=now - 60, **decided, **fields)
        await running.surface.show_change(thread, change)

    async with open_room(desk.driver.base_url, pictures) as room:
        ben = await room.enter("ben", f"C01ONCALL/{thread.thread_ts}", **options)
        for number, (state, (says, _)) in enumerate(PICTURES.items(), start=101):
            card = ben.thread.locator("li.message").filter(has_text=f"Change {number} ·")
            await expect(card).to_contain_text(says)
            await card.scroll_into_view_if_needed()
            await card.screenshot(path=pictures / f"card-{name}-{state}.png")
        is_wider = await ben.page.evaluate("document.documentElement.scrollWidth > innerWidth")

        assert not is_wider
        assert room.problems == []
