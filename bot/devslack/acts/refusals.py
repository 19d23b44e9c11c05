"""Why a person cannot do what they tried."""

from __future__ import annotations

from bot.errors import SurfaceError


class ActRefusedError(SurfaceError):
    """What Slack's client would not let a person do; the message says why and what to do instead."""
