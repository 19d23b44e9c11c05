"""OpenAI's Chat Completions as the scripted model reads and writes them: what is asked, why a service would refuse it, events."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bot.agent.models.wire import Asked

_FINISH = {"MAX_TOKENS": "length", "SAFETY": "content_filter"}
_CODES = {401: "invalid_api_key", 404: "model_not_found", 429: "rate_limit_exceeded"}
CHUNK = "chat.completion.chunk"
"""What a streamed piece calls itself."""
_TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def read(messages: Sequence[Mapping[str, Any]]) -> Asked:
    """Reads a request that `refusal` found nothing wrong with."""
    question, step = "", 0
    rounds: list[list[str]] = []
    previous = ""
    for message in messages:
        role = message["role"]
        if role == "user":
            question, step, rounds = message["content"], 0, []
        elif role == "assistant":
            step += 1
        elif role == "tool":
            if previous != "tool":
                rounds.append([])
            rounds[-1].append(message["content"])
        previous = role
    texts = ["\n".join(texts) for texts in rounds]
    return Asked(question, step, texts[-1] if texts else "", "\n".join(texts))


def refusal(messages: object) -> str:
    """Why a real service would answer 400 to this history; '' if it would not. As strict as the strictest: besides OpenAI's own rules,
    two user messages in a row are refused (templates of local models) and arguments must be JSON objects (vLLM, llama.cpp)."""
    if not isinstance(messages, list) or not messages:
        return "Invalid 'messages': empty array."
    open_ids: list[str] = []
    previous = ""
    for index, message in enumerate(messages):
        role = message.get("role")
        if role != "tool" and open_ids:
            return (
                "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. "
                f"The following tool_call_ids did not have response messages: {', '.join(open_ids)}"
            )
        problem = _problem_of_message(index, message) or _problem_of_order(index, previous, role)
        if problem:
            return problem
        if role == "tool":
            if message.get("tool_call_id") not in open_ids:
                return f"Invalid parameter: messages[{index}] with role 'tool' must be a response to a preceding message with 'tool_calls'."
            open_ids.remove(message["tool_call_id"])
        open_ids = [call["id"] for call in message.get("tool_calls", [])] if role == "assistant" else open_ids
        previous = role
    if open_ids:
        return f"The following tool_call_ids did not have response messages: {', '.join(open_ids)}"
    return "" if previous in ("user", "tool") else "The last message must be of the user or a tool."


def events(model: str, parts: Sequence[Mapping[str, Any]], position: int) -> Iterable[dict[str, Any]]:
    """The streamed pieces of a chunk of the script, whose parts come as Gemini's; `position` is that of its call in the reply.
    A call comes as a head and two pieces of its arguments, as services send it."""
    sent = False
    for part in parts:
        if "functionCall" in part:
            call = part["functionCall"]
            arguments = json.dumps(call["args"])
            head = {"index": position, "id": call.get("id") or f"call_{position}", "type": "function"}
            yield event(model, {"tool_calls": [{**head, "function": {"name": call["name"], "arguments": ""}}]})
            middle = len(arguments) // 2
            for piece in (arguments[:middle], arguments[middle:]):
                yield event(model, {"tool_calls": [{"index": position, "function": {"arguments": piece}}]})
            sent = True
        elif part.get("text"):
            yield event(model, {"content": part["text"]})
            sent = True
    if not sent:
        yield event(model, {})


def ending(model: str, finish: str, usage: Mapping[str, int], *, calls: int) -> Iterable[dict[str, Any]]:
    """The end of a reply with `calls` calls that the script ends with Gemini's `finish`: the reason, then usage without a choice."""
    if finish == "MALFORMED_FUNCTION_CALL":
        call = {"index": calls, "id": f"call_{calls}", "type": "function", "function": {"name": "shell", "arguments": '{"command": '}}
        yield event(model, {"tool_calls": [call]})
        calls += 1
    yield event(model, {}, _FINISH.get(finish) or ("tool_calls" if calls else "stop"))
    counted = {"prompt_tokens": usage["promptTokenCount"], "completion_tokens": usage["candidatesTokenCount"]}
    yield {**event(model, {}), "choices": [], "usage": {**counted, "total_tokens": usage["totalTokenCount"]}}


def error(status: int, message: str) -> dict[str, Any]:
    """The service's error body."""
    return {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": _CODES.get(status)}}


def event(model: str, delta: Mapping[str, Any], finish: str | None = None) -> dict[str, Any]:
    """One streamed piece of a reply."""
    choice = {"index": 0, "delta": dict(delta), "finish_reason": finish}
    return {"id": "chatcmpl-scripted", "object": CHUNK, "created": 0, "model": model, "choices": [choice]}


def _problem_of_message(index: int, message: Mapping[str, Any]) -> str:
    role = message.get("role")
    if role not in ("system", "user", "assistant", "tool"):
        return f"Invalid value: '{role}'. Supported values are: 'system', 'assistant', 'user', and 'tool'."
    calls = message.get("tool_calls")
    if calls is not None and not calls:
        return f"Invalid 'messages[{index}].tool_calls': empty array."
    if not isinstance(message.get("content"), str) and not calls:
        return f"Invalid value for 'content': expected a string, got null. (messages[{index}])"
    for call in calls or ():
        if not _TOOL_NAME.fullmatch(call["function"]["name"]):
            return f"Invalid 'messages[{index}].tool_calls.function.name': string does not match pattern '^[a-zA-Z0-9_-]+$'."
        if not isinstance(_read_json(call["function"]["arguments"]), dict):
            return f"Invalid 'messages[{index}].tool_calls.function.arguments': not a JSON object."
    if len({call["id"] for call in calls or ()}) != len(calls or ()):
        return f"Invalid 'messages[{index}].tool_calls': duplicate ids."
    return ""


def _problem_of_order(index: int, previous: str, role: object) -> str:
    if role == "system" and index:
        return "The system message must be the first."
    if role == previous == "user":
        return "After the optional system message, conversation roles must alternate user/assistant/user/assistant/..."
    if role == previous == "assistant":
        return "Cannot have 2 or more assistant messages in a row."
    return ""


def _read_json(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return None
