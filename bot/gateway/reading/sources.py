"""Which reads give text that anybody may have written: whoever runs in a pod writes its logs and causes its events. Pure."""

from __future__ import annotations

from bot.values.requests import RequestInfo

_EVENTS = (("", "events"), ("events.k8s.io", "events"))


def name_source(info: RequestInfo, accept: str) -> str:
    """The source in a few words; '' for any other read. A table of ConfigMaps shows their names alone."""
    if not info.is_resource:
        return ""
    if (info.group, info.resource, info.subresource) == ("", "pods", "log"):
        return f"logs of pod {info.namespace}/{info.name}"
    if info.subresource:
        return ""
    if (info.group, info.resource) in _EVENTS:
        return f"events of {info.namespace}" if info.namespace else "events"
    if (info.group, info.resource) == ("", "configmaps") and "as=table" not in accept.lower():
        if info.name:
            return f"ConfigMap {info.namespace}/{info.name}"
        return f"ConfigMaps of {info.namespace}" if info.namespace else "ConfigMaps"
    return ""
