"""Field selectors over what is hidden: a CRD may let its objects be selected by a field in which they hold a Secret's value, and whether an
object is in the answer tells then whether a guess is right."""

from __future__ import annotations

from dataclasses import replace

from bot.gateway.apiserver.outcomes import UpstreamFailedError
from bot.gateway.hiding import pointing, secrets
from bot.gateway.protocol.request_info import build_path
from bot.gateway.rehearsal.call import Call
from bot.gateway.rehearsal.planned import is_unreachable
from bot.values.requests import ApiRequest, Json

REFUSAL = "A field selector may not ask for a field that holds a Secret's value: select by name or label."

_PAGE = "500"
_VERBS = frozenset({"list", "watch", "deletecollection"})


async def selects_hidden(call: Call) -> bool:
    """Whether an object that the request may find, as the cluster has it or as the rehearsal shows it, hides a field that is selected by.
    The answer does not depend on the value that is asked for. Raises UpstreamFailedError if the objects cannot be looked at."""
    info, session = call.info, call.session
    fields = pointing.selected_fields(value for name, value in call.parsed.query if name == "fieldSelector")
    if info.verb not in _VERBS or not fields or not secrets.is_custom(info):
        return False
    if any(_hides(call, entry.current, fields) for entry in session.overlay.within(info) if entry.current is not None):
        return True
    return not is_unreachable(session, info) and await _finds_hidden(call, fields)


async def _finds_hidden(call: Call, fields: list[str]) -> bool:
    path, place = build_path(call.info, subresource="", name=""), ""
    while True:
        request = ApiRequest("GET", path, (("limit", _PAGE), *((("continue", place),) if place else ())))
        response = await call.session.upstream.look_up(request, call.session.reader)
        if response.status == 404:
            return False  # no such kind: its own answer will say so
        if not response.is_success or not isinstance(response.object, dict):
            raise UpstreamFailedError(response)
        if any(_hides(call, item, fields) for item in response.object.get("items") or ()):
            return True
        place = (response.object.get("metadata") or {}).get("continue") or ""
        if not place:
            return False


def _hides(call: Call, item: Json, fields: list[str]) -> bool:
    shown = call.session.redactor.redact_object(item, replace(call.info, verb="get", subresource=""))
    return shown is not item and any(pointing.hides_field(field, item, shown) for field in fields)
