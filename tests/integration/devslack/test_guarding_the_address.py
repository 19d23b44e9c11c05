"""Who may use a local Slack: this machine's own programs and its own page, nobody else."""

from __future__ import annotations

import asyncio
import json

import aiohttp
import pytest

from bot.devslack.server import run_server, serve
from bot.errors import ConfigError

SAY = json.dumps({"as": "ana", "channel": "oncall", "text": "approve it"})
JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "example.org"])
async def test_only_loopback_is_served(host):
    with pytest.raises(ConfigError, match="loopback only"):
        await serve(host=host, port=0)


async def test_a_taken_port_is_one_clear_sentence():
    async with run_server(port=0) as url:
        port = int(url.rsplit(":", 1)[1])

        with pytest.raises(ConfigError, match="free the port or choose another"):
            await serve(port=port)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (JSON, 200),
        (JSON | {"Origin": "https://evil.example"}, 403),
        (JSON | {"Sec-Fetch-Site": "cross-site"}, 403),
        (JSON | {"Host": "evil.example"}, 421),
        ({"Content-Type": "text/plain"}, 415),
    ],
)
async def test_another_web_site_cannot_act_as_a_person(slack, headers, status):
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{slack.base_url}/_control/say", data=SAY, headers=headers) as response,
    ):
        assert response.status == status


async def test_the_page_may_load_nothing_from_elsewhere(slack):
    async with aiohttp.ClientSession() as session, session.get(f"{slack.base_url}/") as response:
        policy = response.headers["Content-Security-Policy"]

    assert "default-src 'self'" in policy
    assert "unsafe" not in policy


async def test_serving_ends_when_it_is_cancelled():
    serving = asyncio.create_task(serve(port=0))
    await asyncio.sleep(0)

    serving.cancel()

    with pytest.raises(asyncio.CancelledError):
        await serving
