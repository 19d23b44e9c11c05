"""Stand-ins for the values of Secrets in requests that are only dry-run, so that no dry run can tell whether a guess is right.

An API server treats a value that an object has already otherwise than a new one: nothing is "modified" (kubectl's word, managedFields),
an immutable Secret takes it, a server-side apply has no conflict. Each is an oracle for whoever may dry-run writes. So a dry run gets a
stand-in for each value, which nobody knows and nothing equals; it is JSON where the value is. All are of one length, or the size limit of a
Secret would tell how much it holds: a value of a length that one may choose would just fit in beside it, and one byte more would not.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
import secrets as randomness
from collections.abc import Callable
from dataclasses import replace

import orjson

from bot.gateway.hiding import secrets
from bot.gateway.protocol import bodies, media, protobuf
from bot.values import redact_text
from bot.values.requests import ApiRequest, Json, RequestInfo

_METADATA, _DATA, _STRING_DATA, _ANNOTATIONS = 1, 2, 4, 12
"""Field numbers of `v1.Secret` and `ObjectMeta`: `k8s.io/api/core/v1/generated.proto`."""


_LENGTH = 47
"""Of a stand-in, in bytes."""
_MOST_BYTES = 1_048_576
"""Of all values of one Secret (`MaxSecretSize` of `k8s.io/api/core/v1`)."""


class _UnreadableError(ValueError):
    """A value is written in a form that has no stand-in."""


class Blinds:
    """Makes stand-ins, and knows them again in what the API server answers."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._sign = randomness.token_hex(16)
        """In every stand-in; never shown to anybody."""
        self._sign_bytes = self._sign.encode()
        self._token = re.compile(self._sign + "([0-9a-f]{8})")
        self._marks = secrets.Marks(value=self._stand_in, other=self._stand_in, text=self._blind_text)

    def blind(self, request: ApiRequest, info: RequestInfo) -> ApiRequest | None:
        """The request with stand-ins for the values of Secrets in its body. None for a write of a Secret that cannot be read, or that
        can be read in two ways: the server might find another value in it than we do."""
        if not request.body or request.method == "DELETE":
            return request
        is_secret = secrets.is_secret(info)
        if media.essence(request.content_type) == media.PROTOBUF:
            return self._blind_protobuf(request) if is_secret else request
        body = bodies.read(request.content_type, request.body)
        if not is_secret:
            shown = secrets.redact(body, info, self._marks)
            return request if shown is body else replace(request, body=orjson.dumps(shown))  # JSON is YAML too
        if not isinstance(body, dict | list) or _names_a_field_twice(request.body):
            return None
        try:
            blinded = self._blind_secret(body) if isinstance(body, dict) else [self._blind_operation(operation) for operation in body]
        except _UnreadableError:
            return None
        return replace(request, body=orjson.dumps(blinded))

    def marker_of(self, value: bytes) -> str:
        """The marker of a stand-in; '' for any other value."""
        found = self._token.search(value.decode("ascii", "ignore")) if self._sign_bytes in value else None
        return _marker(found) if found is not None else ""

    def reveal(self, text: str) -> str:
        """The text with markers for the stand-ins in it."""
        return self._token.sub(_marker, text) if self._sign in text else text

    def _stand_in(self, value: bytes) -> str:
        """What no Secret can hold stays too large for every Secret."""
        text = value.decode("ascii", "ignore")
        if self._token.search(text):
            return text  # blinded before: by a write that this one builds on
        token = self._sign + hashlib.blake2b(value, key=self._key, digest_size=4).hexdigest()
        return (f'{{"{token}":""}}' if _is_json_object(value) else token).ljust(len(value) if len(value) > _MOST_BYTES else _LENGTH)

    def _blind_text(self, text: str) -> str:
        return redact_text.redact(text, lambda found: self._stand_in(found.encode("utf-8", "surrogatepass")).rstrip())

    def _blind_secret(self, body: dict[str, Json]) -> dict[str, Json]:
        return {key: self._blind_member(key, value) for key, value in body.items()}

    def _blind_member(self, key: str, value: Json) -> Json:
        """Go's decoders may take a field in another case for the same, so this does."""
        name = key.lower()
        if name in ("data", "stringdata"):
            if not isinstance(value, dict):
                return value
            return {  # `$patch` is a directive of strategic merge patches
                inner: one if inner == "$patch" else self._blind_value(one, is_encoded=name == "data") for inner, one in value.items()
            }
        return secrets.redact_metadata(value, self._marks) if name == "metadata" else value

    def _blind_value(self, value: Json, *, is_encoded: bool) -> Json:
        """Go's JSON decoder takes a list of numbers for bytes as well. No client writes a value like that, unless to get it past here."""
        if isinstance(value, list):
            raise _UnreadableError
        if not isinstance(value, str):
            return value  # nothing, or what the server refuses
        if not is_encoded:
            return self._stand_in(value.encode("utf-8", "surrogatepass"))
        try:
            raw = base64.b64decode(value.replace("\n", "").replace("\r", ""), validate=True)
        except (binascii.Error, ValueError):
            return value  # the server refuses it as well
        return base64.b64encode(self._stand_in(raw).encode()).decode()

    def _blind_operation(self, operation: Json) -> Json:
        """One operation of a JSON patch."""
        if not isinstance(operation, dict) or "value" not in operation or not isinstance(operation.get("path"), str):
            return operation
        keys = [part.replace("~1", "/").replace("~0", "~") for part in operation["path"].split("/")[1:]]
        nested = operation["value"]
        for key in reversed(keys):
            nested = {key: nested}
        if not isinstance(nested, dict):
            return operation
        nested = self._blind_secret(nested)
        for key in keys:
            nested = nested[key]
        return {**operation, "value": nested}

    def _blind_protobuf(self, request: ApiRequest) -> ApiRequest | None:
        try:
            raw = protobuf.unwrap(request.body).raw
            raw = protobuf.change(raw, _DATA, lambda entry: self._blind_entry(entry, self._stand_in))
            raw = protobuf.change(raw, _STRING_DATA, lambda entry: self._blind_entry(entry, self._stand_in))
            raw = protobuf.change(raw, _METADATA, lambda found: protobuf.change(found, _ANNOTATIONS, self._blind_annotation))
            return replace(request, body=protobuf.wrap(request.body, raw))
        except protobuf.WireError:
            return None

    def _blind_annotation(self, entry: bytes) -> bytes:
        key = protobuf.as_text(protobuf.find(entry, 1))

        def blind(value: bytes) -> str:
            text = protobuf.as_text(value)
            return str(secrets.redact_metadata({"annotations": {key: text}}, self._marks)["annotations"][key])

        return self._blind_entry(entry, blind)

    def _blind_entry(self, entry: bytes, blind: Callable[[bytes], str]) -> bytes:
        return protobuf.put(entry, (2,), blind(protobuf.find(entry, 2)).encode())


def _marker(found: re.Match[str]) -> str:
    return f"[redacted:new-{found[1]}]"


def _is_json_object(value: bytes) -> bool:
    try:
        return value.lstrip().startswith(b"{") and isinstance(orjson.loads(value), dict)
    except orjson.JSONDecodeError:
        return False


def _names_a_field_twice(body: bytes) -> bool:
    """Of two fields with one name, Go's JSON decoder merges what ours replaces. In YAML the last one counts for both."""
    twice = []

    def look(pairs: list[tuple[str, Json]]) -> None:
        if len({key for key, _ in pairs}) < len(pairs):
            twice.append(True)

    try:
        json.loads(body, object_pairs_hook=look)
    except RecursionError:
        return True
    except ValueError:
        return False  # YAML
    return bool(twice)
