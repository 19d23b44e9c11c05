"""The uids of what a change makes take the place of those that its rehearsal made up."""

from __future__ import annotations

import orjson

from bot.changes import diff, uids
from bot.values.requests import ApiRequest, Json, RecordedWrite, RequestInfo

MADE_UP, REAL, OTHER = (f"{digit * 8}-1111-4111-8111-{digit * 12}" for digit in "123")


def _made(name: str, uid: str, *owners: str) -> RecordedWrite:
    references = [{"apiVersion": "v1", "kind": "ConfigMap", "name": "o", "uid": owner} for owner in owners]
    body: Json = {"kind": "ConfigMap", "metadata": {"name": name, "ownerReferences": references}}
    after = {**body, "metadata": {**body["metadata"], "uid": uid}}
    path = "/api/v1/namespaces/shop/configmaps"
    info = RequestInfo("create", True, path, "", "v1", "configmaps", "", "shop", name)
    return RecordedWrite(ApiRequest("POST", path, (), "application/json", orjson.dumps(body)), info, None, None, after)


def test_an_owner_that_is_made_by_the_same_change_is_found() -> None:
    writes = [_made("owner", MADE_UP), _made("owned", OTHER, MADE_UP), _made("free", REAL)]

    assert [list(uids.mentioned(writes, position)) for position in range(3)] == [[], [(0, MADE_UP)], []]


def test_what_was_there_before_has_its_real_uid_already() -> None:
    owner = _made("owner", MADE_UP)
    there = RecordedWrite(owner.request, owner.info, None, owner.after, owner.after)

    assert list(uids.mentioned([there, _made("owned", OTHER, MADE_UP)], 1)) == []


def test_the_write_and_its_difference_say_the_real_uid() -> None:
    write = _made("owned", OTHER, MADE_UP)

    settled, approved = uids.settle(write, diff.of_write(write), MADE_UP, REAL)

    assert (MADE_UP.encode() in settled.request.body, REAL.encode() in settled.request.body) == (False, True)
    assert approved == diff.of_write(settled)
    assert any(REAL in field.path for field in approved.fields)


def test_an_owner_that_cannot_be_read_leaves_all_as_it_was() -> None:
    write = _made("owned", OTHER, MADE_UP)

    assert uids.settle(write, diff.of_write(write), MADE_UP, "") == (write, diff.of_write(write))
