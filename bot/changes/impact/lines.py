"""The sentences on the card that say what a change means beyond its fields. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from bot.changes.change import ObjectDiff
from bot.changes.impact import effects, managers, pods, policies, privileges, quota, removals, rights, storage, traffic, workloads
from bot.changes.impact.effects import Effect, Scene
from bot.changes.impact.surroundings import Surroundings, Unseen
from bot.values.requests import RecordedWrite

Rule = Callable[[Effect, Scene], Iterator[str]]

_LINE_CHARS = 220
_WARNING = "⚠️ "


def lines(writes: Sequence[RecordedWrite], diffs: Sequence[ObjectDiff], around: Surroundings | None = None) -> tuple[str, ...]:
    """A line or more for each object, in the order of the writes, then what concerns several; each line once.

    Without `around` only what was recorded is told. Questions that are still open are left in `around.wanted`.
    """
    found = [effect for write, diff in zip(writes, diffs, strict=True) for effect in effects.of_write(write, diff)]
    scene = Scene(found, around if around is not None else Surroundings())
    told: dict[str, list[str]] = {}
    for effect in found:
        told.setdefault(effect.title, []).extend(part for rule in _RULES for part in rule(effect, scene))
    for title, parts in told.items():
        parts.extend(_who_reverts([effect for effect in found if effect.title == title]))
    packed = [line for title, parts in told.items() for line in _pack(title if len(told) > 1 else "", parts)]
    shared = list(pods.of_removals(scene))
    return tuple(dict.fromkeys([*packed, *shared, *_unseen(scene.around)]))


def _of_nothing(effect: Effect, scene: Scene) -> Iterator[str]:
    """Told if nothing of all that is done to the object changes it."""
    if all(_changes_nothing(one) for one in scene.effects if one.title == effect.title):
        yield "nothing changes: it is so already"


def _changes_nothing(effect: Effect) -> bool:
    return effect.diff.action in ("update", "scale") and effect.write.has_preview and not effect.diff.fields


_RULES: tuple[Rule, ...] = (
    workloads.of_scaling,
    workloads.of_template,
    workloads.of_pausing,
    workloads.of_creation,
    quota.of_more_pods,
    policies.of_autoscaler,
    policies.of_budget,
    traffic.of_selector,
    traffic.of_lost_endpoints,
    traffic.of_network_policy,
    storage.of_configuration,
    storage.of_volume,
    pods.of_relabelling,
    removals.of_container,
    removals.of_owner,
    removals.of_node,
    rights.of_binding,
    privileges.of_pods,
    _of_nothing,
)


def _who_reverts(of_one: Sequence[Effect]) -> Iterator[str]:
    """Who sets one object back, once for all that is done to it."""
    last = of_one[-1]
    is_replaced = of_one[0].is_removal and last.diff.action == "create"
    if last.kind == "Pod" and managers.is_built_in(managers.controller(of_one[0].before)):
        return  # its controller replaces it, and sets nothing of it back
    if not (is_replaced or last.diff.action in ("update", "scale", "delete")) or (last.kind == "Pod" and last.is_removal):
        return  # whose pods they are that go is told for all of them together
    is_certain = any(field.op != "add" for effect in of_one for field in effect.diff.fields)
    if words := managers.describe(of_one[0].before, is_gone=last.is_removal, is_certain=is_certain):
        yield words


def _pack(title: str, parts: Sequence[str]) -> Iterator[str]:
    """The parts, several to a line as long as it stays short."""
    head = f"{title}: " if title else ""
    line = ""
    for part in dict.fromkeys(parts):
        if line and len(line) + len(part) > _LINE_CHARS:
            yield _begin(head, line)
            line = ""
        line = f"{line} · {part}" if line else part
    if line:
        yield _begin(head, line)


def _begin(head: str, line: str) -> str:
    if head:
        return f"{head}{line}"
    mark, text = (_WARNING, line.removeprefix(_WARNING)) if line.startswith(_WARNING) else ("", line)
    return f"{mark}{text[:1].upper()}{text[1:]}"


def _unseen(around: Surroundings) -> Iterator[str]:
    """What could not be looked at, so that silence about it is not taken for an answer."""
    by_reason: dict[str, list[str]] = {}
    for question, answer in around.answers.items():
        if isinstance(answer, Unseen):
            by_reason.setdefault(answer.why, []).append(question.about)
    for why, about in by_reason.items():
        yield f"Could not look at {effects.enumerate_some(list(dict.fromkeys(about)), 4)}: {why}"
