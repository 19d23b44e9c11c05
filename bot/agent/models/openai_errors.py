"""What the failures of a Chat Completions service mean, in the words of our own error tree."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

import openai

from bot.agent.models.failures import TRANSIENT, duration, shorten
from bot.errors import ModelError, ModelOverflowError, ModelRefusedError, ModelUnavailableError

FOREIGN = (openai.OpenAIError, OSError, ValueError)
"""What a request raises when it fails: the library's own tree, and what reading a stream that is no JSON raises."""

_OVERFLOW = re.compile(r"context.{0,20}(length|window|size)|maximum (context|prompt)|too many tokens|prompt is too long", re.IGNORECASE)
_NEVER_FITS = re.compile(r"request too large", re.IGNORECASE)
"""What a service says of one request that alone is more than its limit of a minute: to wait does not help, to ask for less does."""


def translate(exc: Exception, model: str) -> ModelError:
    """The error for one of FOREIGN: ModelUnavailableError if asking again may help, else ModelRefusedError with what to do."""
    if isinstance(exc, openai.APIStatusError):
        return _translate_status(exc, model)
    if isinstance(exc, openai.APITimeoutError | TimeoutError):
        return ModelUnavailableError("The model's service did not finish its answer in time; ask again.")
    if isinstance(exc, openai.APIConnectionError | OSError):
        cause = type(exc.__cause__ or exc).__name__
        return ModelUnavailableError(
            f"The model's service cannot be reached ({cause}); check OPENAI_BASE_URL and the network, and ask again."
        )
    if isinstance(exc, openai.APIError):  # an error inside the stream
        return ModelUnavailableError(f"The model's service failed in the middle of its reply: {shorten(exc.message)}.", _hint(exc.body))
    return ModelUnavailableError("The model's service sent an answer that cannot be read; ask again.")


def _translate_status(exc: openai.APIStatusError, model: str) -> ModelError:
    said, status = shorten(_message(exc)), exc.status_code
    if status == 429 and exc.code in ("insufficient_quota", "billing_hard_limit_reached"):
        return ModelRefusedError(f"The account of this key has no quota left: {said}. Top it up, or set another OPENAI_API_KEY.")
    if _is_too_long(exc, said):
        return ModelOverflowError(f"The conversation is too long for the model: {said}.")
    if status in TRANSIENT:
        kind = "is over its limits" if status == 429 else "is failing"
        return ModelUnavailableError(f"The model's service {kind} ({status}): {said}.", retry_after(exc))
    if status == 401:
        return ModelRefusedError(f"The model's service refused the key: {said}. Set OPENAI_API_KEY to a valid key.")
    if status == 403:
        return ModelRefusedError(f"The key may not use the model {model}: {said}. Use another OPENAI_API_KEY or OPENAI_MODEL.")
    if status == 404:
        return ModelRefusedError(f"There is no model {model} at this address: {said}. Check OPENAI_MODEL and OPENAI_BASE_URL.")
    return ModelRefusedError(f"The model's service refused the request ({status}): {said}.")


def _is_too_long(exc: openai.APIStatusError, said: str) -> bool:
    """In the words of OpenAI, Grok, Groq, vLLM, llama.cpp and others. Of a 429, few words are safe: some call a full minute `too many
    tokens`, and that passes."""
    if exc.code == "context_length_exceeded" or exc.status_code == 413:
        return True
    pattern = _NEVER_FITS if exc.status_code == 429 else _OVERFLOW if exc.status_code in (400, 422) else None
    return pattern is not None and pattern.search(said) is not None


def retry_after(exc: openai.APIStatusError) -> float | None:
    """The service's hint in seconds: `retry-after-ms`, `Retry-After` as seconds or as a date, or a RetryInfo in the body."""
    headers = exc.response.headers
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        if re.fullmatch(r"\d+(\.\d+)?", headers.get(name, "")):
            return float(headers[name]) * unit
    try:
        return max(parsedate_to_datetime(headers["retry-after"]).timestamp() - time.time(), 0.0)
    except (KeyError, ValueError):
        return _hint(exc.body)


def _hint(body: Any) -> float | None:
    details = body.get("details") if isinstance(body, Mapping) else None
    found = (duration(detail.get("retryDelay")) for detail in details or () if isinstance(detail, Mapping))
    return next((seconds for seconds in found if seconds is not None), None)


def _message(exc: openai.APIStatusError) -> object:
    """The service's own words; the library puts the status and the whole body before them."""
    body = exc.body
    if isinstance(body, Mapping):
        return body.get("message") or body.get("detail") or body.get("error") or exc.message
    return exc.message
