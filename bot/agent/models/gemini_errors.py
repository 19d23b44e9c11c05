"""What the Gemini service's failures mean, in the words of our own error tree."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import aiohttp
from google.auth import exceptions as auth_errors
from google.genai import errors
from pydantic import ValidationError

from bot.agent.models.failures import TRANSIENT, duration, shorten
from bot.errors import ModelError, ModelOverflowError, ModelRefusedError, ModelUnavailableError
from bot.settings_model import ModelChoice

FOREIGN = (
    errors.APIError,
    errors.UnknownApiResponseError,
    auth_errors.GoogleAuthError,
    aiohttp.ClientError,
    OSError,
    ValidationError,
)
"""What a request of google-genai over aiohttp raises when it fails (TimeoutError is an OSError)."""

_OVERFLOW = re.compile(r"token count.*exceeds|exceeds the maximum number of tokens|context length", re.IGNORECASE)


def translate(exc: Exception, choice: ModelChoice) -> ModelError:
    """The error for one of FOREIGN: ModelUnavailableError if asking again may help, else ModelRefusedError with what to do."""
    if isinstance(exc, errors.APIError):
        return _translate_status(exc, choice)
    if isinstance(exc, auth_errors.TransportError):
        return ModelUnavailableError("Google's token service cannot be reached; check the network and ask again.")
    if isinstance(exc, auth_errors.GoogleAuthError):
        return ModelRefusedError(
            f"Vertex AI has no usable credentials: {shorten(exc)}. Set GOOGLE_APPLICATION_CREDENTIALS, or bind the bot's service account."
        )
    if isinstance(exc, TimeoutError):
        return ModelUnavailableError("The model's service did not finish its answer in time; ask again.")
    if isinstance(exc, aiohttp.ClientError | OSError):
        return ModelUnavailableError(f"The model's service cannot be reached ({type(exc).__name__}); check the network and ask again.")
    return ModelUnavailableError("The model's service sent an answer that cannot be read; ask again.")


def is_not_found(exc: BaseException | None) -> bool:
    """Whether the service does not know the model."""
    return isinstance(exc, errors.APIError) and exc.code == 404


def _translate_status(exc: errors.APIError, choice: ModelChoice) -> ModelError:
    said = shorten(exc.message)
    credentials = "GEMINI_API_KEY" if choice.provider == "gemini" else "GOOGLE_APPLICATION_CREDENTIALS"
    if exc.code in TRANSIENT:
        if exc.code == 429:
            return ModelUnavailableError(f"The model's service is over its limits (429): {said}.", retry_after(exc))
        return ModelUnavailableError(f"The model's service is failing ({exc.code}): {said}.", retry_after(exc))
    if exc.code == 400 and _OVERFLOW.search(said):
        return ModelOverflowError(f"The conversation is too long for the model: {said}.")
    if exc.code == 401 or "api key" in said.lower():
        return ModelRefusedError(f"The model's service refused the key: {said}. Set {credentials} to a valid key.")
    if exc.code == 403:
        return ModelRefusedError(f"The key may not use the model {choice.model}: {said}. Use another {credentials} or GEMINI_MODEL.")
    if exc.code == 404:
        return ModelRefusedError(f"There is no model {choice.model} for this key. Set GEMINI_MODEL to one that is served.")
    return ModelRefusedError(f"The model's service refused the request ({exc.code}): {said}.")


def retry_after(exc: errors.APIError) -> float | None:
    """The service's hint in seconds: RetryInfo in the body, else the Retry-After header; None if it gives none."""
    for detail in _details(exc.details):
        seconds = duration(detail.get("retryDelay"))
        if seconds is not None:
            return seconds
    headers = getattr(exc.response, "headers", None)
    value = headers.get("Retry-After", "") if isinstance(headers, Mapping) else ""
    return float(value) if re.fullmatch(r"\d+(\.\d+)?", value) else None


def _details(body: Any) -> Iterable[Mapping[str, Any]]:
    error = body.get("error", body) if isinstance(body, Mapping) else {}
    details = error.get("details", []) if isinstance(error, Mapping) else []
    return [detail for detail in details if isinstance(detail, Mapping)] if isinstance(details, list) else []
