"""DeleteOptions: read from JSON or protobuf, sent on as JSON. Pure.

The API server takes a DELETE's dry run from the body when there is one, and from the query only when there is none: a body without
`dryRun` really deletes, whatever the query says. So the body is always decoded and written anew; what does not decode is refused.
"""

from __future__ import annotations

import orjson

from bot.gateway.protocol import media, protobuf
from bot.values.requests import Json


def decode(content_type: str, body: bytes) -> Json | None:
    """The DeleteOptions of a DELETE as a dict; None if the body is of another kind or not well-formed. An empty body is `{}`."""
    if not body:
        return {}
    kind = media.essence(content_type)
    if kind == media.PROTOBUF:
        return _from_protobuf(body)
    if kind != media.JSON:
        return None
    try:
        options = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return options if isinstance(options, dict) else None


def is_dry_run(options: Json) -> bool:
    """Whether the API server would treat these options as a dry run."""
    return bool(options.get("dryRun") == ["All"])


def encode(options: Json, *, dry_run: bool) -> bytes:
    """JSON with exactly one dry run directive, or with none."""
    kept = {key: value for key, value in options.items() if key.lower() != "dryrun"}
    if dry_run:
        kept["dryRun"] = ["All"]
    return orjson.dumps(kept)


def _from_protobuf(body: bytes) -> Json | None:
    try:
        envelope = protobuf.unwrap(body)
        if envelope.kind != "DeleteOptions":
            return None
        options: dict[str, Json] = {"apiVersion": envelope.api_version, "kind": envelope.kind}
        for number, value in protobuf.fields(envelope.raw):
            if not _read_field(options, number, value):
                return None
    except protobuf.WireError:
        return None
    return options


def _read_field(options: dict[str, Json], number: int, value: int | bytes) -> bool:
    """Adds one field of DeleteOptions. False for a field this program does not know: dropping it could delete more than was asked."""
    if number == 1:
        options["gracePeriodSeconds"] = protobuf.as_int(value)
    elif number == 2:
        preconditions = options.setdefault("preconditions", {})
        for inner, text in protobuf.fields(protobuf.as_bytes(value)):
            if inner not in (1, 2):
                return False
            preconditions["uid" if inner == 1 else "resourceVersion"] = protobuf.as_text(text)
    elif number == 3:
        options["orphanDependents"] = protobuf.as_int(value) != 0
    elif number == 4:
        options["propagationPolicy"] = protobuf.as_text(value)
    elif number == 5:
        options.setdefault("dryRun", []).append(protobuf.as_text(value))
    elif number == 6:
        options["ignoreStoreReadErrorWithClusterBreakingPotential"] = protobuf.as_int(value) != 0
    else:
        return False
    return True
