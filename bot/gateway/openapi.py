"""OpenAPI v3 schemas of one API group version: how lists and maps of a type merge."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from bot.values.requests import Json

_EMPTY: dict[str, Json] = {}


@dataclass(frozen=True)
class Schema:
    """A node of a schema. Unknown fields are schemas without rules: maps merge, lists are replaced."""

    node: Json
    components: Json

    def field(self, name: str) -> Schema:
        """The schema of a property (or of the values of a map)."""
        properties = self._resolved.get("properties") or _EMPTY
        found = properties.get(name)
        if found is None:
            extra = self._resolved.get("additionalProperties")
            found = extra if isinstance(extra, dict) else _EMPTY
        return Schema(found, self.components)

    @property
    def item(self) -> Schema:
        """The schema of a list's items."""
        return Schema(self._resolved.get("items") or _EMPTY, self.components)

    @property
    def patch_key(self) -> str:
        return str(self._rule("x-kubernetes-patch-merge-key") or "")

    @property
    def merges_on_patch(self) -> bool:
        return "merge" in str(self._rule("x-kubernetes-patch-strategy") or "").split(",")

    @property
    def replaces_on_patch(self) -> bool:
        return "replace" in str(self._rule("x-kubernetes-patch-strategy") or "").split(",")

    @property
    def list_keys(self) -> tuple[str, ...]:
        if self._rule("x-kubernetes-list-type") != "map":
            return ()
        return tuple(self._rule("x-kubernetes-list-map-keys") or ())

    @property
    def is_set(self) -> bool:
        return bool(self._rule("x-kubernetes-list-type") == "set")

    @property
    def is_atomic(self) -> bool:
        return bool(self._rule("x-kubernetes-map-type") == "atomic")

    def _rule(self, name: str) -> Json:
        found = self.node.get(name)
        return self._resolved.get(name) if found is None else found

    @cached_property
    def _resolved(self) -> Json:
        node = self.node
        for _ in range(8):
            reference = node.get("$ref")
            if reference is None and len(node.get("allOf") or ()) == 1:
                reference = node["allOf"][0].get("$ref")
            if not isinstance(reference, str):
                break
            node = self.components.get(reference.rpartition("/")[2]) or _EMPTY
        return node


NO_SCHEMA = Schema(_EMPTY, _EMPTY)


def find_schema(document: Json, group: str, version: str, kind: str) -> Schema:
    """The schema of a kind in the document of `/openapi/v3/apis/GROUP/VERSION`; `NO_SCHEMA` if it has none."""
    components = ((document or _EMPTY).get("components") or _EMPTY).get("schemas") or _EMPTY
    wanted = {"group": group, "version": version, "kind": kind}
    for node in components.values():
        if wanted in (node.get("x-kubernetes-group-version-kind") or ()):
            return Schema(node, components)
    return NO_SCHEMA


def document_path(group: str, version: str) -> str:
    """Where the API server keeps the document of a group version."""
    return f"/openapi/v3/apis/{group}/{version}" if group else f"/openapi/v3/api/{version}"
