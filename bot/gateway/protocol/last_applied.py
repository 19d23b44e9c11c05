"""The copy of its configuration that a server-side apply leaves for client-side ones. Pure.

Source: `lastappliedupdater.go` of `k8s.io/apimachinery/pkg/util/managedfields`: where the manager is `kubectl` and the object has the
annotation of client-side applies, the API server puts the applied configuration into it.
"""

from __future__ import annotations

from typing import Any

import orjson

from bot.values.requests import Json

ANNOTATION = "kubectl.kubernetes.io/last-applied-configuration"
_MOST_BYTES = 256 * 1024
"""Of all annotations of one object: with more than that, the API server leaves the copy out."""
_ESCAPED = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"})
"""What Go's encoder does not leave as it is. Outside of strings JSON has none of them."""


def synced(item: Json, config: Json, manager: str) -> Json:
    """The object after a server-side apply of `config`, with the copy as it is then."""
    metadata = item.get("metadata") if isinstance(item, dict) else None
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    if manager != "kubectl" or not isinstance(annotations, dict) or ANNOTATION not in annotations or not isinstance(config, dict):
        return item
    kept: dict[str, Any] = {**annotations, ANNOTATION: _encoded(config)}
    if sum(len(key.encode()) + len(str(value).encode()) for key, value in kept.items()) > _MOST_BYTES:
        del kept[ANNOTATION]
    return {**item, "metadata": {**(metadata or {}), "annotations": kept}}


def _encoded(config: dict[str, Any]) -> str:
    """As Go writes it: sorted, without spaces, with a line break at the end."""
    given = config.get("metadata")
    metadata = dict(given) if isinstance(given, dict) else {}
    annotations = {key: value for key, value in dict(metadata.pop("annotations", None) or {}).items() if key != ANNOTATION}
    if annotations:
        metadata["annotations"] = annotations
    text = orjson.dumps({**config, "metadata": metadata}, option=orjson.OPT_SORT_KEYS).decode()
    return f"{text.translate(_ESCAPED)}\n"
