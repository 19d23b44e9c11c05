"""Schemas of the cluster's types, fetched when they are needed and kept for the process's life."""

from __future__ import annotations

from bot.gateway.aggregation import Ask
from bot.gateway.openapi import NO_SCHEMA, Schema, document_path, find_schema
from bot.values.requests import ApiRequest, Identity, Json


class Schemas:
    """OpenAPI v3 documents of one cluster, by group version."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._documents: dict[tuple[str, str], Json] = {}

    async def find(self, group: str, version: str, kind: str, identity: Identity | None) -> Schema:
        """The schema of a kind; `NO_SCHEMA` if the cluster has none: then lists are replaced as a whole."""
        if (group, version) not in self._documents:
            response = await self._ask(ApiRequest("GET", document_path(group, version)), identity)
            if not response.is_success or not isinstance(response.object, dict):
                return NO_SCHEMA
            self._documents[group, version] = response.object
        return find_schema(self._documents[group, version], group, version, kind)
