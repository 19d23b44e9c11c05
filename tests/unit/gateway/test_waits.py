"""What counts as the same read again."""

from __future__ import annotations

from dataclasses import replace

from bot.gateway.limits import Limits
from bot.gateway.protocol.request_info import Parsed, parse
from bot.gateway.rehearsal.waits import Waits
from tests.unit.gateway.test_influence import CERTIFICATE, PODS, SECRET, WEB

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


GUESS = "stopped: waits for secrets shop/tls, which may change only after approval of Certificate shop/tls"


def hear(*told: tuple[str, str | None]) -> list[str]:
    """Why these reads and what they were answered end a rehearsal that has written a Certificate, if they do: six of a kind are a loop."""
    stops: list[str] = []
    waits = Waits(Limits(poll_reads=3, poll_seconds=0.0), stops.append)
    for target, answer in told:
        waits.note_answer(ask(target), answer, [CERTIFICATE])
    return stops


async def test_the_same_answer_round_after_round_is_a_loop() -> None:
    assert hear(*[(SECRET, "404")] * 6) == [GUESS]
    assert hear(*[(SECRET, "404")] * 5) == []


async def test_the_first_read_of_a_round_gives_it_its_name() -> None:
    assert hear(*[(SECRET, "404"), ("/api/v1/namespaces/shop", "a")] * 7)[0] == GUESS


async def test_anything_new_begins_anew() -> None:
    assert hear(*[(SECRET, "404")] * 5, (f"{SECRET}-2", "404"), *[(SECRET, "404")] * 5) == []
    assert hear(*[(SECRET, "404"), (SECRET, "a")] * 20) == []
    assert hear(*[(SECRET, "404"), (f"{PODS}/p/log", None)] * 20) == []


async def test_a_write_of_anything_begins_anew() -> None:
    stops: list[str] = []
    waits = Waits(Limits(poll_reads=3, poll_seconds=0.0), stops.append)
    for _ in range(20):
        waits.note_answer(ask(SECRET), "404", [CERTIFICATE])
        waits.note_read(WEB, is_named=True)
        waits.note_write()

    assert stops == []


async def test_a_read_that_no_write_may_change_is_none() -> None:
    assert hear(*[("/api/v1/namespaces/bank/secrets/tls", "404")] * 20) == []


async def test_a_watch_of_one_object_is_given_twice_the_time_after_its_last_event() -> None:
    waits = Waits(Limits(listed_wait_seconds=5.0), [].append)

    assert waits.long_patience(
        ask(f"{SECRET.removesuffix('/tls')}?watch=1&fieldSelector=metadata.name%3Dtls").info, [CERTIFICATE], 7.0
    ) == (
        17.0,
        GUESS,
    )
    assert waits.long_patience(ask("/api/v1/namespaces/shop/secrets?watch=1").info, [CERTIFICATE], 7.0) is None
    assert waits.long_patience(ask(SECRET).info, [], 7.0) is None
