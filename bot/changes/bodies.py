"""What a recorded request's body says, as far as it can be read: JSON and YAML; protobuf is opaque here. Pure."""

from __future__ import annotations

from typing import Any

import orjson
import yaml

from bot.values.requests import ApiRequest, Json, RecordedWrite

JSON_PATCH = "application/json-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"
MERGE_PATCHES = frozenset({"application/merge-patch+json", "application/strategic-merge-patch+json"})
PROTOBUF = "application/vnd.kubernetes.protobuf"
YAML = "application/yaml"


def kind_of(request: ApiRequest) -> str:
    """The media type without parameters; JSON if there is none, as for the API server."""
    return request.content_type.partition(";")[0].strip().lower() or "application/json"


def is_text(request: ApiRequest) -> bool:
    """Whether the body can be searched for names."""
    return bool(request.body) and kind_of(request) != PROTOBUF


def as_json(request: ApiRequest) -> Json:
    """The decoded body; None if there is none or it cannot be read."""
    if not is_text(request):
        return None
    try:
        return orjson.loads(request.body)
    except orjson.JSONDecodeError:
        pass
    if kind_of(request) not in (YAML, APPLY_PATCH):
        return None
    try:
        return yaml.safe_load(request.body)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError):
        return None


def as_object(request: ApiRequest) -> dict[str, Any] | None:
    """The body if it is an object (or the part of one that a merge or apply patch is)."""
    decoded = as_json(request)
    return decoded if isinstance(decoded, dict) else None


def mentions(request: ApiRequest, word: str) -> bool:
    """Whether the body holds this name or value anywhere. An unreadable body mentions everything that is in its bytes."""
    return word.encode("utf-8", "surrogatepass") in request.body


def generates_name(write: RecordedWrite) -> bool:
    """Whether the server makes up the object's name: the dry run's name is not the one the real request will get."""
    if write.request.method != "POST" or write.info.subresource:
        return False
    asked = as_object(write.request)
    if asked is not None:
        found = metadata(asked)
        return bool(found.get("generateName")) and not found.get("name")
    answered = metadata(write.after)
    return bool(answered.get("generateName")) and not mentions(write.request, str(answered.get("name") or ""))


def metadata(item: Json) -> dict[str, Any]:
    """The object's metadata, or {}."""
    found = item.get("metadata") if isinstance(item, dict) else None
    return found if isinstance(found, dict) else {}
