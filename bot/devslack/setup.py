"""The progress of a set-up that runs beside this process, read from a JSON file it keeps rewriting."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import structlog

from bot.devslack.feed import Feed
from bot.devslack.values import Json

log = structlog.get_logger()

LOOK_EVERY_SECONDS = 0.5
FIELDS = ("phase", "step", "steps", "label", "message", "done", "error", "started")


def read_progress(path: Path | None) -> Json | None:
    """The progress, or None if there is no set-up. A file that is not there yet is a set-up that has not begun."""
    if path is None:
        return None
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {"phase": "", "step": 0, "steps": 0, "label": "Starting", "message": "", "done": False, "error": None}
    except (OSError, ValueError):
        log.warning("setup_progress_unreadable", path=str(path))
        return None
    return {name: document.get(name) for name in FIELDS} if isinstance(document, dict) else None


async def watch_progress(path: Path, feed: Feed) -> None:
    """Tell the pages whenever the progress changes, until cancelled."""
    last: Json | None = None
    while True:
        progress = await asyncio.to_thread(read_progress, path)
        if progress is not None and progress != last:
            feed.publish({"type": "setup", "setup": progress})
            last = progress
        await asyncio.sleep(LOOK_EVERY_SECONDS)
