"""What counts as the same read again."""

from __future__ import annotations

from dataclasses import replace

from bot.gateway.limits import Limits
from bot.gateway.request_info import Parsed, parse
from bot.gateway.waits import Waits
from tests.unit.gateway.test_influence import PODS, WEB

WHY = "stopped: waits for Deployment shop/web, which changes only after approval"


def ask(target: str) -> Parsed:
    parsed = parse("GET", target)
    assert isinstance(parsed, Parsed)
    return parsed


def count(*targets: str) -> list[str]:
    """Why these reads end a rehearsal that has written a Deployment, if they do."""
    stops: list[str] = []
    waits = Waits(Limits(poll_reads=3, poll_seconds=0.0), stops.append)
    for target in targets:
        waits.note_request(ask(target), [WEB])
    return stops


async def test_a_read_again_and_again_is_a_loop() -> None:
    assert count(*[f"{PODS}?labelSelector=app%3Dweb"] * 3) == [WHY]
    assert count(*[f"{PODS}?labelSelector=app%3Dweb"] * 2) == []


async def test_of_a_whole_collection_it_takes_twice_as_many() -> None:
    assert count(*[f"{PODS}?limit=500"] * 5) == []
    assert count(*[f"{PODS}?limit=500"] * 6) == [WHY]


async def test_a_watch_that_is_opened_again_goes_on_where_the_last_one_ended() -> None:
    watches = [f"{PODS}?watch=1&labelSelector=app%3Dweb&resourceVersion={version}" for version in range(3)]

    assert count(*watches) == [WHY]


async def test_pages_and_other_questions_are_no_loop() -> None:
    assert count(*[f"{PODS}?limit=5&continue={page}&labelSelector=app%3Dweb" for page in range(9)]) == []
    assert count(*[f"{PODS}?continue=x&labelSelector=app%3Dweb"] * 9) == []
    assert count(*[f"{PODS}/web-{number}" for number in range(9)]) == []


async def test_a_further_write_begins_anew() -> None:
    stops: list[str] = []
    waits = Waits(Limits(poll_reads=3, poll_seconds=0.0), stops.append)
    for written_at in range(9):
        for _ in range(2):
            waits.note_request(ask(f"{PODS}?labelSelector=app"), [replace(WEB, written_at=written_at)])

    assert stops == []
