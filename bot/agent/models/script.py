"""The script of the scripted model: rules in YAML, each with what it answers to and its reply."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from bot.agent.models import wire
from bot.errors import ConfigError


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class When(_Value):
    """All that is given must fit. Patterns are regular expressions, searched without regard to case; `^` and `$` fit at lines.
    Their named groups can be used in the reply as `${name}`."""

    question: str = ""
    """On the last user text."""
    step: int | None = None
    """Replies since the last user text."""
    answer: str = ""
    """On the last function responses."""
    answers: str = ""
    """On all function responses since the last user text."""

    @model_validator(mode="after")
    def _compiles(self) -> Self:
        for pattern in (self.question, self.answer, self.answers):
            re.compile(pattern)
        return self

    def groups(self, asked: wire.Asked) -> dict[str, str] | None:
        """The named groups if it fits, else None."""
        if self.step is not None and self.step != asked.step:
            return None
        found: dict[str, str] = {}
        for pattern, text in ((self.answers, asked.answers), (self.answer, asked.answer), (self.question, asked.question)):
            if pattern:
                match = re.search(pattern, text, re.IGNORECASE | re.MULTILINE)
                if match is None:
                    return None
                found.update({name: value for name, value in match.groupdict().items() if value is not None})
        return found


class Call(_Value):
    """A function call; strings in `args` may use `${group}`."""

    name: str = "shell"
    args: dict[str, Any] = Field(default_factory=dict)
    id: str = ""


class Chunk(_Value):
    """One streamed piece: text, a call, a signature, any raw response body, or nothing at all."""

    text: str | None = None
    call: Call | None = None
    signature: str = ""
    """Thought signature (any text; it travels as base64). Alone it is a part with an empty text, as the service sends it."""
    raw: dict[str, Any] | None = None
    delay: float = Field(default=0.0, ge=0)
    """Seconds before it is sent."""


class Fault(_Value):
    """What goes wrong instead of, or (with `after`) during the reply."""

    status: int = 0
    """HTTP status of the error."""
    message: str = "The scripted model was told to fail."
    retry_delay: str = ""
    """Duration such as `1s` in the error's RetryInfo."""
    after: int = Field(default=0, ge=0)
    """Chunks that are sent before it happens; an error then comes as an event of the stream."""
    cut: bool = False
    """The connection is cut instead of an error being sent."""
    hang: float = Field(default=0.0, ge=0)
    """Seconds without a byte, before anything else."""
    times: int = Field(default=0, ge=0)
    """How often, for the same request, before it goes well; 0 is always."""


class Rule(_Value):
    """The first rule that fits answers."""

    when: When = When()
    reply: tuple[Chunk, ...] = ()
    finish: str = "STOP"
    """`finishReason` of the last chunk; empty for none."""
    fault: Fault | None = None


class Script(_Value):
    """A whole script."""

    models: tuple[str, ...] = ("scripted",)
    """Names under which the service lists itself."""
    key: str = ""
    """The only API key that is let in; empty lets every key in."""
    signatures: bool = True
    """Whether calls get a thought signature by themselves, and a history without it is refused."""
    pace: float = Field(default=0.0, ge=0)
    """Seconds between the words of a text, to look like a model at work; 0 sends each text as one chunk."""
    rules: tuple[Rule, ...]


def load(path: Path) -> Script:
    """Reads a script. Raises ConfigError that names every problem."""
    try:
        return parse(path.read_text(encoding="utf-8"), str(path))
    except OSError as exc:
        raise ConfigError(f"Cannot read the model script {path}: {exc.strerror}.") from exc


def parse(text: str, source: str = "the script") -> Script:
    """The script in a YAML text. Raises ConfigError that names every problem."""
    try:
        return Script.model_validate(yaml.safe_load(text))
    except yaml.YAMLError as exc:
        raise ConfigError(f"{source} is not valid YAML: {exc}.") from exc
    except (ValidationError, re.error) as exc:
        raise ConfigError(f"{source} is not a model script: {exc}.") from exc


def choose(script: Script, asked: wire.Asked) -> tuple[int, Rule, Mapping[str, str]] | None:
    """The first rule that fits, its position, and the groups its patterns caught."""
    for index, rule in enumerate(script.rules):
        groups = rule.when.groups(asked)
        if groups is not None:
            return index, rule, groups
    return None


def parts_of(chunk: Chunk, groups: Mapping[str, str], signature: str) -> list[dict[str, Any]]:
    """The chunk's parts as they travel. `signature` is what a call without one of its own gets ('' for none)."""
    parts: list[dict[str, Any]] = []
    if chunk.text is not None:
        parts.append({"text": _fill(chunk.text, groups)})
    if chunk.call is not None:
        call = {"name": chunk.call.name, "args": _fill_all(chunk.call.args, groups)}
        parts.append({"functionCall": {**call, "id": chunk.call.id} if chunk.call.id else call})
    own = chunk.signature or (signature if chunk.call is not None else "")
    if own:
        parts = parts or [{"text": ""}]
        parts[-1]["thoughtSignature"] = base64.b64encode(own.encode()).decode()
    return parts


def _fill(text: str, groups: Mapping[str, str]) -> str:
    """Only `${group}` of a captured group is replaced; every other dollar sign is the shell's."""
    return re.sub(r"\$\{(\w+)\}", lambda match: groups.get(match[1], match[0]), text)


def _fill_all(value: Any, groups: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return _fill(value, groups)
    if isinstance(value, dict):
        return {key: _fill_all(item, groups) for key, item in value.items()}
    return value
