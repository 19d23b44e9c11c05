"""Runbooks in ConfigMaps: every key that ends in `.md` is one."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from bot.agent import runbooks
from bot.agent.runbooks import Runbook
from bot.changes.ports import ClusterApi
from bot.errors import BotError, ConfigError
from bot.values.requests import ApiRequest, Identity


async def fetch(where: str, api: ClusterApi, reader: Identity | None) -> tuple[Runbook, ...]:
    """The runbooks of `namespace/name`, or of all ConfigMaps of `namespace/label=value`; none for an empty text. Read as `reader`.
    Raises ConfigError."""
    if not where:
        return ()
    namespace, _, name = where.partition("/")
    if not namespace or not name:
        raise ConfigError(f"`runbooks.config_maps` is {where!r}: write namespace/name, or namespace/label=value.")
    path = f"/api/v1/namespaces/{quote(namespace, safe='')}/configmaps"
    request = ApiRequest("GET", path, (("labelSelector", name),)) if "=" in name else ApiRequest("GET", f"{path}/{quote(name, safe='')}")
    try:
        answer = await api.send(request, reader, dry_run=False)
    except BotError as exc:
        raise ConfigError(f"The runbooks of {where} cannot be read: {exc}") from exc
    if not answer.is_success or not isinstance(answer.object, dict):
        who = f" as {reader.user}" if reader is not None else ""
        raise ConfigError(f"The runbooks of {where} cannot be read{who}: {answer.message}. Correct `runbooks.config_maps`.")
    found = [book for one in answer.object.get("items", [answer.object]) for book in _of_map(one)]
    if not found:
        raise ConfigError(f"There is no runbook in {where}: a ConfigMap holds them in keys that end in .md.")
    return tuple(found)


def _of_map(config_map: dict[str, Any]) -> list[Runbook]:
    metadata, data = config_map.get("metadata") or {}, config_map.get("data") or {}
    prefix = f"{metadata.get('namespace')}/{metadata.get('name')}"
    return [runbooks.read(f"{prefix}/{key}", str(text)) for key, text in sorted(data.items()) if key.endswith(".md")]
