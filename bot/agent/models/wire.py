"""Gemini's REST format as the scripted model reads and writes it: what a request asks, why the real service would refuse it, chunks."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_DATA_FIELDS = ("text", "functionCall", "functionResponse", "inlineData", "fileData", "executableCode", "codeExecutionResult")

_STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What rules match on, read from the contents alone: the same request always means the same."""

    question: str
    """The last user text."""
    step: int
    """Replies of the model since then."""
    answer: str
    """Text of the last function responses; '' before the first."""
    answers: str
    """Text of all function responses since the question."""


def read(contents: Sequence[Mapping[str, Any]]) -> Asked:
    """Reads a request that `refusal` found nothing wrong with."""
    question, step = "", 0
    answers: list[str] = []
    for content in contents:
        parts = content.get("parts", [])
        if content.get("role") == "model":
            step += 1
            continue
        texts = [part["text"] for part in parts if "text" in part]
        if texts:
            question, step, answers = "\n".join(texts), 0, []
        responses = [_response_text(part["functionResponse"]) for part in parts if "functionResponse" in part]
        if responses:
            answers.append("\n".join(responses))
    return Asked(question, step, answers[-1] if answers else "", "\n".join(answers))


def refusal(contents: object, *, signatures: bool) -> str:
    """Why the real service would answer 400 to this history; '' if it would not. With `signatures`, the first function call of
    every reply must carry its thought signature, as Gemini 3 demands."""
    if not isinstance(contents, list) or not contents:
        return "* GenerateContentRequest.contents: contents is not specified"
    open_calls: list[Mapping[str, Any]] = []
    previous = ""
    for index, content in enumerate(contents):
        role, parts = content.get("role", ""), content.get("parts") or []
        problem = _problem_of_parts(index, role, parts) or _problem_of_order(previous, role, parts, open_calls)
        if problem:
            return problem
        open_calls = [part["functionCall"] for part in parts if "functionCall" in part]
        if signatures and open_calls and not _first_call(parts).get("thoughtSignature"):
            return (
                "Function call is missing a thought_signature in functionCall parts. This is required for tools to work correctly. "
                f"Function call `{open_calls[0].get('name')}`, position {index + 1}."
            )
        previous = role
    if previous != "user":
        return "Please ensure that multiturn requests end with a user role or a function response."
    return ""


def error(status: int, message: str, retry_delay: str = "") -> dict[str, Any]:
    """The service's error body. `retry_delay` is a duration such as `7s`."""
    body: dict[str, Any] = {"code": status, "message": message, "status": _STATUS.get(status, "UNKNOWN")}
    if retry_delay:
        body["details"] = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": retry_delay}]
    return {"error": body}


def chunk(model: str, parts: Sequence[Mapping[str, Any]], *, finish: str = "", usage: Mapping[str, int] | None = None) -> dict[str, Any]:
    """One streamed piece of a reply."""
    candidate: dict[str, Any] = {"index": 0}
    if parts:
        candidate["content"] = {"role": "model", "parts": list(parts)}
    if finish:
        candidate["finishReason"] = finish
    body: dict[str, Any] = {"candidates": [candidate], "modelVersion": model}
    if usage:
        body["usageMetadata"] = dict(usage)
    return body


def merge(chunks: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The answer of `generateContent`: all chunks as one."""
    parts: list[Mapping[str, Any]] = []
    whole: dict[str, Any] = {}
    candidate: dict[str, Any] = {}
    for piece in chunks:
        whole.update(piece)
        for item in piece.get("candidates", []):
            parts.extend(item.get("content", {}).get("parts", []))
            candidate.update({key: value for key, value in item.items() if key != "content"})
    whole["candidates"] = [{**candidate, "content": {"role": "model", "parts": parts}}]
    return whole


def _problem_of_parts(index: int, role: str, parts: Sequence[Mapping[str, Any]]) -> str:
    if role not in ("user", "model"):
        return "Please use a valid role: user, model."
    if not parts:
        return f"* GenerateContentRequest.contents[{index}].parts: contents.parts must not be empty."
    for position, part in enumerate(parts):
        if sum(field in part for field in _DATA_FIELDS) != 1:
            where = f"GenerateContentRequest.contents[{index}].parts[{position}].data"
            return f"* {where}: required oneof field 'data' must have one initialized field"
    return ""


def _problem_of_order(previous: str, role: str, parts: Sequence[Mapping[str, Any]], open_calls: Sequence[Mapping[str, Any]]) -> str:
    calls = [part for part in parts if "functionCall" in part]
    responses = [part["functionResponse"] for part in parts if "functionResponse" in part]
    if calls and (role != "model" or previous != "user"):
        return "Please ensure that function call turn comes immediately after a user turn or after a function response turn."
    if responses and not open_calls:
        return "Please ensure that function response turn comes immediately after a function call turn."
    if len(responses) != len(open_calls):
        return (
            "Please ensure that the number of function response parts is equal to the number of function call parts "
            "of the function call turn."
        )
    if [(r.get("name"), r.get("id")) for r in responses] != [(c.get("name"), c.get("id")) for c in open_calls]:
        return "Please ensure that function response parts match the function call parts by name and id, in their order."
    return ""


def _first_call(parts: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    return next(part for part in parts if "functionCall" in part)


def _response_text(response: Mapping[str, Any]) -> str:
    body = response.get("response", {})
    texts = [value for value in body.values() if isinstance(value, str)]
    return "\n".join(texts) if texts else json.dumps(body)
