"""What a rehearsed write came to, before it is recorded, and why nobody can say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bot.errors import UpstreamUnavailableError
from bot.values.requests import ApiResponse, Json


class UpstreamFailedError(UpstreamUnavailableError):
    """The API server could not say what had to be known first; `answer` is its 429 or 5xx."""

    def __init__(self, answer: ApiResponse) -> None:
        super().__init__(f"The Kubernetes API has no answer now: {answer.message}.")
        self.answer = answer


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why the API server cannot be asked what a write would come to, in one sentence."""

    note: str
    needs: tuple[int, ...] = ()
    """Places of the recorded writes without which the API server refuses this one."""


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """The write would go through (or nobody can say, see `has_preview`). `reply` is what the client gets."""

    status: int
    reply: Json
    before: Json
    after: Json
    live: Json = None
    """What the cluster has now; the overlay begins with it."""
    has_preview: bool = True
    note: str = ""
    needs: tuple[int, ...] = ()
    """See `Obstacle.needs`."""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rejected:
    """The write would be refused, as the API server says (or would say): given to the client as it is, recorded as rejected, and
    never proposed."""

    response: ApiResponse


Outcome = Rehearsed | Rejected
