"""A rule of the script as the events of a reply, in the format of either service."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bot.agent.models import openai_wire, wire
from bot.agent.models import script as scripts
from bot.agent.models.script import Rule, Script

Event = tuple[float, dict[str, Any]]
"""Seconds before it is sent, and the body."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """The rule that fits a request, and what the request says."""

    index: int
    rule: Rule
    groups: Mapping[str, str]
    step: int
    usage: Mapping[str, int]
    """Token counts in Gemini's words."""


def contents(script: Script, model: str, chosen: Chosen) -> Iterable[Event]:
    """As Gemini streams it."""
    signature = f"signature of rule {chosen.index}, step {chosen.step}" if script.signatures else ""
    for chunk in chosen.rule.reply:
        if chunk.raw is not None:
            yield chunk.delay, chunk.raw
            continue
        parts = scripts.parts_of(chunk, chosen.groups, signature)
        signature = "" if chunk.call is not None else signature  # the service signs the first of parallel calls only
        for delay, spoken in _speak(script, parts, chunk.delay):
            yield delay, wire.chunk(model, spoken)
    if chosen.rule.finish:
        yield 0.0, wire.chunk(model, [], finish=chosen.rule.finish, usage=chosen.usage)


def completion(script: Script, model: str, chosen: Chosen) -> Iterable[Event]:
    """As OpenAI streams it. A raw body that is Gemini's is a chunk with nothing in it here."""
    calls = 0
    for chunk in chosen.rule.reply:
        if chunk.raw is not None and chunk.raw.get("object") == openai_wire.CHUNK:
            yield chunk.delay, chunk.raw
            continue
        parts = [] if chunk.raw is not None else scripts.parts_of(chunk, chosen.groups, "")
        for delay, spoken in _speak(script, parts, chunk.delay):
            for event in openai_wire.events(model, spoken, calls):
                yield delay, event
        calls += chunk.call is not None
    if chosen.rule.finish:
        for event in openai_wire.ending(model, chosen.rule.finish, chosen.usage, calls=calls):
            yield 0.0, event


def _speak(script: Script, parts: list[dict[str, Any]], delay: float) -> Iterable[tuple[float, list[dict[str, Any]]]]:
    """The parts at once, or a text word by word if the script sets a pace."""
    if script.pace and len(parts) == 1 and set(parts[0]) == {"text"}:
        words = re.findall(r"\s*\S+\s*", parts[0]["text"]) or [""]
        for position, word in enumerate(words):
            yield script.pace if position else delay, [{"text": word}]
    else:
        yield delay, parts
