"""What the API server fills into new pods, and takes from objects that the same rehearsal wrote before: the dry run that previews the
pod does not know of that. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from bot.gateway.rehearsal.overlay import Entry
from bot.values.requests import Json, RequestInfo

_FROM_ACCOUNT = ("imagePullSecrets", "automountServiceAccountToken")


def find_source(info: RequestInfo, item: Json, entries: Sequence[Entry]) -> Entry | None:
    """The written object from which values of the new `item` are taken that its dry run took from elsewhere; None if there is none:
    limits of a namespace's containers (LimitRange), pull secrets and token of the pod's ServiceAccount."""
    if (info.group, info.resource) != ("", "pods") or not isinstance(item, dict):
        return None
    account = (item.get("spec") or {}).get("serviceAccountName") or "default"
    for entry in entries:
        key = entry.key
        if key.group or key.namespace != info.namespace:
            continue
        if key.resource == "limitranges" and _part(entry.live, "spec") != _part(entry.current, "spec"):
            return entry
        is_its_own = key.resource == "serviceaccounts" and key.name == account
        if is_its_own and any(_part(entry.live, name) != _part(entry.current, name) for name in _FROM_ACCOUNT):
            return entry
    return None


def _part(item: Json, name: str) -> Json:
    return item.get(name) if isinstance(item, dict) else None
