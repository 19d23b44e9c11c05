"""OpenAPI v3 of one API group version: how lists and maps of a type merge, and which operations take a dry run. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from bot.values.requests import Json, RequestInfo

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
    return f"/openapi/v3/{index_key(group, version)}"


def index_key(group: str, version: str) -> str:
    """How the index at `/openapi/v3` names the group version."""
    return f"apis/{group}/{version}" if group else f"api/{version}"


def takes_dry_run(document: Json, method: str, info: RequestInfo) -> bool | None:
    """Whether the operation has a `dryRun` parameter; None if the document does not know the operation."""
    paths = (document or _EMPTY).get("paths") or _EMPTY
    found = _has_dry_run(paths.get(_template(info, info.name)), method)
    if found is False and info.verb == "deletecollection":
        # Definitions of custom resources leave it out there alone, and their one handler for both takes it.
        return _has_dry_run(paths.get(_template(info, "x")), method)
    return found


def _has_dry_run(path: Json, method: str) -> bool | None:
    operation = path.get(method.lower()) if isinstance(path, dict) else None
    if not isinstance(operation, dict):
        return None
    parameters = (*(path.get("parameters") or ()), *(operation.get("parameters") or ()))
    return any(one.get("name") == "dryRun" for one in parameters)


def _template(info: RequestInfo, name: str) -> str:
    """`/apis/apps/v1/namespaces/{namespace}/deployments/{name}/scale`"""
    parts = ["", *index_key(info.group, info.version).split("/")]
    if info.namespace and info.resource != "namespaces":
        parts += ["namespaces", "{namespace}"]
    parts += [info.resource, *(["{name}"] if name else ()), *([info.subresource] if info.subresource else ())]
    return "/".join(parts)
