"""What the bot counts for Prometheus: every name is here, and each is counted where it happens.

Counters belong to the process and begin at 0 with it; gauges are read from the database when somebody looks (`show`), so that a restart
changes nothing about them and every replica tells the same. No label holds what people write: names of Slack methods, models and states
are few. `docs/operations.md` says what to watch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from prometheus_client import Counter, Gauge, Histogram

_PREFIX = "kubectl_ai_slack"
_LONG = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
"""Bounds in seconds for what people wait for."""

DELIVERIES = Counter(
    "deliveries", "What Slack delivered: stored, stored before (repeated), or refused.", ["kind", "outcome"], namespace=_PREFIX
)
STORING = Histogram(
    "storing_seconds",
    "From a delivery's arrival to its commit, which is all that stands before its acknowledgement (Slack waits 3 s).",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3),
    namespace=_PREFIX,
)
SLACK_CALLS = Counter(
    "slack_calls",
    "Calls of Slack's Web API: answer, refused, limited (429), or lost (nobody knows).",
    ["method", "outcome"],
    namespace=_PREFIX,
)
GATEWAY_REQUESTS = Counter(
    "gateway_requests",
    "Requests of rehearsals, by what was decided: read, review, write, connect, refused …",
    ["decision"],
    namespace=_PREFIX,
)
REHEARSALS = Counter(
    "rehearsals", "Commands that were rehearsed: read (nothing to ask), change (it is asked for), refused.", ["outcome"], namespace=_PREFIX
)
REHEARSING = Histogram("rehearsing_seconds", "How long a rehearsed command ran.", buckets=_LONG, namespace=_PREFIX)
MODEL_REPLIES = Counter("model_replies", "Requests to models: answered, unavailable, or failed.", ["model", "outcome"], namespace=_PREFIX)
MODEL_TOKENS = Counter("model_tokens", "Tokens that models counted, of input and output.", ["model", "direction"], namespace=_PREFIX)
REPLYING = Histogram("replying_seconds", "How long a model took for a whole reply.", ["model"], buckets=_LONG, namespace=_PREFIX)

_WAITING = Gauge("deliveries_waiting", "Deliveries that are stored and not handled yet.", namespace=_PREFIX)
_GIVEN_UP = Gauge("deliveries_given_up", "Deliveries that could not be handled in many tries; their people were told.", namespace=_PREFIX)
_CHANGES = Gauge("changes", "Changes by state.", ["state"], namespace=_PREFIX)


@dataclass(frozen=True, slots=True)
class Backlog:
    """What is in the database at a moment."""

    waiting: int
    given_up: int
    changes: Mapping[str, int]
    """How many there are in each state; states without any may be missing."""


def show(backlog: Backlog) -> None:
    """Sets the gauges."""
    _WAITING.set(backlog.waiting)
    _GIVEN_UP.set(backlog.given_up)
    _CHANGES.clear()
    for state, number in backlog.changes.items():
        _CHANGES.labels(state).set(number)


def forget() -> None:
    """Takes the gauges back: nobody knows what is in a database that does not answer, and an old number would look like a new one."""
    _WAITING.set(float("nan"))
    _GIVEN_UP.set(float("nan"))
    _CHANGES.clear()
