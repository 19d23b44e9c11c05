"""What the cluster's OpenAPI says of its types and operations: fetched when it is needed, and again only when it has changed."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from bot.gateway.apiserver.aggregation import Ask
from bot.gateway.apiserver.outcomes import UpstreamFailedError
from bot.gateway.protocol.openapi import NO_SCHEMA, Schema, document_path, find_schema, index_key, takes_dry_run
from bot.values.requests import ApiRequest, Identity, Json, RequestInfo

_FRESH_SECONDS = 60.0
"""How long it is not asked whether a document has changed."""


@dataclass(frozen=True, slots=True)
class _Document:
    hash: str
    content: Json
    """None where it could not be read."""


class Schemas:
    """OpenAPI v3 documents of one cluster, by group version. `/openapi/v3` tells by a hash in each address whether one has changed."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._documents: dict[tuple[str, str], _Document] = {}
        self._hashes: dict[str, str] = {}
        self._looked_at: float | None = None
        self._turn = asyncio.Lock()

    async def find(self, group: str, version: str, kind: str, identity: Identity | None) -> Schema:
        """The schema of a kind; `NO_SCHEMA` if the cluster has none: then lists are replaced as a whole. Raises UpstreamFailedError."""
        found = find_schema(await self._document(group, version, identity), group, version, kind)
        if found is not NO_SCHEMA:
            return found
        return find_schema(await self._document(group, version, identity, is_lacking=True), group, version, kind)

    async def lacks_dry_run(self, method: str, info: RequestInfo, identity: Identity | None) -> bool:
        """Whether the operation is there and has no `dryRun` parameter. Where nothing is said of it, or OpenAPI cannot be read, the answer
        is no: what the API server serves itself takes one, and this is asked of nothing else."""
        try:
            document = await self._document(info.group, info.version, identity)
            takes = takes_dry_run(document, method, info)
            if takes is None and document is not None:
                takes = takes_dry_run(await self._document(info.group, info.version, identity, is_lacking=True), method, info)
        except UpstreamFailedError:
            return False
        return takes is False

    async def _document(self, group: str, version: str, identity: Identity | None, *, is_lacking: bool = False) -> Json:
        """The document of a group version. `is_lacking`: it does not have what is looked for, so that it is asked at once whether there
        is another one by now."""
        async with self._turn:
            known = self._documents.get((group, version))
            now = time.monotonic()
            is_due = self._looked_at is None or now - self._looked_at >= _FRESH_SECONDS
            if is_due or is_lacking:
                self._hashes = await self._read_hashes(identity)
                self._looked_at = now
            current = self._hashes.get(index_key(group, version), "")
            if known is None or known.hash != current or (known.content is None and is_due):
                response = await self._ask(ApiRequest("GET", document_path(group, version)), identity)
                known = _Document(current, response.object if response.is_success and isinstance(response.object, dict) else None)
                self._documents[group, version] = known
            return known.content

    async def _read_hashes(self, identity: Identity | None) -> dict[str, str]:
        response = await self._ask(ApiRequest("GET", "/openapi/v3"), identity)
        paths = response.object.get("paths") if response.is_success and isinstance(response.object, dict) else None
        return {key: str(value.get("serverRelativeURL") or "") for key, value in (paths or {}).items() if isinstance(value, dict)}
