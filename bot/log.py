"""The program's log: structlog over the standard library, JSON in a cluster, readable on a terminal. Never bodies, tokens or output."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from bot.settings import LogSettings

_TOKENS = re.compile(r"\b(xox[abeprs]-[\w-]+|xapp-[\w-]+|AIza[\w-]{20,}|eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]*)|(?i:bearer\s+)[\w.~+/=-]{12,}")


def configure(settings: LogSettings) -> None:
    """Sets up logging for the whole process."""
    as_json = settings.format == "json" or (settings.format == "auto" and not sys.stderr.isatty())
    level = getattr(logging, settings.level.upper())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        hide_tokens,
    ]
    renderer = structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer()
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # These print payloads (message texts, trigger ids, request bodies) at DEBUG; their INFO is chatter.
    for noisy in (
        "slack_bolt",
        "slack_sdk",
        "aiohttp.access",
        "google_genai",
        "httpx",
        "httpcore",
        "sqlalchemy",
        "aiosqlite",
        "httpx2",
        "httpcore2",
    ):
        logging.getLogger(noisy).setLevel(max(level, logging.WARNING))
    logging.getLogger("mcp").setLevel(logging.CRITICAL)  # its errors quote what a server sent; what comes of them is raised as well


def hide_tokens(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replaces what looks like a credential in any value: the last line of defence, not the first."""
    for key, value in event.items():
        if isinstance(value, str):
            event[key] = _TOKENS.sub("[hidden]", value)
    return event
