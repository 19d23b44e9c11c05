"""What the cluster holds around the objects that a change touches: the questions that are asked of it, and what was answered. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

from bot.changes import trees
from bot.values.requests import ApiRequest, Json

_METADATA = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"
_PAGE = 500
"""Objects of one list that are looked at; of more there are "at least" so many."""


@dataclass(frozen=True, slots=True)
class Question:
    """One GET. `about` names what is asked for, in words that end a sentence: `PodDisruptionBudgets of shop`."""

    path: str
    about: str
    query: tuple[tuple[str, str], ...] = ()
    is_metadata: bool = False
    """Whether the objects' metadata are enough."""

    @property
    def request(self) -> ApiRequest:
        return ApiRequest("GET", self.path, self.query, accept=_METADATA if self.is_metadata else "application/json")


@dataclass(frozen=True, slots=True)
class Unseen:
    """A question without an answer, and why, in words that end a sentence."""

    why: str


@dataclass(slots=True)
class Surroundings:
    """Answers by question. What is asked for and not known yet is kept in `wanted`: whoever looks at the cluster asks for it next."""

    answers: Mapping[Question, Json | Unseen] = field(default_factory=dict)
    wanted: dict[Question, None] = field(default_factory=dict)

    def ask(self, question: Question) -> dict[str, Any] | None:
        """The object or list; {} if the cluster has none; None if it is not known."""
        if question not in self.answers:
            self.wanted[question] = None
            return None
        answer = self.answers[question]
        return None if isinstance(answer, Unseen) else answer if isinstance(answer, dict) else {}

    def list(self, question: Question) -> list[dict[str, Any]] | None:
        """The items of a list; None if it is not known."""
        answer = self.ask(question)
        return None if answer is None else trees.entries(answer, "items")

    def count(self, question: Question) -> int | None:
        """How many objects a list has, also where only its first page was asked for."""
        answer = self.ask(question)
        if answer is None:
            return None
        return len(trees.entries(answer, "items")) + trees.number(answer, "metadata", "remainingItemCount")


def objects(group_version: str, resource: str, about: str, namespace: str = "", **query: str) -> Question:
    """The objects of a resource in a namespace (everywhere: '')."""
    root = f"/apis/{group_version}" if "/" in group_version else f"/api/{group_version}"
    path = f"{root}/namespaces/{quote(namespace, safe='')}/{resource}" if namespace else f"{root}/{resource}"
    shown = f"{about} of {namespace}" if namespace else about
    return Question(path, shown, tuple(sorted({"limit": str(_PAGE), **query}.items())))


def metadata_of(question: Question) -> Question:
    """The same list, asked for the objects' metadata alone."""
    return replace(question, is_metadata=True)


def number_of(question: Question) -> Question:
    """The same list, asked for its size alone: one object, and how many remain."""
    return replace(question, query=(("limit", "1"),), is_metadata=True)


def one(group_version: str, resource: str, name: str, about: str, namespace: str = "") -> Question:
    """One object by its name."""
    listed = objects(group_version, resource, about, namespace)
    return Question(f"{listed.path}/{quote(name, safe='')}", f"{about} {namespace}/{name}" if namespace else f"{about} {name}")


def pods(namespace: str = "", **query: str) -> Question:
    """The pods of a namespace, or (with a fieldSelector) of a node."""
    return objects("v1", "pods", "pods", namespace, **query)
