"""Where the handlers find the state."""

from __future__ import annotations

from aiohttp import web

from bot.devslack.local_slack import LocalSlack

SLACK = web.AppKey("slack", LocalSlack)
