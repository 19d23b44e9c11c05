"""Media types: what a body is, and how an answer that we must read is negotiated to JSON. Pure."""

from __future__ import annotations

JSON = "application/json"
YAML = "application/yaml"
PROTOBUF = "application/vnd.kubernetes.protobuf"
CBOR = "application/cbor"
JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"

ONLY_JSON = "The gateway answers this in JSON only, because it has to look into it: accept application/json as well."

PATCHES = frozenset({JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH, APPLY_PATCH})
OBJECTS = frozenset({JSON, YAML, PROTOBUF})


def essence(content_type: str) -> str:
    """`application/json; charset=utf-8` → `application/json`. An empty content type is JSON to the API server, and so it is here."""
    return content_type.split(";", 1)[0].strip().lower() or JSON


def accept_json(accept: str) -> str:
    """The same wishes, in JSON: `as=Table` and `as=PartialObjectMetadata` stay, protobuf, CBOR and YAML become JSON.
    That way nothing leaves in a form the gateway did not look into."""
    wishes: list[str] = []
    for item in accept.split(","):
        kind, *parameters = (piece.strip() for piece in item.split(";"))
        if not kind:
            continue
        kept = [p for p in parameters if p.partition("=")[0].strip().lower() in ("as", "v", "g", "profile")]
        wish = ";".join([JSON, *kept])
        if wish not in wishes:
            wishes.append(wish)
    if JSON not in wishes:
        wishes.append(JSON)
    return ",".join(wishes)


def takes_json(accept: str) -> bool:
    """Whether a client takes JSON. Those of the Kubernetes libraries do, whatever they like best."""
    ranges = {essence(item) for item in accept.split(",") if item.strip()}
    return not ranges or bool(ranges & {JSON, "application/*", "*/*"})


def wanted_form(accept: str) -> str:
    """The first form of the object that is asked for: `Table`, `PartialObjectMetadata`, … or '' for the object itself."""
    for item in accept.split(","):
        kind, *parameters = (piece.strip() for piece in item.split(";"))
        if kind and kind.lower() not in (JSON, "*/*", "application/*", PROTOBUF, YAML, CBOR):
            continue
        for parameter in parameters:
            name, _, value = parameter.partition("=")
            if name.strip().lower() == "as":
                return value.strip()
        if kind:
            return ""
    return ""
