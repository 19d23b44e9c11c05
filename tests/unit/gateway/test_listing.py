"""A list with the rehearsal's writes shown in it while it arrives: each object once, as the rehearsal left it, where it belongs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from bot.gateway.hiding.redaction import Redactor
from bot.gateway.reading.listing import Merge
from bot.gateway.reading.splitting import ListReader
from bot.gateway.rehearsal.overlay import Entry, Key
from bot.values.requests import RequestInfo

REDACTOR = Redactor(b"salt of this test")
PODS = RequestInfo("list", True, "/api/v1/pods", "", "v1", "pods")
SECRETS = RequestInfo("list", True, "/api/v1/secrets", "", "v1", "secrets")
NAMES = st.lists(st.sampled_from("abcdefgh"), unique=True, max_size=8).map(sorted)
NAMESPACES = ("gone", "n", "n-2")


@dataclass(frozen=True)
class Written:
    name: str
    namespace: str
    is_deleted: bool
    labels: dict[str, str]

    def entry(self, live: Any) -> Entry:
        key = Key("", "pods", self.namespace, self.name)
        return Entry(key, "v1", "Pod", live, None if self.is_deleted else {"kind": "Pod", "apiVersion": "v1", **self.shown}, (0,))

    @property
    def shown(self) -> dict[str, Any]:
        return {"metadata": {"name": self.name, "namespace": self.namespace, "labels": self.labels}, "spec": "written"}


LIVE = st.lists(st.tuples(st.sampled_from(NAMESPACES), st.sampled_from("bdfh"), st.booleans()), unique_by=lambda one: one[:2], max_size=9)
WRITTEN = st.lists(
    st.builds(Written, st.sampled_from("abcdefgh"), st.sampled_from(NAMESPACES[1:]), st.booleans(), st.sampled_from([{}, {"x": "y"}])),
    unique_by=lambda one: (one.namespace, one.name),
    max_size=5,
)


def place(item: Any) -> str:
    return f"{item['metadata']['namespace']}/{item['metadata']['name']}"


def read(body: bytes, merge: Merge, info: RequestInfo = PODS, *, cut: int = 1000) -> Any:
    reading = ListReader(REDACTOR, info, merge, batch=cut)
    pieces = [reading.feed(body[start : start + cut]) for start in range(0, len(body), cut)]
    return orjson.loads(b"".join([*pieces, reading.finish()]))


def merge_of(query: dict[str, str], entries: list[Entry], info: RequestInfo = PODS, printed: dict[Key, Any] | None = None) -> Merge:
    return Merge(info, query, entries, printed=printed or {}, hidden=frozenset({"gone"}), redactor=REDACTOR)


@given(LIVE, WRITTEN, st.sampled_from(["", "x=y"]), st.booleans(), st.sampled_from([1, 9, 150, 65536]))
def test_a_whole_list_shows_every_object_once_in_the_servers_order(
    live: list[tuple[str, str, bool]], written: list[Written], selector: str, is_custom: bool, cut: int
) -> None:
    known: dict[str, Any] = {
        f"{space}/{name}": {"metadata": {"name": name, "namespace": space, "labels": {"x": "y"} if labelled else {}}, "spec": "live"}
        for space, name, labelled in live
    }
    answered = [item for _, item in sorted(known.items()) if not selector or item["metadata"]["labels"]]
    entries = [one.entry(known.get(f"{one.namespace}/{one.name}")) for one in written]
    head, tail = {"apiVersion": "v1"}, {"kind": "PodList", "metadata": {"resourceVersion": "7"}}
    kind = {"kind": "Pod", "apiVersion": "v1"} if is_custom else {}
    items = {"items": [{**kind, **item} for item in answered]}
    body = orjson.dumps({**head, **items, **tail} if is_custom else {**head, **tail, **items})

    shown = read(body, merge_of({"labelSelector": selector}, entries), cut=cut)

    expected = {place(item): item for item in answered if not place(item).startswith("gone/")}
    for one in written:
        expected.pop(f"{one.namespace}/{one.name}", None)
        if not one.is_deleted and (not selector or one.labels):
            expected[f"{one.namespace}/{one.name}"] = one.shown
    assert [place(item) for item in shown["items"]] == sorted(expected)
    for item in shown["items"]:
        assert {key: value for key, value in item.items() if key not in ("kind", "apiVersion")} == expected[place(item)]
    if answered:
        assert all(("kind" in item) is is_custom for item in shown["items"])


@given(st.integers(1, 4), WRITTEN, st.booleans(), st.sampled_from([1, 60, 65536]))
def test_the_pages_of_a_list_show_every_object_once(limit: int, written: list[Written], is_custom: bool, cut: int) -> None:
    live = [{"metadata": {"name": name, "namespace": "n", "labels": {}}, "spec": "live"} for name in "bdfh"]
    known = {place(item): item for item in live}
    entries = [one.entry(known.get(f"{one.namespace}/{one.name}")) for one in written]
    shown = []
    for start in range(0, len(live), limit):
        metadata = {"metadata": {"continue": "more"} if start + limit < len(live) else {}}
        query = {"limit": str(limit), **({"continue": "more"} if start else {})}
        items = {"items": live[start : start + limit]}
        body = orjson.dumps({**items, "kind": "PodList", **metadata} if is_custom else {"kind": "PodList", **metadata, **items})
        shown += read(body, merge_of(query, entries), cut=cut)["items"]

    expected = set(known) | {f"{one.namespace}/{one.name}" for one in written}
    expected -= {f"{one.namespace}/{one.name}" for one in written if one.is_deleted}
    assert sorted(place(item) for item in shown) == sorted(expected)


def test_a_list_of_nothing_may_be_null() -> None:
    entry = Written("a", "n", False, {}).entry(None)

    shown = read(b'{"kind":"PartialObjectMetadataList","metadata":{},"items":null}', merge_of({}, [entry]), cut=3)

    [item] = shown["items"]
    assert (item["kind"], item["metadata"]["name"]) == ("PartialObjectMetadata", "a")
    assert "spec" not in item


def test_rows_have_the_columns_of_the_table_they_come_into() -> None:
    entry = Written("c", "n", False, {}).entry(None)
    printed = {
        "columnDefinitions": [{"name": "Age"}, {"name": "Name"}],
        "rows": [{"cells": ["0s", "c"], "object": {"metadata": {"name": "c", "namespace": "n"}}}],
    }
    table = {
        "kind": "Table",
        "metadata": {},
        "columnDefinitions": [{"name": "Name"}, {"name": "Ready"}],
        "rows": [{"cells": [name, "1/1"], "object": {"metadata": {"name": name, "namespace": "n"}}} for name in "bd"],
    }

    shown = read(orjson.dumps(table), merge_of({}, [entry], printed={entry.key: printed}), cut=20)

    assert [row["cells"] for row in shown["rows"]] == [["b", "1/1"], ["c", "<unknown>"], ["d", "1/1"]]


def test_a_written_secret_is_shown_by_its_markers() -> None:
    secret = {"kind": "Secret", "metadata": {"name": "s", "namespace": "n"}, "data": {"a": "Y2FuYXJ5LTE="}}
    entry = Entry(Key("", "secrets", "n", "s"), "v1", "Secret", None, secret, (0,))

    shown = read(b'{"kind":"SecretList","metadata":{},"items":[]}', merge_of({}, [entry], SECRETS), SECRETS)

    [item] = shown["items"]
    assert list(item["data"]) == ["a"]
    assert "Y2FuYXJ5" not in str(item)
