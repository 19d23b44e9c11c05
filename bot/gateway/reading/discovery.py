"""Discovery documents that also show the kinds a rehearsal defined: without them kubectl says `no matches for kind`. Pure."""

from __future__ import annotations

from bot.gateway.protocol.openapi import document_path
from bot.gateway.protocol.versions import preference
from bot.gateway.reading import describing
from bot.gateway.rehearsal.overlay import Definition
from bot.values.requests import Json

_VERBS = ["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"]
_VERBS_OF_A_PART = ["get", "patch", "update"]
_SCALE = {"group": "autoscaling", "version": "v1", "kind": "Scale"}


def document(path: str, definitions: list[Definition], meta: Json = None) -> Json | None:
    """The whole document at this path if the cluster has none: the group, the group version, its OpenAPI; None if it is about neither.
    `meta`: see `describing.describe`."""
    for number, definition in enumerate(definitions):
        made = _document_of(path, definition, meta)
        if made is not None:
            return extend(path, made, definitions[number + 1 :], meta)
    return None


def _document_of(path: str, definition: Definition, meta: Json) -> Json | None:
    if path == f"/apis/{definition.group}":
        return _group(definition)
    for version in definition.versions:
        if path == f"/apis/{definition.group}/{version}":
            return _resource_list(version, [definition])
        if path == _openapi_path(definition, version):
            return describing.describe(definition, version, meta)
    return None


def extend(path: str, found: Json, definitions: list[Definition], meta: Json = None) -> Json:
    """The cluster's document with the rehearsed kinds added."""
    for definition in definitions:
        found = _extend_one(path, found, definition, meta)
    return found


def _extend_one(path: str, found: Json, definition: Definition, meta: Json) -> Json:
    kind = found.get("kind")
    if kind == "APIGroupDiscoveryList":
        return {**found, "items": _merge_groups(found.get("items") or [], definition)}
    if kind == "APIGroupList":
        groups = found.get("groups") or []
        if any(group.get("name") == definition.group for group in groups):
            return {**found, "groups": [_extend_group(g, definition) if g.get("name") == definition.group else g for g in groups]}
        return {**found, "groups": [*groups, _group(definition)]}
    if kind == "APIGroup":
        return _extend_group(found, definition) if found.get("name") == definition.group else found
    if kind == "APIResourceList":
        group, _, version = path.removeprefix("/apis/").partition("/")
        if group == definition.group and version in definition.versions:
            return {**found, "resources": [*(found.get("resources") or []), *_resource_list(version, [definition])["resources"]]}
        return found
    if path == "/openapi/v3" and isinstance(found.get("paths"), dict):
        # Without a hash in the address: by it clients keep a document for ever, and this one is true for one rehearsal only.
        new = {_openapi_path(definition, v).removeprefix("/openapi/v3/"): _openapi_path(definition, v) for v in definition.versions}
        return {**found, "paths": {**found["paths"], **{name: {"serverRelativeURL": url} for name, url in new.items()}}}
    for version in definition.versions:
        if path == _openapi_path(definition, version):
            return describing.merge(found, describing.describe(definition, version, meta))
    return found


def _openapi_path(definition: Definition, version: str) -> str:
    return document_path(definition.group, version)


def _extend_group(group: Json, definition: Definition) -> Json:
    known = {version.get("version") for version in group.get("versions") or ()}
    new = [version for version in _group(definition)["versions"] if version["version"] not in known]
    versions = sorted([*(group.get("versions") or []), *new], key=lambda version: preference(version["version"]))
    return {**group, "versions": versions, "preferredVersion": versions[0]} if new else group


def _merge_groups(groups: list[Json], definition: Definition) -> list[Json]:
    made = _discovery_group(definition)
    result, is_placed = [], False
    for group in groups:
        if (group.get("metadata") or {}).get("name") != definition.group:
            result.append(group)
            continue
        is_placed = True
        versions = {version["version"]: version for version in group.get("versions") or ()}
        for version in made["versions"]:
            known = versions.get(version["version"])
            resources = [*((known or {}).get("resources") or []), *version["resources"]]
            versions[version["version"]] = {**(known or version), "resources": resources}
        result.append({**group, "versions": sorted(versions.values(), key=lambda version: preference(version["version"]))})
    return result if is_placed else [*result, made]


def _discovery_group(definition: Definition) -> Json:
    spec = definition.crd["spec"]
    names = spec["names"]
    versions = []
    for version in definition.versions:
        kind = {"group": definition.group, "version": version, "kind": names["kind"]}
        resource = {
            "resource": definition.resource,
            "responseKind": kind,
            "scope": spec.get("scope", "Namespaced"),
            "singularResource": names.get("singular") or names["kind"].lower(),
            "verbs": _VERBS,
        }
        for key in ("shortNames", "categories"):
            if names.get(key):
                resource[key] = names[key]
        parts = _subresources(definition, version)
        if parts:
            resource["subresources"] = [{"subresource": name, "responseKind": of, "verbs": _VERBS_OF_A_PART} for name, of in parts]
        versions.append({"version": version, "resources": [resource], "freshness": "Current"})
    return {"metadata": {"name": definition.group}, "versions": versions}


def _subresources(definition: Definition, version: str) -> list[tuple[str, Json]]:
    """Their names, each with the kind that it speaks."""
    chosen = _version(definition, version).get("subresources") or {}
    own = {"group": definition.group, "version": version, "kind": definition.crd["spec"]["names"]["kind"]}
    return [(name, kind) for name, kind in (("status", own), ("scale", _SCALE)) if chosen.get(name) is not None]


def _version(definition: Definition, version: str) -> Json:
    return next((one for one in definition.crd["spec"].get("versions") or () if one.get("name") == version), {})


def _group(definition: Definition) -> Json:
    versions = [{"groupVersion": f"{definition.group}/{v}", "version": v} for v in definition.versions]
    preferred = versions[0] if versions else {}
    return {"kind": "APIGroup", "apiVersion": "v1", "name": definition.group, "versions": versions, "preferredVersion": preferred}


def _resource_list(version: str, definitions: list[Definition]) -> Json:
    resources = []
    for definition in definitions:
        spec = definition.crd["spec"]
        names = spec["names"]
        resource = {
            "name": definition.resource,
            "singularName": names.get("singular") or names["kind"].lower(),
            "namespaced": spec.get("scope") != "Cluster",
            "kind": names["kind"],
            "verbs": _VERBS,
        }
        for key in ("shortNames", "categories"):
            if names.get(key):
                resource[key] = names[key]
        resources.append(resource)
        for name, of in _subresources(definition, version):
            part = {"name": f"{definition.resource}/{name}", "singularName": "", "namespaced": resource["namespaced"]}
            resources.append({**part, **of, "verbs": _VERBS_OF_A_PART})
    group_version = f"{definitions[0].group}/{version}"
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": resources}
