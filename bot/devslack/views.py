"""Modals and App Home views: the stack each person has open, and their hashes."""

from __future__ import annotations

import secrets

from bot.devslack import limits
from bot.devslack.blockkit.messages import name_blocks
from bot.devslack.feed import Feed
from bot.devslack.refusal import ApiRefusalError
from bot.devslack.values import Json, Workspace


class Views:
    """Each person's stack of modals and the Home tab the app published for them."""

    def __init__(self, workspace: Workspace, feed: Feed) -> None:
        self._workspace = workspace
        self._feed = feed
        self._stacks: dict[str, list[Json]] = {}
        self._homes: dict[str, Json] = {}

    def stack(self, person: str) -> list[Json]:
        """The person's open modals, the topmost last."""
        return list(self._stacks.get(person, []))

    def home(self, person: str) -> Json | None:
        return self._homes.get(person)

    def open(self, person: str, view: Json) -> Json:
        """Put a first modal before the person; what was open is gone."""
        stored = self._build(view)
        stored |= {"root_view_id": stored["id"], "previous_view_id": None}
        self._stacks[person] = [stored]
        self._show(person)
        return stored

    def push(self, person: str, view: Json) -> Json:
        """Put a modal on top of the open ones. Raises ApiRefusalError when the stack is full or empty."""
        stack = self._stacks.get(person, [])
        if len(stack) >= limits.VIEW_STACK:
            raise ApiRefusalError("push_limit_reached")
        if not stack:
            return self.open(person, view)
        stored = self._build(view)
        stored |= {"root_view_id": stack[0]["root_view_id"], "previous_view_id": stack[-1]["id"]}
        stack.append(stored)
        self._show(person)
        return stored

    def update(self, view_id: str, external_id: str, view: Json, known_hash: str) -> Json:
        """Replace an open view. Raises ApiRefusalError if it is not open or has changed since `known_hash`."""
        for person, stack in self._stacks.items():
            for index, old in enumerate(stack):
                if old["id"] == view_id or (external_id and old["external_id"] == external_id):
                    stack[index] = self._replace(old, view, known_hash)
                    self._show(person)
                    return stack[index]
        raise ApiRefusalError("not_found")

    def publish(self, person: str, view: Json, known_hash: str) -> Json:
        """Set the Home tab of a person."""
        old = self._homes.get(person)
        stored = self._replace(old, view, known_hash) if old else self._build(view)
        stored["root_view_id"] = stored["id"]
        self._homes[person] = stored
        self._feed.publish({"type": "home", "view": stored}, to=person)
        return stored

    def close_top(self, person: str) -> None:
        """Take the topmost modal away; the one below shows again."""
        if self._stacks.get(person):
            self._stacks[person].pop()
        self._show(person)

    def clear(self, person: str) -> None:
        self._stacks[person] = []
        self._show(person)

    def find(self, person: str, view_id: str) -> Json | None:
        """The open modal or Home view with this id, if it is the person's."""
        home = self._homes.get(person)
        if home and home["id"] == view_id:
            return home
        return next((view for view in self._stacks.get(person, []) if view["id"] == view_id), None)

    def _show(self, person: str) -> None:
        self._feed.publish({"type": "views", "views": self.stack(person)}, to=person)

    def _replace(self, old: Json, view: Json, known_hash: str) -> Json:
        if known_hash and known_hash != old["hash"]:
            raise ApiRefusalError("hash_conflict")
        kept = {name: old.get(name) for name in ("id", "root_view_id", "previous_view_id")}
        return self._build(view) | kept

    def _build(self, view: Json) -> Json:
        app = self._workspace.app
        return {
            "id": f"V{secrets.token_hex(5).upper()}",
            "team_id": self._workspace.team_id,
            "type": view["type"],
            "blocks": name_blocks(view["blocks"]),
            "private_metadata": view.get("private_metadata") or "",
            "callback_id": view.get("callback_id") or "",
            "state": {"values": {}},
            "hash": f"{secrets.randbelow(10**10)}.{secrets.token_hex(4)}",
            "title": view.get("title"),
            "clear_on_close": bool(view.get("clear_on_close")),
            "notify_on_close": bool(view.get("notify_on_close")),
            "close": view.get("close"),
            "submit": view.get("submit"),
            "previous_view_id": None,
            "root_view_id": None,
            "app_id": app.id,
            "external_id": view.get("external_id") or "",
            "app_installed_team_id": self._workspace.team_id,
            "bot_id": app.bot_id,
        }
