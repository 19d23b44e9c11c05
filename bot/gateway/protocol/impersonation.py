"""Whom a client asks to act as (`kubectl --as`): a user, with what goes with one, where that is allowed, else a reason to refuse. Pure.

Allowed is it only where the gateway's credential is the client's own: the API server then decides who may act as whom. In front of a
credential of the bot it would lend the bot's rights to everybody.
"""

from __future__ import annotations

from multidict import CIMultiDictProxy

from bot.values.requests import Identity

_PREFIX = "impersonate-"
_EXTRA = "impersonate-extra-"
_KNOWN = frozenset({"impersonate-user", "impersonate-group", "impersonate-uid"})


def wanted(headers: CIMultiDictProxy[str], *, is_allowed: bool) -> Identity | str | None:
    """The identity that the request names; one sentence that says why it is refused; or None if it names none."""
    names = {name.lower() for name in headers if name.lower().startswith(_PREFIX)}
    if not names:
        return None
    if not is_allowed:
        return "Nobody can be impersonated from here (--as, --as-group): requests go to the cluster as the one who asked."
    users, uids = headers.getall("Impersonate-User", []), headers.getall("Impersonate-Uid", [])
    is_known = all(name in _KNOWN or name.removeprefix(_EXTRA) not in (name, "") for name in names)
    if not is_known or len(users) != 1 or not users[0] or len(uids) > 1:
        return "Only one user can be impersonated from here: name one (--as), with one uid (--as-uid), groups and extra fields if you like."
    extra = tuple((name[len(_EXTRA) :], value) for name, value in headers.items() if name.lower().startswith(_EXTRA))
    return Identity(users[0], tuple(headers.getall("Impersonate-Group", [])), "".join(uids), extra)
