"""Which API groups another server stands behind (APIService with a `spec.service`): those cannot be trusted with a dry run."""

from __future__ import annotations

import time
from typing import Protocol

from bot.values.groups import BUILT_IN
from bot.values.requests import ApiRequest, ApiResponse, Identity, RequestInfo

_FRESH_SECONDS = 60.0


class Ask(Protocol):
    async def __call__(self, request: ApiRequest, identity: Identity | None) -> ApiResponse: ...


class Aggregation:
    """Looks up APIServices as the reader (else as whom the request is for), and remembers the answer for a minute."""

    def __init__(self, ask: Ask, reader: Identity | None) -> None:
        self._ask = ask
        self._reader = reader
        self._known: dict[tuple[str, str], tuple[float, bool]] = {}

    async def is_remote(self, info: RequestInfo, identity: Identity | None, *, is_about_to_send: bool = False) -> bool:
        """Whether the group version is served by another server. Where it may not be looked up, every group that is not built in is.
        Just before something is sent, a remembered "no" does not count: the group may have been handed over since. A built-in group is
        looked up too, for it can have versions of another server beside kube-apiserver's own, which are never handed over."""
        group, version = info.group, info.version
        is_built_in = group in BUILT_IN
        if not group:
            return False  # kube-apiserver takes no APIService with an empty group and a service
        known_at, was_remote = self._known.get((group, version), (0.0, False))
        is_fresh = bool(known_at) and time.monotonic() - known_at < _FRESH_SECONDS
        if is_fresh and (was_remote or is_built_in or not is_about_to_send):
            return was_remote
        request = ApiRequest("GET", f"/apis/apiregistration.k8s.io/v1/apiservices/{version}.{group}")
        response = await self._ask(request, self._reader)
        if response.status == 403 and identity != self._reader:
            response = await self._ask(request, identity)
        if response.status == 404:
            return False  # nobody serves it: the write itself will be answered 404; not remembered, for it may be registered any time
        service: object = not is_built_in
        if response.is_success and isinstance(response.object, dict):
            service = response.object.get("spec", {}).get("service")
        remote = bool(service)
        self._known[group, version] = (time.monotonic(), remote)
        return remote
