"""The refusals of the Web API: HTTP 200 with `ok: false`."""

from __future__ import annotations

from collections.abc import Sequence

from bot.devslack.values import Json
from bot.errors import SurfaceError


class ApiRefusalError(SurfaceError):
    """A Web API method says no; `error` is Slack's code, `details` go beside it in the answer."""

    def __init__(self, error: str, **details: object) -> None:
        super().__init__(error)
        self.error = error
        self.details = details

    @property
    def answer(self) -> Json:
        return {"ok": False, "error": self.error, **self.details}


def refuse_with_messages(error: str, messages: Sequence[str]) -> ApiRefusalError:
    """A refusal that explains itself in `response_metadata.messages`, as Slack does for blocks and views."""
    return ApiRefusalError(
        error,
        errors=[message.removeprefix("[ERROR] ") for message in messages],
        response_metadata={"messages": list(messages)},
    )
