"""Every error this program raises on purpose.

BotError
 x ConfigError                     at start only: exit code 2, every problem in one message
 x ModelError        - ModelUnavailableError*   - ModelRefusedError - ModelOverflowError
 x SandboxError      - SandboxUnavailableError* - SandboxLostError
 x GatewayError      - UpstreamUnavailableError*
 x ChangeError       - ChangeClosedError
 x SurfaceError      - SurfaceUnavailableError*
 x StoreError                                                          (* retryable)

Expected outcomes (denied, expired, a non-zero exit code, truncated output) are values, not exceptions.
"""

from __future__ import annotations

from typing import ClassVar


class BotError(Exception):
    """The root. The message is one sentence for a person: what is wrong and what to do."""

    retryable: ClassVar[bool] = False


class ConfigError(BotError):
    """The settings or the cluster do not allow a start. Raised before anything is served."""


class ModelError(BotError):
    """The model gave no usable reply."""


class ModelUnavailableError(ModelError):
    """The model's service cannot be reached or is over its limits; `retry_after_seconds` is its hint, if it gave one."""

    retryable: ClassVar[bool] = True

    def __init__(self, message: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class ModelRefusedError(ModelError):
    """The service refused the request itself (bad key, unknown model, invalid history)."""


class ModelOverflowError(ModelRefusedError):
    """The request holds more than the model's window; a shorter one may be answered."""


class SandboxError(BotError):
    """A sandbox cannot be used, for a reason that does not pass by itself."""


class SandboxUnavailableError(SandboxError):
    """No sandbox now (quota, scheduling, controller down); asking again may help."""

    retryable: ClassVar[bool] = True


class SandboxLostError(SandboxError):
    """The thread's sandbox is gone, and its files with it."""


class GatewayError(BotError):
    """A rehearsal cannot begin or was not recorded faithfully; its result must not be used."""


class UpstreamUnavailableError(GatewayError):
    """The API server does not answer."""

    retryable: ClassVar[bool] = True


class ChangeError(BotError):
    """A change cannot go where it was sent."""


class ChangeClosedError(ChangeError):
    """The change is no longer open: somebody decided it, it lapsed, or a newer one took its place."""


class SurfaceError(BotError):
    """The chat service refused a message for good."""


class SurfaceUnavailableError(SurfaceError):
    """The chat service does not answer or asks to wait `retry_after_seconds`."""

    retryable: ClassVar[bool] = True

    def __init__(self, message: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class StoreError(BotError):
    """The database refused; nothing that needs it may go on."""
