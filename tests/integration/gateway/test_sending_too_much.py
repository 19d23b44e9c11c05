"""What a client may send to the gateway, in all and at once: its memory is everybody's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import orjson
import pytest
from yarl import URL

from bot.gateway.limits import Limits
from tests.cluster.apiserver import ApiServer
from tests.integration.gateway.lab import Lab, open_lab
from tests.integration.gateway.test_door import CM, Client, client_of

pytestmark = pytest.mark.apiserver


def _settings(number: int, size: int) -> bytes:
    return orjson.dumps({"metadata": {"name": f"large-{number}"}, "data": {"text": "x" * size}})


async def test_too_much_sent_in_all_ends_the_rehearsal(seeded: ApiServer, lab: Lab) -> None:
    limits = Limits(request_bytes=100_000)
    async with open_lab(seeded, lab.folder, limits) as small, client_of(small) as (client, rehearsal):
        sent = [client.ask("POST", CM, _settings(number, 20_000), Content_Type="application/json") for number in range(12)]
        answers = await asyncio.gather(*sent)
        recording = rehearsal.end()

    codes = [code for code, _ in answers]
    assert recording.stopped == "stopped: sent more than 0.1 MB"
    assert codes.count(201) == len(recording.writes) <= 4
    assert codes.count(403) == 12 - codes.count(201)
    assert all("sent more than 0.1 MB" in text for code, text in answers if code == 403)
    assert sum(len(write.request.body) for write in recording.writes) < 100_000


async def test_a_body_without_a_length_counts_too(seeded: ApiServer, lab: Lab) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b" " * 2000

    async with open_lab(seeded, lab.folder, Limits(request_bytes=100_000)) as small, client_of(small) as (client, rehearsal):
        code, text = await client.ask("POST", CM, pieces(), Content_Type="application/json")

        assert (code, "sent more than 0.1 MB" in text) == (403, True)
        assert rehearsal.end().stopped == "stopped: sent more than 0.1 MB"


async def _begin_put(client: Client, number: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A PUT that waits to be asked for its body, as curl does it."""
    server = URL(client.server)
    reader, writer = await asyncio.open_connection(server.host, server.port, ssl=client.tls)
    length = len(_settings(number, 100))
    writer.write(
        f"PUT {CM}/large-{number} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {client.token}\r\nExpect: 100-continue\r\n"
        f"Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n".encode()
    )
    return reader, writer


async def test_only_as_many_bodies_are_read_at_once_as_there_is_room_for(seeded: ApiServer, lab: Lab) -> None:
    async with open_lab(seeded, lab.folder, Limits(bodies_at_once=2)) as small, client_of(small) as (client, rehearsal):
        puts = [await _begin_put(client, 0), await _begin_put(client, 1)]
        for reader, _ in puts:
            assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        puts.append(await _begin_put(client, 2))
        third = asyncio.create_task(puts[2][0].readuntil(b"\r\n\r\n"))
        for _ in range(5):
            assert (await client.ask("GET", f"{CM}/spare"))[0] == 200, "a read needs no room"
        assert not third.done(), "there is no room for a third body yet"

        puts[1][1].write(_settings(1, 100))
        assert (await puts[1][0].readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 404 "), "a PUT makes no ConfigMap"
        assert await third == b"HTTP/1.1 100 Continue\r\n\r\n"
        for _, writer in puts:
            writer.close()
        assert rehearsal.end().writes == ()


async def test_a_write_that_hangs_up_before_its_turn_is_noted(seeded: ApiServer, lab: Lab) -> None:
    async with open_lab(seeded, lab.folder, Limits(bodies_at_once=1)) as small, client_of(small) as (client, rehearsal):
        reader, first = await _begin_put(client, 0)
        await reader.readuntil(b"\r\n\r\n")
        _, second = await _begin_put(client, 1)
        second.write(_settings(1, 100))
        for _ in range(5):
            await client.ask("GET", f"{CM}/spare")
        second.close()
        first.close()

        assert [refused.path for refused in rehearsal.end().refused] == [f"{CM}/large-1"]


async def test_too_many_open_requests_end_the_rehearsal(seeded: ApiServer, lab: Lab) -> None:
    async with open_lab(seeded, lab.folder, Limits(open_requests=3)) as small, client_of(small) as (client, rehearsal):
        watches = [asyncio.create_task(client.ask("GET", f"{CM}?watch=1")) for _ in range(4)]
        stopped = await rehearsal.stopped()
        rehearsal.end()
        for watch in watches:
            watch.cancel()

    assert stopped == "stopped: had more than 3 requests open at once"
