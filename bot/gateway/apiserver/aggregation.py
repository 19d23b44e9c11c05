"""Which API groups another server stands behind (APIService with a `spec.service`): those cannot be trusted with a dry run."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Protocol

from bot.changes import trees
from bot.values.groups import BUILT_IN
from bot.values.requests import ApiRequest, ApiResponse, Identity, RequestInfo

_FRESH_SECONDS = 60.0
_AUTOMANAGED = "kube-aggregator.kubernetes.io/automanaged"
"""Label of the APIServices that kube-apiserver registers for what it serves itself, and puts back when somebody changes them."""


class Ask(Protocol):
    async def __call__(self, request: ApiRequest, identity: Identity | None) -> ApiResponse: ...


@dataclass(frozen=True, slots=True)
class _Known:
    at: float
    is_remote: bool
    is_lasting: bool
    """Whether the group version is never handed over, so that it may be believed for a while that it is not."""


class Aggregation:
    """Looks up APIServices as the reader (else as whom the request is for), and remembers the answer for a minute."""

    def __init__(self, ask: Ask, reader: Identity | None) -> None:
        self._ask = ask
        self._reader = reader
        self._known: dict[tuple[str, str], _Known] = {}

    async def is_remote(self, info: RequestInfo, identity: Identity | None, *, is_about_to_send: bool = False) -> bool:
        """Whether the group version is served by another server. Where it may not be looked up, every group that is not built in is.
        Just before something is sent, a remembered "no" does not count: the group may have been handed over since. It does for the
        versions of a built-in group that are kube-apiserver's own; a version of another server may be registered beside them."""
        group, version = info.group, info.version
        is_built_in = group in BUILT_IN
        if not group:
            return False  # kube-apiserver takes no APIService with an empty group and a service
        known = self._known.get((group, version))
        is_fresh = known is not None and time.monotonic() - known.at < _FRESH_SECONDS
        if known is not None and is_fresh and (known.is_remote or known.is_lasting or not is_about_to_send):
            return known.is_remote
        request = ApiRequest("GET", f"/apis/apiregistration.k8s.io/v1/apiservices/{version}.{group}")
        response = await self._ask(request, self._reader)
        if response.status == 403 and identity != self._reader:
            response = await self._ask(request, identity)
        if response.status == 404:
            return False  # nobody serves it: the write itself will be answered 404; not remembered, for it may be registered any time
        service: object = not is_built_in
        is_own = is_built_in
        if response.is_success and isinstance(response.object, dict):
            service = response.object.get("spec", {}).get("service")
            is_own = is_built_in and _AUTOMANAGED in trees.part(response.object, "metadata", "labels")
        self._known[group, version] = _Known(time.monotonic(), bool(service), is_own)
        return bool(service)
