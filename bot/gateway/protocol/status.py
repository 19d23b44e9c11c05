"""`meta/v1.Status` objects as the API server words them, so that every Kubernetes client understands the gateway's own answers. Pure."""

from __future__ import annotations

from bot.values.requests import Json, RequestInfo

_REASONS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    406: "NotAcceptable",
    409: "AlreadyExists",
    413: "RequestEntityTooLarge",
    415: "UnsupportedMediaType",
    422: "Invalid",
    429: "TooManyRequests",
    502: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}


def failure(code: int, message: str, info: RequestInfo | None = None) -> Json:
    """A failure in one sentence."""
    status: dict[str, Json] = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message}
    status["reason"] = _REASONS.get(code, "InternalError")
    if info is not None and info.is_resource:
        status["details"] = {key: value for key, value in (("name", info.name), ("group", info.group), ("kind", info.resource)) if value}
    if code == 422:  # kubectl prints only the causes of an Invalid
        details = status.setdefault("details", {})
        details["causes"] = [{"reason": "FieldValueInvalid", "message": message, "field": "body"}]
    status["code"] = code
    return status


def not_found(info: RequestInfo) -> Json:
    """`deployments.apps "web" not found`: what the API server says of an object that is not there."""
    qualified = f"{info.resource}.{info.group}" if info.group else info.resource
    return failure(404, f'{qualified} "{info.name}" not found', info)


def namespace_not_found(namespace: str) -> Json:
    return not_found(RequestInfo("get", True, "", "", "v1", "namespaces", "", "", namespace))


def already_exists(info: RequestInfo, name: str, *, is_leaving: bool = False) -> Json:
    """`deployments.apps "web" already exists`: the answer to a second create of one name, also while the first object is being deleted."""
    qualified = f"{info.resource}.{info.group}" if info.group else info.resource
    status = failure(409, f'{"object is being deleted: " if is_leaving else ""}{qualified} "{name}" already exists', info)
    status["details"]["name"] = name
    return status


def modified(info: RequestInfo) -> Json:
    """The conflict of a write that names another version of the object than the present one."""
    qualified = f"{info.resource}.{info.group}" if info.group else info.resource
    advice = "the object has been modified; please apply your changes to the latest version and try again"
    return {**failure(409, f'Operation cannot be fulfilled on {qualified} "{info.name}": {advice}', info), "reason": "Conflict"}


def success(info: RequestInfo, uid: str = "") -> Json:
    """The answer to a DELETE."""
    details = {"name": info.name, "group": info.group, "kind": info.resource, "uid": uid}
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": {key: value for key, value in details.items() if value},
    }
