"""Reads the objects that recorded writes are about, as they are now."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from bot.changes import bodies
from bot.changes.ports import ClusterApi
from bot.values.requests import ApiRequest, ApiResponse, Json, RecordedWrite

_SELECTORS = frozenset({"labelSelector", "fieldSelector"})


@dataclass(frozen=True, slots=True)
class Refused:
    """The API server said no: to a read, to a dry run or to the write itself. `reason` is its word for it (`Conflict`, `NotFound`)."""

    status: int
    reason: str
    message: str

    @classmethod
    def of(cls, response: ApiResponse) -> Refused:
        found = response.object.get("reason") if isinstance(response.object, dict) else None
        return cls(response.status, found if isinstance(found, str) else "", response.message)

    @property
    def is_conflict(self) -> bool:
        """The object has another resourceVersion or uid by now. `AlreadyExists` has the same number and is no conflict."""
        return self.status == 409 and self.reason != "AlreadyExists"


def object_path(write: RecordedWrite) -> str:
    """The path of the object (of the parent, for a subresource; of the collection, for a DELETE of one)."""
    path = write.request.path.rstrip("/")
    if write.info.subresource:
        return path.removesuffix(f"/{write.info.subresource}")
    if write.info.verb == "create":
        return f"{path}/{quote(str(bodies.metadata(write.after).get('name') or _asked_name(write)), safe='')}"
    return path


async def read(api: ClusterApi, write: RecordedWrite) -> Json | Refused | None:
    """The object, or the list of a collection; None if there is none. Raises UpstreamUnavailableError."""
    is_collection = write.info.verb == "deletecollection"
    query = tuple(pair for pair in write.request.query if pair[0] in _SELECTORS) if is_collection else ()
    response = await api.send(ApiRequest("GET", object_path(write), query), write.identity, dry_run=False)
    if response.is_success:
        return response.object
    return None if response.status == 404 else Refused.of(response)


def _asked_name(write: RecordedWrite) -> str:
    return str(bodies.metadata(bodies.as_object(write.request)).get("name") or "")
