"""`bot.slack.limits` is the one place for the sizes of what we send."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import bot
from bot.devslack import limits as accepted
from bot.devslack.rates import PER_MINUTE
from bot.slack import limits

SOURCES = Path(bot.__file__).parent / "slack"
CUTTERS = {"flatten", "make_name", "cut_end", "cut_middle", "split_lines"}


def read_sources() -> dict[str, ast.Module]:
    """Every module of the Slack adapter, its rooms included, by its path from there."""
    return {path.relative_to(SOURCES).as_posix(): ast.parse(path.read_text(encoding="utf-8")) for path in sorted(SOURCES.rglob("*.py"))}


def find_sizes(tree: ast.Module) -> Iterator[int]:
    """Numbers above 3 that are given to a function that cuts texts."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in CUTTERS:
            yield from (arg.value for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, int) and arg.value > 3)


def test_nobody_cuts_a_text_at_a_size_of_their_own() -> None:
    sources = read_sources()

    found = {name: sizes for name, tree in sources.items() if (sizes := list(find_sizes(tree)))}

    assert found == {}
    assert {"limits.py", "rendering/cards.py", "delivery/sender.py"} <= set(sources)


def test_a_size_that_stands_in_a_call_is_found() -> None:
    assert list(find_sizes(ast.parse("cut_end(text, 3000) + flatten(text, limits.SECTION_TEXT)"))) == [3000]


def test_we_send_no_more_than_the_local_slack_accepts() -> None:
    shared = [name for name in vars(accepted) if name.isupper() and hasattr(limits, name)]

    assert [name for name in shared if getattr(limits, name) > getattr(accepted, name)] == []
    assert {"BLOCKS_IN_MESSAGE", "SECTION_TEXT", "VIEW_TITLE", "PRIVATE_METADATA", "OPTION_TEXT", "BUTTON_VALUE"} <= set(shared)


def test_no_minute_has_more_calls_than_slack_takes() -> None:
    special = {"assistant.threads.setStatus", "apps.connections.open"}  # per conversation; as many as connections are opened at once

    found = {method: rate for method, rate in limits.RATES.items() if method not in special}

    assert [method for method, rate in found.items() if rate.burst + rate.per_minute > PER_MINUTE[method]] == []
