"""Reads the objects that recorded writes are about, as they are now."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from bot.changes import bodies
from bot.changes.ports import ClusterApi
from bot.errors import ChangeError
from bot.values.requests import ApiRequest, ApiResponse, Json, RecordedWrite

_SELECTORS = frozenset({"labelSelector", "fieldSelector"})
_FIELD_CONFLICT = "FieldManagerConflict"
"""The API server's word for the causes of a server-side apply that is refused for whose its fields are."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The API server said no: to a read, to a dry run or to the write itself. `reason` is its word for it (`Conflict`, `NotFound`)."""

    status: int
    reason: str
    message: str

    @classmethod
    def of(cls, response: ApiResponse) -> Refused:
        found = response.object.get("reason") if isinstance(response.object, dict) else None
        reason = _FIELD_CONFLICT if _is_about_fields(response.object) else found if isinstance(found, str) else ""
        return cls(response.status, reason, response.message)

    @property
    def is_conflict(self) -> bool:
        """The object has another resourceVersion or uid by now. `AlreadyExists` and fields that somebody else applied have the same
        number and are no conflict: however often one tries, they stay."""
        return self.status == 409 and self.reason not in ("AlreadyExists", _FIELD_CONFLICT)


def object_path(write: RecordedWrite) -> str:
    """The path of the object (of the parent, for a subresource; of the collection, for a DELETE of one). Raises ChangeError."""
    path = write.request.path.rstrip("/")
    if write.info.subresource:
        return path.removesuffix(f"/{write.info.subresource}")
    if write.info.verb == "create":
        name = write.info.name or str(bodies.metadata(write.after).get("name") or _asked_name(write))
        if not name:  # without it this would be the path of all objects of the kind
            raise ChangeError("The name of what a request makes is not known; look at the objects of its kind.")
        return f"{path}/{quote(name, safe='')}"
    return path


async def read(api: ClusterApi, write: RecordedWrite) -> Json | Refused | None:
    """The object, or the list of a collection; None if there is none. Raises UpstreamUnavailableError."""
    is_collection = write.info.verb == "deletecollection"
    query = tuple(pair for pair in write.request.query if pair[0] in _SELECTORS) if is_collection else ()
    response = await api.send(ApiRequest("GET", object_path(write), query), write.identity, dry_run=False)
    if response.is_success:
        return response.object
    return None if response.status == 404 else Refused.of(response)


def _is_about_fields(status: Json) -> bool:
    details = status.get("details") if isinstance(status, dict) else None
    causes = details.get("causes") if isinstance(details, dict) else None
    return any(isinstance(one, dict) and one.get("reason") == _FIELD_CONFLICT for one in causes or ())


def _asked_name(write: RecordedWrite) -> str:
    return str(bodies.metadata(bodies.as_object(write.request)).get("name") or "")
