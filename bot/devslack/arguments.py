"""Reading a Web API call's arguments, however they were sent."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from bot.devslack.refusal import ApiRefusalError
from bot.devslack.values import Json

NESTED = frozenset({"attachments", "blocks", "files", "metadata", "view", "loading_messages"})
"""Arguments that hold JSON; in forms they come encoded."""


async def read_arguments(request: web.Request) -> Json:
    """Merge query, form, multipart or JSON body into one mapping. Raises ApiRefusalError for a body that does not parse."""
    arguments: Json = dict(request.query)
    if request.content_type == "application/json":
        body = await request.text()
        if body:
            arguments |= _parse_json_body(body)
    elif request.method == "POST":
        form = await request.post()
        arguments |= {name: value for name, value in form.items() if isinstance(value, str)}
    for name in NESTED & arguments.keys():
        arguments[name] = _decode_nested(name, arguments[name])
    return arguments


def bearer_token(request: web.Request, arguments: Json) -> str:
    """The token of the Authorization header, or of the `token` argument as older clients send it."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return token.strip()
    return str(arguments.get("token", ""))


def is_true(value: Any) -> bool:
    """Slack's booleans: true, 1, "true", "1"."""
    return value is True or value == 1 or str(value).lower() in {"true", "1"}


def read_count(arguments: Json, name: str, default: int, most: int) -> int:
    """A positive whole number argument, at most `most`."""
    try:
        number = int(arguments.get(name) or default)
    except (TypeError, ValueError):
        raise ApiRefusalError("invalid_arguments", response_metadata={"messages": [f"[ERROR] {name} must be a number"]}) from None
    if number < 1:
        raise ApiRefusalError("invalid_limit")
    return min(number, most)


def require(arguments: Json, name: str, error: str = "invalid_arguments") -> str:
    """A text argument that must be there."""
    value = arguments.get(name)
    if value is None or value == "":
        messages = [f"[ERROR] missing required field: {name}"]
        raise ApiRefusalError(error, response_metadata={"messages": messages})
    return str(value)


def _parse_json_body(body: str) -> Json:
    try:
        document = json.loads(body)
    except ValueError:
        raise ApiRefusalError("invalid_json") from None
    if not isinstance(document, dict):
        raise ApiRefusalError("json_not_object")
    return document


def _decode_nested(name: str, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if value == "":
        return None
    try:
        return json.loads(value)
    except ValueError:
        error = "invalid_blocks_format" if name == "blocks" else "invalid_arguments"
        raise ApiRefusalError(error) from None
