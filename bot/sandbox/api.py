"""JSON requests to the API server of the sandboxes' cluster, as the bot itself."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from typing import Any

import aiohttp

from bot.errors import SandboxError, SandboxUnavailableError
from bot.kube.connection import KubeConnection

Object = Mapping[str, Any]

CLAIMS = "/apis/extensions.agents.x-k8s.io/v1beta1"
SANDBOXES = "/apis/agents.x-k8s.io/v1beta1"
CORE = "/api/v1"

_REQUEST_SECONDS = 15.0
_WATCH_SECONDS = 300
_EVENT_BYTES = 8 * 1024 * 1024


class StatusError(SandboxError):
    """The API server answered with a Status: its `code`, `reason` (such as `AlreadyExists`) and its own words."""

    def __init__(self, code: int, reason: str, said: str) -> None:
        super().__init__(f"The API server answered {code} {reason}: {said}")
        self.code = code
        self.reason = reason
        self.said = said


class Api:
    """The few verbs that sandboxes need. Methods raise StatusError, or SandboxUnavailableError if nothing answers."""

    def __init__(self, connection: KubeConnection) -> None:
        self.connection = connection

    async def get(self, path: str, query: Mapping[str, str] | None = None) -> Object:
        return await self._request("GET", path, query=query)

    async def create(self, path: str, body: Object) -> Object:
        return await self._request("POST", path, body)

    async def merge(self, path: str, body: Object) -> Object:
        """Applies a JSON merge patch."""
        return await self._request("PATCH", path, body, "application/merge-patch+json")

    async def delete(self, path: str, uid: str) -> Object:
        """Deletes the object if it still is the one with this uid (409 if not); what depends on it goes in the background."""
        options = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background", "preconditions": {"uid": uid}}
        return await self._request("DELETE", path, options)

    async def watch(self, path: str, query: Mapping[str, str]) -> AsyncGenerator[tuple[str, Object]]:
        """Events as (type, object) until the server ends the watch. An ERROR event is raised as StatusError (410: list anew)."""
        parameters = {**query, "watch": "1", "timeoutSeconds": str(_WATCH_SECONDS)}
        url = self.connection.server + path
        try:
            async with self.connection.session.get(url, params=parameters, headers=await self.connection.headers()) as response:
                if response.status != 200:
                    raise _read_status(response.status, await response.read())
                rest = b""
                async for chunk in response.content.iter_any():
                    *lines, rest = (rest + chunk).split(b"\n")
                    if len(rest) > _EVENT_BYTES:
                        raise SandboxUnavailableError("The API server sent a watch event that does not end; try again.")
                    for line in lines:
                        event = json.loads(line)
                        if event["type"] == "ERROR":
                            raise _status_error(event["object"])
                        yield event["type"], event["object"]
        except (aiohttp.ClientError, TimeoutError, OSError) as exc:
            raise self._unreachable(exc) from exc

    async def _request(
        self,
        method: str,
        path: str,
        body: Object | None = None,
        media_type: str = "application/json",
        query: Mapping[str, str] | None = None,
    ) -> Object:
        headers = {**await self.connection.headers(), "Accept": "application/json"}
        data = None
        if body is not None:
            headers["Content-Type"] = media_type
            data = json.dumps(body).encode()
        url = self.connection.server + path
        try:
            async with (
                asyncio.timeout(_REQUEST_SECONDS),
                self.connection.session.request(method, url, params=query, data=data, headers=headers, allow_redirects=False) as response,
            ):
                content = await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as exc:
            raise self._unreachable(exc) from exc
        if response.status >= 300:
            raise _read_status(response.status, content)
        found: Object = json.loads(content)
        return found

    def _unreachable(self, error: Exception) -> SandboxUnavailableError:
        why = str(error) or type(error).__name__
        return SandboxUnavailableError(
            f"The API server {self.connection.server} does not answer ({why}): check that it is up and try again."
        )


def _read_status(code: int, content: bytes) -> StatusError:
    try:
        status = json.loads(content)
    except ValueError:
        return StatusError(code, "", content[:300].decode(errors="replace"))
    return _status_error(status, code) if isinstance(status, dict) else StatusError(code, "", "")


def _status_error(status: Object, code: int = 0) -> StatusError:
    return StatusError(int(status.get("code") or code), str(status.get("reason", "")), str(status.get("message", "")))
