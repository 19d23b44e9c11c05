"""A write about to be rehearsed, and what the rules about its answers are."""

from __future__ import annotations

from dataclasses import dataclass, replace

import orjson

from bot.gateway.apiserver.outcomes import Obstacle, Rejected
from bot.gateway.protocol import bodies, media
from bot.gateway.protocol.request_info import build_path
from bot.gateway.protocol.subresources import REPLICAS, size_path_of
from bot.gateway.rehearsal.admission import find_rule
from bot.gateway.rehearsal.causes import find_cause
from bot.gateway.rehearsal.exempting import find_relief
from bot.gateway.rehearsal.session import Session
from bot.values.groups import BUILT_IN
from bot.values.requests import ApiRequest, ApiResponse, Json, RequestInfo

AGGREGATED = Obstacle("This is an aggregated API: another server stands behind it, which is not asked for a dry run.")
_NO_DRY_RUN = "The server cannot preview this: {}"
_TOO_EARLY = "The server cannot preview this before {} is written: {}"


@dataclass(frozen=True, slots=True)
class Write:
    """A write as it will be replayed, and what can be read of its body (for a DELETE, its options)."""

    request: ApiRequest
    info: RequestInfo
    body: Json
    kind: str
    """Media type of the body."""

    @property
    def is_apply(self) -> bool:
        return self.request.method == "PATCH" and self.kind == media.APPLY_PATCH

    @property
    def object_info(self) -> RequestInfo:
        """Info of the object itself, for a subresource of its parent."""
        name = self.info.name or bodies.name_of(self.body)
        bare = replace(self.info, verb="get", subresource="", name=name)
        return replace(bare, path=build_path(bare))


def failed(code: int, item: Json) -> Rejected:
    """A rejection that the gateway words itself."""
    return Rejected(ApiResponse(code, {"Content-Type": media.JSON}, orjson.dumps(item), item))


def is_unreachable(session: Session, info: RequestInfo) -> bool:
    """Whether the namespace or the kind exists only in the rehearsal, so that the cluster cannot be asked."""
    return session.overlay.hides_live(info) or session.overlay.definition_of(info) is not None


async def before_of(session: Session, info: RequestInfo) -> Json:
    """The object in the cluster; None if it is not there or nobody may read it. Raises UpstreamFailedError."""
    request = ApiRequest("GET", build_path(info, subresource=""))
    for identity in (session.writer, session.reader):
        response = await session.upstream.look_up(request, identity)
        if response.status != 403:
            break
    return response.object if response.is_success else None


def no_dry_run(response: ApiResponse) -> bool:
    """Whether the server says that it cannot do a dry run of this (a webhook with side effects, a storage without support)."""
    return response.status in (400, 422, 500) and "does not support dry run" in response.message


async def obstacle(session: Session, write: Write, response: ApiResponse) -> Obstacle | None:
    """Why a failed dry run tells nothing about the write; None if it does: then the rejection is real. Raises UpstreamFailedError."""
    if no_dry_run(response):
        return Obstacle(_NO_DRY_RUN.format(response.message))
    entries, info = session.overlay.entries(), write.object_info
    cause = find_cause(response, info, entries)
    rule = await find_rule(session, response.message) if cause is None and entries else None
    if rule is not None:
        cause = find_relief(response.message, info, entries, rule, is_delete=write.info.verb in ("delete", "deletecollection"))
    return None if cause is None else Obstacle(_TOO_EARLY.format(cause.title, response.message), cause.positions)


async def learn_conversion(session: Session, info: RequestInfo) -> None:
    """Notes, of a custom resource that is written for the first time, whether its versions differ in their names only: most definitions
    convert nothing (`spec.conversion.strategy: None`). Raises UpstreamFailedError."""
    if info.group in BUILT_IN or session.overlay.knows_conversion(info):
        return
    crd = await _definition(session, info)
    spec = (crd or {}).get("spec") or {}
    strategy = (spec.get("conversion") or {}).get("strategy", "None")
    session.overlay.note_conversion(info, is_by_name=bool(spec) and strategy == "None")


async def _definition(session: Session, info: RequestInfo) -> Json:
    """The CustomResourceDefinition of a resource, as rehearsed; None if it has none, or one that nobody may read."""
    definition = session.overlay.definition_of(info)
    if definition is not None:
        return definition.crd
    path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{info.resource}.{info.group}"
    response = await session.upstream.look_up(ApiRequest("GET", path), session.reader)
    return response.object if response.is_success else None


async def size_path(session: Session, info: RequestInfo) -> tuple[str, ...]:
    """Where the object of a scale request keeps its number of replicas: custom resources say it in their definition."""
    if info.subresource != "scale" or info.group in BUILT_IN:
        return REPLICAS
    return size_path_of(await _definition(session, info), info.version)
