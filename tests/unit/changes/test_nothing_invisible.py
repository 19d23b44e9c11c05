"""The diff shows everything: whoever has the object as it was and the diff can tell the object as it will be."""

from __future__ import annotations

import copy
import json
import re
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.changes import defaults, diff, fields, quantities
from bot.changes.change import FieldDiff
from bot.slack.rendering.differences import describe_creation
from tests.unit.changes.builders import JSON, write

TOKEN = re.compile(r'\["(?:[^"\\]|\\.)*"\]|\[[^\]]*\]|[^.\[\]]+')


def rebuild(before: Any, changes: tuple[FieldDiff, ...]) -> Any:
    """The object after the change, from nothing but the object before it and what is shown."""
    result = copy.deepcopy(before)
    shifts: dict[str, int] = {}
    orders = [change for change in changes if change.path.endswith("[*]")]
    for change in changes:
        if change not in orders:
            put(result, TOKEN.findall(change.path), change, shifts)
    for change in orders:
        reorder(result, TOKEN.findall(change.path)[:-1], change.new)
    return result


def put(item: Any, tokens: list[str], change: FieldDiff, shifts: dict[str, int]) -> None:
    if not tokens:
        raise AssertionError(f"no path: {change}")
    holder, (*above, last) = item, tokens
    for place, token in enumerate(above):
        holder = step(holder, token, tokens, place)
    if isinstance(holder, list):
        put_item(holder, tokens, change, shifts)
    elif change.op == "remove":
        del holder[key_of(last)]
    else:
        holder[key_of(last)] = change.new


def step(holder: Any, token: str, tokens: list[str], place: int) -> Any:
    following = tokens[place + 1]
    empty: Any = [] if following.startswith("[") and not following.startswith('["') else {}
    if isinstance(holder, dict):
        found = holder.get(key_of(token))
        if found is None:
            found = holder[key_of(token)] = empty
        return found
    found = find(holder, tokens, place)
    if found is None:
        found = name_item(tokens, place, holder)
        holder.append(found)
    return found


def put_item(holder: list[Any], tokens: list[str], change: FieldDiff, shifts: dict[str, int]) -> None:
    where, name = "".join(tokens[:-1]), tokens[-1][1:-1]
    if name in (names(holder, tokens, len(tokens) - 1) or ()):
        holder.remove(find(holder, tokens, len(tokens) - 1))
        if change.op != "remove":
            holder.append(change.new)
    elif change.op == "add":
        holder.insert(int(name), change.new)
    elif change.op == "remove":
        holder.pop(int(name) + shifts.get(where, 0))
        shifts[where] = shifts.get(where, 0) - 1
    else:
        holder[int(name)] = change.new


def keys_above(tokens: list[str], place: int) -> tuple[str, ...]:
    return tuple(key_of(token) for token in tokens[:place])


def names(holder: list[Any], tokens: list[str], place: int) -> list[str] | None:
    merge_key = fields.find_merge_key(keys_above(tokens, place), holder, [])
    return fields.names_by(holder, merge_key) if merge_key else None


def find(holder: list[Any], tokens: list[str], place: int) -> Any:
    name = tokens[place][1:-1]
    known = names(holder, tokens, place)
    if known is not None and name in known:
        return holder[known.index(name)]
    return holder[int(name)] if name.isdigit() and int(name) < len(holder) else None


KEYS = {"containers": "name", "env": "name", "ports": "containerPort", "volumeMounts": "mountPath", "widgets": "name"}


def name_item(tokens: list[str], place: int, _: list[Any]) -> dict[str, Any]:
    """A new item: its name is in the path, and nowhere else."""
    key, name = KEYS[tokens[place - 1]], tokens[place][1:-1]
    if key != "containerPort":
        return {key: name}
    number, _slash, protocol = name.partition("/")
    return {key: int(number), **({"protocol": protocol} if protocol else {})}


def reorder(item: Any, tokens: list[str], order: list[str]) -> None:
    holder = item
    for place, token in enumerate(tokens):
        holder = holder[key_of(token)] if isinstance(holder, dict) else find(holder, tokens, place)
    known = names(holder, [*tokens, "[*]"], len(tokens))
    assert known is not None
    holder.sort(key=lambda one: order.index(known_name(one, tokens)))


def known_name(one: dict[str, Any], tokens: list[str]) -> str:
    found = names([one], [*tokens, "[*]"], len(tokens))
    assert found is not None
    return found[0]


def key_of(token: str) -> str:
    return json.loads(token[1:-1]) if token.startswith('["') else token


WORDS = st.sampled_from(["a", "b", "nginx:1", "nginx:2", "", "true", "1"])
SCALARS = WORDS | st.integers(0, 3) | st.booleans()
LABELS = st.dictionaries(st.sampled_from(["app", "tier", "x.io/a", "y z", 'q"']), WORDS, max_size=3)
NAMES = st.sampled_from(["a", "b", "c", "d.e"])


def named(key: str, values: st.SearchStrategy[Any], **more: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    item = st.fixed_dictionaries({key: values}, optional=more)
    return st.lists(item, max_size=3, unique_by=lambda one: one[key])


PORTS = st.lists(
    st.fixed_dictionaries(
        {"containerPort": st.sampled_from([80, 53])}, optional={"protocol": st.just("UDP"), "hostPort": st.integers(1, 3)}
    ),
    max_size=3,
    unique_by=lambda one: (one["containerPort"], one.get("protocol")),
)
QUANTITIES = st.dictionaries(st.sampled_from(["cpu", "memory"]), st.sampled_from(["1", 1, "1000m", "500m", "1Gi"]), max_size=2)
CONTAINERS = named(
    "name",
    NAMES,
    image=WORDS,
    args=st.lists(WORDS, max_size=3),
    env=named("name", NAMES, value=WORDS),
    ports=PORTS,
    volumeMounts=named("mountPath", st.sampled_from(["/a", "/b c"]), readOnly=st.booleans()),
    resources=st.fixed_dictionaries({}, optional={"limits": QUANTITIES, "requests": QUANTITIES}),
)
TREES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["kind", "size", "data", "deep"]), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.fixed_dictionaries(
    {"kind": st.just("Thing"), "metadata": st.fixed_dictionaries({}, optional={"labels": LABELS, "annotations": LABELS})},
    optional={
        "spec": st.fixed_dictionaries(
            {}, optional={"replicas": st.integers(0, 3), "containers": CONTAINERS, "anything": TREES, "paused": st.booleans()}
        ),
        "data": st.dictionaries(st.sampled_from(["file.conf", "a"]), st.sampled_from(["x", "x\ny\n", "x\nz\n", "1"]), max_size=2),
    },
)


def plain(item: Any, keys: tuple[str, ...] = ()) -> Any:
    """What the diff promises to tell: quantities by their value, nothing about empty maps and lists that were not there."""
    if isinstance(item, dict):
        kept = {key: plain(value, (*keys, key)) for key, value in item.items()}
        return {key: value for key, value in kept.items() if value not in ({}, [])}
    if isinstance(item, list):
        key = fields.find_merge_key(keys, item, [])
        known = fields.names_by(item, key) if key else None
        return [plain(one, (*keys, name)) for one, name in zip(item, known or ["*"] * len(item), strict=True)]
    if quantities.holds_quantity(keys) and (value := quantities.parse(item)) is not None:
        return str(value)
    return item if not isinstance(item, bool) else f"bool {item}"


@settings(max_examples=400, deadline=None)
@given(OBJECTS, OBJECTS)
def test_the_object_after_can_be_told_from_the_object_before_and_the_diff(before: dict[str, Any], after: dict[str, Any]) -> None:
    changes = fields.between(before, after)

    assert plain(rebuild(before, changes)) == plain(after), changes


@settings(max_examples=100, deadline=None)
@given(OBJECTS)
def test_an_object_does_not_differ_from_itself(item: dict[str, Any]) -> None:
    assert fields.between(item, copy.deepcopy(item)) == ()


def leaves(item: Any) -> list[Any]:
    if isinstance(item, dict):
        return [leaf for value in item.values() for leaf in leaves(value)]
    return [leaf for value in item for leaf in leaves(value)] if isinstance(item, list) else [item]


@settings(max_examples=200, deadline=None)
@given(OBJECTS, OBJECTS)
def test_what_is_folded_is_still_in_the_diff(asked: dict[str, Any], filled: dict[str, Any]) -> None:
    shown = diff.of_write(write("create", "things", "t", asked, kind=JSON, after=filled))

    folded = {path: value for field in shown.fields if field.path == defaults.FOLDED for path, value in field.new.items()}
    told = {**{field.path: field.new for field in shown.fields if field.path != defaults.FOLDED}, **folded}
    assert told == {field.path: field.new for field in fields.between(None, filled)}


@settings(max_examples=200, deadline=None)
@given(OBJECTS)
def test_a_creation_draws_each_of_its_fields(item: dict[str, Any]) -> None:
    made = fields.between(None, item)

    lines = describe_creation(made, most=10_000)

    for field in made:
        last = TOKEN.findall(field.path)[-1]
        assert any(last.removeprefix('["').removesuffix('"]') in line for line in lines), (field, lines)
    assert len(lines) >= len(made)
