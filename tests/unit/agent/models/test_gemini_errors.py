"""What the service's failures mean."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from google.genai import errors

from bot.agent.models import gemini_errors
from bot.errors import ModelRefusedError, ModelUnavailableError
from bot.settings_model import ModelChoice

CHOICE = ModelChoice(name="m")


def failure(code: int, message: str = "Sorry.", details: Any = None, headers: dict[str, str] | None = None) -> errors.APIError:
    body = {"error": {"code": code, "message": message, "status": "X", "details": details or []}}
    return errors.APIError(code, body, SimpleNamespace(headers=headers or {}))  # type: ignore[arg-type]


def hint(delay: Any) -> list[Any]:
    return [{"@type": "type.googleapis.com/google.rpc.Help"}, "junk", {"@type": "…RetryInfo", "retryDelay": delay}]


@pytest.mark.parametrize(("delay", "seconds"), [("7s", 7.0), ("0.25s", 0.25), ("soon", None), (7, None), ("-1s", None)])
def test_the_hint_is_read_from_the_body(delay: Any, seconds: float | None) -> None:
    assert gemini_errors.retry_after(failure(429, details=hint(delay))) == seconds


def test_the_hint_is_read_from_the_header_when_the_body_has_none() -> None:
    assert gemini_errors.retry_after(failure(429, headers={"Retry-After": "12"})) == 12.0
    assert gemini_errors.retry_after(failure(429, headers={"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"})) is None


@pytest.mark.parametrize("body", [None, [], "text", {"error": "text"}, {"error": {"details": {"a": 1}}}])
def test_an_error_body_of_any_shape_is_survived(body: Any) -> None:
    exc = failure(503)
    exc.details = body

    assert isinstance(gemini_errors.translate(exc, CHOICE), ModelUnavailableError)


@pytest.mark.parametrize("code", [408, 429, 500, 502, 503, 504])
def test_what_may_pass_is_unavailable(code: int) -> None:
    assert isinstance(gemini_errors.translate(failure(code), CHOICE), ModelUnavailableError)


@pytest.mark.parametrize(
    ("code", "message", "words"),
    [
        (400, "API key not valid. Please pass a valid API key.", "Set GEMINI_API_KEY"),
        (401, "Unauthenticated", "Set GEMINI_API_KEY"),
        (403, "Permission denied", "Use another GEMINI_API_KEY or GEMINI_MODEL"),
        (404, "not found", "Set GEMINI_MODEL"),
        (400, "Invalid argument", "Invalid argument."),
    ],
)
def test_what_will_not_pass_is_refused_with_what_to_do(code: int, message: str, words: str) -> None:
    error = gemini_errors.translate(failure(code, message), CHOICE)

    assert isinstance(error, ModelRefusedError)
    assert words in str(error)


def test_the_services_words_are_one_bounded_line() -> None:
    text = str(gemini_errors.translate(failure(500, "first\n\nsecond " + "x" * 5000), CHOICE))

    assert "first second" in text
    assert len(text) < 450


@pytest.mark.parametrize(
    "exc", [TimeoutError(), aiohttp.ClientPayloadError("cut"), ConnectionResetError(), errors.UnknownApiResponseError("{")]
)
def test_a_broken_connection_is_unavailable(exc: Exception) -> None:
    assert isinstance(exc, gemini_errors.FOREIGN)
    assert isinstance(gemini_errors.translate(exc, CHOICE), ModelUnavailableError)
