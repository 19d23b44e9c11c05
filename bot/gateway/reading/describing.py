"""OpenAPI v3 of the kinds that a rehearsal defined, as the API server would publish it: for `kubectl explain`, and for clients that
look up what an operation takes before they ask for it. Pure."""

from __future__ import annotations

from bot.gateway.rehearsal.overlay import Definition
from bot.values.requests import Json

META_PATH = "/openapi/v3/apis/apiextensions.k8s.io/v1"
"""A document of the API server itself that describes what all objects have in common."""
_META_PREFIX = "io.k8s.apimachinery.pkg.apis.meta.v1."
_META_OWNER = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition"
_METADATA = (
    "Standard object's metadata. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata"
)
_WRITE_PARAMETERS = ("dryRun", "fieldManager", "fieldValidation")


def describe(definition: Definition, version: str, meta: Json) -> Json:
    """The whole document of a group version with this one kind. `meta` is the document at META_PATH; None if it could not be read."""
    schemas = ((meta or {}).get("components") or {}).get("schemas") or {}
    shared = {name: node for name, node in schemas.items() if name.startswith(_META_PREFIX)}
    common = (schemas.get(_META_OWNER) or {}).get("properties") or {}
    spec = definition.crd["spec"]
    name = ".".join([*reversed(definition.group.split(".")), version, spec["names"]["kind"]])
    return {
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes CRD Swagger", "version": "v0.1.0"},
        "paths": _paths(definition, version),
        "components": {"schemas": {**shared, name: _schema(definition, version, common)}},
    }


def merge(found: Json, made: Json) -> Json:
    """The cluster's document of a group version with the paths and schemas of another one added; what it has itself stays."""
    components = found.get("components") or {}
    schemas = {**made["components"]["schemas"], **(components.get("schemas") or {})}
    return {**found, "paths": {**made["paths"], **(found.get("paths") or {})}, "components": {**components, "schemas": schemas}}


def _kind(definition: Definition, version: str) -> Json:
    return {"group": definition.group, "version": version, "kind": definition.crd["spec"]["names"]["kind"]}


def _chosen(definition: Definition, version: str) -> Json:
    """What the definition says of one of its versions."""
    return next((one for one in definition.crd["spec"].get("versions") or () if one.get("name") == version), {})


def _schema(definition: Definition, version: str, common: Json) -> Json:
    """The definition's own schema, and the fields that every object has: the API server puts those in place of what a definition says."""
    schema = (_chosen(definition, version).get("schema") or {}).get("openAPIV3Schema") or {"type": "object"}
    fields = {name: common.get(name) or {"type": "string"} for name in ("apiVersion", "kind")}
    metadata = {"description": _METADATA, "allOf": [{"$ref": f"#/components/schemas/{_META_PREFIX}ObjectMeta"}]}
    fields["metadata"] = metadata if common else {"description": _METADATA, "type": "object"}
    properties = {**(schema.get("properties") or {}), **fields}
    return {**schema, "properties": properties, "x-kubernetes-group-version-kind": [_kind(definition, version)]}


def _paths(definition: Definition, version: str) -> Json:
    is_namespaced = definition.crd["spec"].get("scope") != "Cluster"
    base = f"/apis/{definition.group}/{version}"
    collection = f"{base}/namespaces/{{namespace}}/{definition.resource}" if is_namespaced else f"{base}/{definition.resource}"
    kind = _kind(definition, version)
    single = {
        "get": _operation("get", kind),
        **{method: _operation(action, kind) for method, action in (("put", "put"), ("patch", "patch"), ("delete", "delete"))},
    }
    paths = {
        collection: {"get": _operation("list", kind), "post": _operation("post", kind), "delete": _operation("deletecollection", kind)},
        f"{collection}/{{name}}": single,
    }
    if is_namespaced:
        paths[f"{base}/{definition.resource}"] = {"get": _operation("list", kind)}
    if "status" in (_chosen(definition, version).get("subresources") or {}):
        paths[f"{collection}/{{name}}/status"] = {method: single[method] for method in ("get", "put", "patch")}
    return paths


def _operation(action: str, kind: Json) -> Json:
    is_write = action not in ("get", "list")
    names = _WRITE_PARAMETERS if action in ("post", "put", "patch") else ("dryRun",)
    parameters = [{"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": True}} for name in names if is_write]
    return {"parameters": parameters, "responses": {}, "x-kubernetes-action": action, "x-kubernetes-group-version-kind": kind}
