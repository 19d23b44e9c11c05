"""What threads need from the world outside the store: a chat surface, sandboxes, rehearsals on clusters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from bot.changes.change import Change
from bot.changes.freeze import Freeze
from bot.changes.ports import ClusterApi
from bot.threads.inbound.incoming import Glance
from bot.threads.inbound.overview import Overview
from bot.threads.stores import Thread
from bot.values.people import Person, Reach
from bot.values.requests import Identity, Recording
from bot.values.sandbox import Ran

Clock = Callable[[], float]
"""Seconds since the epoch."""


class Sandbox(Protocol):
    """A thread's own sandbox, proven to be isolated."""

    @property
    def identity(self) -> str:
        """Which pod it is: with another one, the files of earlier commands are gone."""
        ...

    @property
    def address(self) -> str:
        """The pod's IP: the only address a rehearsal's token is good from."""
        ...

    async def run(self, command: str, kubeconfig: str, *, timeout_seconds: float, max_output_bytes: int) -> Ran:
        """Runs `bash -c command` with this kubeconfig; '' is one without a cluster. Cancelling kills the command's process group in the
        sandbox. Raises SandboxLostError if the sandbox went away."""
        ...

    async def put(self, name: str, data: bytes) -> str:
        """Writes a file of this name into the home folder; its path there. Raises SandboxError if that fails."""
        ...


class Sandboxes(Protocol):
    """Claims of kubernetes-sigs/agent-sandbox, one per thread, deterministic by name."""

    async def acquire(self, thread_id: str) -> Sandbox:
        """The thread's sandbox, claimed if needed, its lease moved forward, its isolation proven before first use.
        Raises SandboxUnavailableError (no capacity…) or SandboxError (not isolated: never used)."""
        ...

    async def release(self, thread_id: str) -> None:
        """Deletes the claim; the sandbox's files are gone. No error if there is none."""
        ...


class Rehearsal(Protocol):
    """One command's door to the cluster. Dead after `end`."""

    @property
    def kubeconfig(self) -> str: ...

    async def stopped(self) -> str:
        """Waits until the gateway ends the rehearsal by itself (it waits for its own write, or a limit is reached); the reason."""
        ...

    def end(self) -> Recording: ...

    async def redact(self, text: str) -> str:
        """The output of the command with markers in place of what looks like a credential; a sentence instead of it if it
        cannot be checked."""
        ...


class Cluster(Protocol):
    """A cluster that threads may talk to."""

    @property
    def name(self) -> str: ...

    @property
    def api(self) -> ClusterApi: ...

    def api_for(self, thread_id: str) -> ClusterApi:
        """The same, with hidden values marked as in the rehearsals of this thread: a re-check compares them."""
        ...

    def rehearse(
        self, thread_id: str, asker: Person, namespace: str, address: str, *, log_lines: int = 0
    ) -> AbstractAsyncContextManager[Rehearsal]:
        """Opens a rehearsal for a client at `address` (empty: any loopback address). Of a log whose request names no limit it reads
        the last `log_lines` (0: all), and its recording says whose. Raises GatewayError."""
        ...

    async def redact(self, thread_id: str, text: str) -> str:
        """As `Rehearsal.redact`, with the marks of this thread's rehearsals: equal credentials look equal."""
        ...

    def identity(self, person: Person) -> Identity | None:
        """The Kubernetes user this person is mapped to; None if people are not mapped."""
        ...

    def reader(self, user_id: str) -> Identity | None:
        """Who reads for this user: the Kubernetes user they are mapped to, or the reader account; None is the bot itself.
        Raises GatewayError for somebody who is not listed."""
        ...


class Surface(Protocol):
    """The chat. Showing is idempotent by key: the same key is the same message, posted once and edited after that,
    also across crashes. Failures raise SurfaceUnavailableError (try again) or SurfaceError."""

    async def start_thread(self, channel_id: str, key: str, user_id: str, text: str) -> str:
        """Posts the root message of a thread for a slash command; its ts."""
        ...

    async def show_progress(self, thread: Thread, turn: int, view: ProgressView) -> None: ...

    async def show_change(self, thread: Thread, change: Change, *, freeze: Freeze | None = None, reach: Reach = Reach.SEEN) -> None:
        """`freeze` is what holds on the change's cluster, `reach` says whether somebody who may approve sees the thread."""
        ...

    async def shows_whole(self, change: Change) -> bool:
        """Whether people can see all of the change in its thread, and not only the beginning that is left of a card Slack refused."""
        ...

    async def show_text(self, thread: Thread, key: str, text: str, *, code: str = "") -> None:
        """Posts an answer or a notice: `text` in Markdown, and `code` below it as preformatted text, both untrusted."""
        ...

    async def share_file(self, thread: Thread, key: str, name: str, title: str, content: str) -> None:
        """Puts a text file into the thread, once per key."""
        ...

    async def whisper(self, channel_id: str, thread_ts: str, user_id: str, text: str) -> None:
        """Tells one person only."""
        ...

    async def tell(self, user_id: str, key: str, text: str, thread: Thread | None = None) -> None:
        """Tells one person in their direct messages, once per key; `thread` is what it is about."""
        ...

    async def whisper_overview(self, channel_id: str, user_id: str, overview: Overview) -> None:
        """Tells one person how things are."""
        ...

    async def show_home(self, user_id: str, overview: Overview) -> None:
        """Draws the app's Home of one person."""
        ...

    async def suggest(self, channel_id: str) -> None:
        """Offers questions in a person's direct messages. Where the chat cannot do that, nothing happens."""
        ...

    async def is_member(self, channel_id: str, user_id: str, *, is_fresh: bool = False) -> bool:
        """Whether the person is in the conversation; `is_fresh` asks for how it is now, and not a moment ago. Raises if it cannot be
        asked."""
        ...

    async def find_problems(self) -> Sequence[str]:
        """What is wrong with the bot's installation in the chat, one sentence each."""
        ...

    async def show_details(self, trigger_id: str, change: Change) -> None:
        """Opens the modal with the full diff and the exact API requests."""
        ...

    async def show_output(self, glance: Glance, text: str, code: str) -> None:
        """Opens or turns the window on a whole text: `text` in Markdown and `code`, both untrusted, in pages."""
        ...

    async def ask_reason(self, trigger_id: str, change: Change, *, is_home: bool = False) -> None:
        """Opens the modal that asks why the change is denied; `is_home` says that it was asked for in the Home."""
        ...

    async def ask_command(self, trigger_id: str, change: Change) -> None:
        """Opens the modal in which the asker edits the command line."""
        ...

    async def show_reminder(self, thread: Thread, change: Change, *, reach: Reach = Reach.SEEN) -> None:
        """Tells those who may approve, mentioning them, that the change lapses soon; the asker where none of them sees it."""
        ...

    async def show_lapse(self, thread: Thread, change: Change) -> None:
        """Tells the asker, mentioning them, that nobody decided the change in time."""
        ...

    async def person(self, user_id: str) -> Person:
        """The person as the chat service knows them now. Raises if it cannot be asked."""
        ...

    async def members_of(self, group_id: str) -> frozenset[str]: ...

    async def channel_refusal(self, channel_id: str) -> str:
        """Why the bot may not work in this channel (shared with outsiders, not allow-listed, unknown), or ''."""
        ...


@dataclass(frozen=True, slots=True)
class Step:
    """One command of a turn as the progress message shows it."""

    command: str
    state: str
    """`running`, `ok`, `error`, `waiting`, `left` (its turn ended before its change did), `stopped`, `denied`, `expired`"""
    seconds: float = 0.0
    lines: int = 0
    output: str = ""
    """Key of its output, for a window on it; '' if there is none to show."""


@dataclass(frozen=True, slots=True)
class ProgressView:
    """What the progress message of a turn shows."""

    state: str
    """`working`, `waiting` (for an approval), `done`, `stopped`, `failed`, `limited` (it may be told to go on)"""
    headline: str
    steps: tuple[Step, ...] = ()
    thinking: str = ""
    """What the model said last, or its text so far while it streams."""
    writing: str = ""
    """Its text so far, only while it streams."""
    question: str = ""
    """What was asked first in the thread, by which people find it again."""
    queued: int = 0
    """Later messages that wait until this turn is over."""
