"""Request bodies: which kinds a write may have, and what can be read of them. Pure."""

from __future__ import annotations

import orjson
import yaml

from bot.gateway.protocol import media, protobuf
from bot.values.requests import Json


class _Loader(yaml.CSafeLoader):
    """YAML as the API server reads it into JSON: dates stay text."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


def refusal(method: str, content_type: str) -> str:
    """Why a write with this content type cannot be rehearsed, in one sentence; '' if it can."""
    kind = media.essence(content_type)
    if method == "PATCH":
        if kind in media.PATCHES:
            return ""
        return f"A patch of type {kind} cannot be rehearsed: send a JSON, merge, strategic merge or apply patch."
    if kind in media.OBJECTS:
        return ""
    return f"A body of type {kind} cannot be rehearsed: send JSON, YAML or protobuf."


def read(content_type: str, body: bytes) -> Json | None:
    """The body as JSON: objects, patches, apply configurations. Of protobuf only kind and metadata's texts can be read.
    None if it is not well-formed."""
    kind = media.essence(content_type)
    try:
        if kind == media.PROTOBUF:
            return _read_protobuf(body)
        if kind in (media.YAML, media.APPLY_PATCH):
            return _read_yaml(body)
        return orjson.loads(body)
    except (orjson.JSONDecodeError, protobuf.WireError, yaml.YAMLError, UnicodeDecodeError, RecursionError, TypeError, ValueError):
        return None


def renamed(content_type: str, body: bytes, name: str, namespace: str = "") -> bytes | None:
    """The same object under another `metadata.name` (and namespace, unless ''); None where the body is not an object with metadata."""
    if media.essence(content_type) == media.PROTOBUF:
        try:
            return protobuf.renamed(body, name, namespace)
        except protobuf.WireError:
            return None
    item = read(content_type, body)
    if not isinstance(item, dict) or not isinstance(item.get("metadata"), dict):
        return None
    metadata = {**item["metadata"], "name": name, **({"namespace": namespace} if namespace else {})}
    return orjson.dumps({**item, "metadata": metadata})  # JSON is YAML too


def name_of(item: Json) -> str:
    """`metadata.name` of a decoded body, or ''."""
    metadata = item.get("metadata") if isinstance(item, dict) else None
    name = metadata.get("name") if isinstance(metadata, dict) else None
    return name if isinstance(name, str) else ""


def tests_values(patch: Json) -> bool:
    """Whether a JSON patch asks the server to compare a value (`test`), or reads one from elsewhere (`copy`, `move`)."""
    return isinstance(patch, list) and any(isinstance(op, dict) and str(op.get("op")).lower() in ("test", "copy", "move") for op in patch)


def moves_release(patch: Json) -> bool:
    """Whether a JSON patch of a ConfigMap reads from where Helm keeps a release."""
    return isinstance(patch, list) and any(isinstance(op, dict) and op.get("from") in ("", "/data", "/data/release") for op in patch)


def _read_yaml(body: bytes) -> Json:
    try:
        return orjson.loads(body)  # kubectl sends apply patches as JSON, which parses 50 times faster
    except orjson.JSONDecodeError:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(body, Loader=_Loader)):
            raise ValueError("aliases can make a small body a huge object") from None
        return orjson.loads(orjson.dumps(yaml.load(body, Loader=_Loader)))  # noqa: S506 – a subclass of the safe loader


def _read_protobuf(body: bytes) -> Json:
    envelope = protobuf.unwrap(body)
    metadata = {}
    for key, number in (("name", 1), ("generateName", 2), ("namespace", 3), ("uid", 5), ("resourceVersion", 6)):
        text = protobuf.as_text(protobuf.find(envelope.raw, 1, number))
        if text:
            metadata[key] = text
    return {"apiVersion": envelope.api_version, "kind": envelope.kind, "metadata": metadata}
