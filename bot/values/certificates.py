"""What a decision on a CertificateSigningRequest says: only an approval lets a certificate be issued. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from bot.values.requests import Json


def denies(body: Json | bytes) -> bool:
    """Whether the body of a request to `certificatesigningrequests/approval`, an object, a patch or protobuf, denies it and approves
    nothing. What cannot be read counts as an approval."""
    if isinstance(body, bytes):  # protobuf keeps texts as they are
        return b"Denied" in body and b"Approved" not in body
    said = set(_texts(body.get("status") if isinstance(body, dict) else body))
    return "Denied" in said and "Approved" not in said


def _texts(value: Json) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, list)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts(item)
