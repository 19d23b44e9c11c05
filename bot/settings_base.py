"""What all groups of settings have in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Group(BaseModel):
    """A group of settings: immutable, and a name that does not exist is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")
