"""The complaints about a payload, and the checks that every block and element share."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from bot.devslack import limits
from bot.devslack.values import Json


class Problems:
    """Collects complaints in the form Slack gives them: a sentence and a JSON pointer."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    def add(self, pointer: str, sentence: str) -> None:
        self.messages.append(f"[ERROR] {sentence} [json-pointer:{pointer}]")

    def check_object(self, pointer: str, value: Any) -> bool:
        """True if the value is a JSON object; complains otherwise."""
        if isinstance(value, dict):
            return True
        self.add(pointer, "must be an object")
        return False

    def check_string(self, pointer: str, value: Any, most: int, *, least: int = 0, required: bool = True) -> None:
        """A string of `least` to `most` characters."""
        if value is None:
            if required:
                self.add(pointer, "missing required field")
            return
        if not isinstance(value, str):
            self.add(pointer, "must be a string")
        elif len(value) > most:
            self.add(pointer, f"must be less than {most + 1} characters")
        elif len(value) < least:
            self.add(pointer, f"must be more than {least - 1} characters")

    def check_text(self, pointer: str, value: Any, most: int, *, plain: bool = False, required: bool = True) -> None:
        """A text object; `plain` allows `plain_text` only."""
        if value is None:
            if required:
                self.add(pointer, "missing required field: text")
            return
        if not self.check_object(pointer, value):
            return
        allowed = {"plain_text"} if plain else {"plain_text", "mrkdwn"}
        if value.get("type") not in allowed:
            self.add(f"{pointer}/type", f"must be one of: {', '.join(sorted(allowed))}")
        self.check_fields(
            pointer,
            value,
            {"type", "text", "emoji"} if value.get("type") == "plain_text" else {"type", "text", "verbatim"},
        )
        self.check_string(f"{pointer}/text", value.get("text"), most, least=1)

    def check_fields(self, pointer: str, value: Json, allowed: Collection[str]) -> None:
        """No field that Slack does not know."""
        for name in value:
            if name not in allowed:
                self.add(f"{pointer}/{name}", "additional property is not allowed")

    def check_list(self, pointer: str, value: Any, most: int, *, least: int = 1) -> list[Any]:
        """The value as a list; empty, with a complaint, if it is none or has a wrong length."""
        if not isinstance(value, list):
            self.add(pointer, "missing required field" if value is None else "must be an array")
            return []
        if len(value) > most:
            self.add(pointer, f"no more than {most} items allowed [have {len(value)}]")
        elif len(value) < least:
            self.add(pointer, f"must have at least {least} items")
        return value

    def check_id(self, pointer: str, value: Any) -> None:
        """A `block_id` or `action_id`, if it is there."""
        self.check_string(pointer, value, limits.ID, required=False)
