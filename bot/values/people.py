"""People of the chat and the conversations they are in."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Person:
    """A chat user as the chat service describes them right now."""

    user_id: str
    team_id: str
    name: str
    is_bot: bool = False
    is_guest: bool = False
    """Restricted or ultra-restricted (single-channel) guests."""
    is_external: bool = False
    """From another workspace, a stranger, or of unknown origin."""
    is_deleted: bool = False
    is_program: bool = False
    """Whether it stands for a program on this machine, behind which a model reads what its commands print."""

    @property
    def refusal(self) -> str:
        """Why this person may not use the bot, in one sentence; empty if they may."""
        if self.is_bot:
            return "Bots cannot use kubectl-ai."
        if self.is_deleted:
            return "This account is deactivated."
        if self.is_external:
            return "Only members of this workspace can use kubectl-ai."
        if self.is_guest:
            return "Guests cannot use kubectl-ai; ask a member of the on-call team."
        return ""


class Reach(StrEnum):
    """Whether anybody who may approve what is asked for in a conversation sees it there."""

    SEEN = "seen"
    """Somebody does, or it cannot be told."""
    ABSENT = "absent"
    """Nobody does now; one of them may be invited."""
    NEVER = "never"
    """Nobody ever will: it is a direct message."""


@dataclass(frozen=True, slots=True)
class ThreadKey:
    """A conversation: one chat thread = one session, one sandbox, one cluster."""

    team_id: str
    channel_id: str
    thread_ts: str

    @property
    def id(self) -> str:
        return f"{self.team_id}:{self.channel_id}:{self.thread_ts}"

    @classmethod
    def of(cls, thread_id: str) -> ThreadKey:
        """The inverse of `id`. Raises ValueError for anything else."""
        team, channel, ts = thread_id.split(":")
        return cls(team, channel, ts)
