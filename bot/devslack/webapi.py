"""/api/{method}: authentication, scopes, planned faults, rates, the request log, then the method itself."""

from __future__ import annotations

import json

import structlog
from aiohttp import web

from bot.devslack.arguments import bearer_token, read_arguments
from bot.devslack.faulting import cut, meet_before
from bot.devslack.keys import SLACK
from bot.devslack.local_slack import LocalSlack
from bot.devslack.methods.call import Call
from bot.devslack.methods.table import METHODS, Method
from bot.devslack.refusal import ApiRefusalError
from bot.devslack.traffic import FROM_APP, TO_APP
from bot.devslack.values import Json

log = structlog.get_logger()


async def handle_call(request: web.Request) -> web.StreamResponse:
    """Answer one Web API call."""
    slack, name = request.app[SLACK], request.match_info["method"]
    record: Json = {"method": name, "arguments": {}, "at": slack.config.clock()}
    slack.requests.append(record)
    fault = slack.faults.take(name)
    if fault is not None:
        record["fault"] = fault.kind
        slack.traffic.note(FROM_APP, "web api", name, {}, f"meets {fault.kind}")
        if (early := await meet_before(request, fault)) is not None:
            return early
    answer = await _answer(request, slack, name, record)
    record |= {"ok": answer["ok"], "error": answer.get("error")}
    slack.traffic.note(TO_APP, "web api", name, answer, _tell_status(record))
    if not answer["ok"]:
        log.info("api_refused", method=name, error=answer["error"])
    if fault is not None and fault.kind == "close_after":
        cut(request)
    wait = record.get("retry_after")
    return web.Response(
        body=json.dumps(answer, ensure_ascii=False).encode(),
        status=429 if wait else 200,
        content_type="application/json",
        charset="utf-8",
        headers={"x-oauth-scopes": ",".join(slack.app.scopes), "x-slack-req-id": str(len(slack.requests))}
        | ({"Retry-After": str(wait)} if wait else {}),
    )


def _tell_status(record: Json) -> str:
    if "retry_after" in record:
        return f"429, retry after {record['retry_after']} s"
    return "ok" if record["ok"] else str(record["error"])


async def _answer(request: web.Request, slack: LocalSlack, name: str, record: Json) -> Json:
    try:
        arguments = await read_arguments(request)
        record["arguments"] = {key: value for key, value in arguments.items() if key != "token"}
        slack.traffic.note(FROM_APP, "web api", name, record["arguments"])
        method = METHODS.get(name)
        if method is None:
            return {"ok": False, "error": "unknown_method", "req_method": name}
        _check_token(slack, method, bearer_token(request, arguments))
        if wait := slack.rates.take(name, arguments):
            record["retry_after"] = wait
            return {"ok": False, "error": "ratelimited"}
        return await method.answer(Call(slack, arguments))
    except ApiRefusalError as refusal:
        return refusal.answer


def _check_token(slack: LocalSlack, method: Method, token: str) -> None:
    if not token:
        raise ApiRefusalError("not_authed")
    if not token.startswith(("xoxb-", "xapp-", "xoxe.xoxp-")):
        raise ApiRefusalError("invalid_auth")
    if not token.startswith(method.token_prefix):
        raise ApiRefusalError("not_allowed_token_type")
    if method.scopes and not set(method.scopes) & set(slack.app.scopes):
        raise ApiRefusalError("missing_scope", needed=method.scopes[0], provided=",".join(slack.app.scopes))
