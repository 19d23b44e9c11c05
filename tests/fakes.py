"""Fakes at the ports: a chat, sandboxes, a cluster and a model that live in memory and outlive the program under test."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from bot.agent.ports import ModelReply, Tool
from bot.changes.change import Change
from bot.changes.freeze import Freeze
from bot.errors import SandboxError, SurfaceError, SurfaceUnavailableError
from bot.gateway.patches import apply_json_patch
from bot.threads.incoming import Glance
from bot.threads.overview import Overview
from bot.threads.ports import ProgressView
from bot.threads.stores import Thread
from bot.values.execs import Executed, Output
from bot.values.people import Person
from bot.values.requests import ApiRequest, ApiResponse, Identity, RecordedConnect, RecordedWrite, Recording, RefusedRequest, RequestInfo
from bot.values.sandbox import Ran
from bot.values.transcript import Entry, ToolCall

WEB = "/apis/apps/v1/namespaces/shop/deployments/web"
POD = "/api/v1/namespaces/shop/pods/web-1"
_VERSION = "/metadata/resourceVersion"
PASSWORD = "correct-horse"
"""What a fake rehearsal takes for a credential."""


class Time:
    """A clock that is set by hand: seconds since the epoch."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class FakeSurface:
    """A chat. Showing is idempotent by key, as the port demands."""

    def __init__(self) -> None:
        self.people = {
            "U1": Person("U1", "T1", "ada"),
            "U2": Person("U2", "T1", "bob"),
            "UG": Person("UG", "T1", "guest", is_guest=True),
        }
        self.groups: dict[str, frozenset[str]] = {"S1": frozenset({"U2"})}
        self.refused_channels: dict[str, str] = {}
        self.texts: dict[str, dict[str, tuple[str, str]]] = {}
        self.files: dict[str, dict[str, tuple[str, str]]] = {}
        self.progress: dict[tuple[str, int], list[ProgressView]] = {}
        self.cards: dict[int, list[Change]] = {}
        self.cut: set[int] = set()
        """Changes of which only a part is shown."""
        self.freezes: dict[int, Freeze | None] = {}
        """What the last picture of a card said of a freeze."""
        self.whispers: list[tuple[str, str]] = []
        self.told: dict[str, tuple[str, str]] = {}
        """In direct messages, by key."""
        self.modals: list[tuple[str, int]] = []
        self.pings: list[tuple[str, int]] = []
        """Whom it was told that changes lapse soon or lapsed; unlike in a real chat, a second drawing is seen here."""
        self.outputs: list[tuple[Glance, str, str]] = []
        self.overviews: list[tuple[str, Overview]] = []
        self.homes: dict[str, Overview] = {}
        self.suggested: list[str] = []
        self.strange_channels: set[str] = set()
        self.shown: list[str] = []
        """The messages in the order in which they first came."""
        self.roots: dict[str, str] = {}
        self.is_down = False
        self.takes_no_message = False
        self.refused_keys: set[str] = set()
        """Messages that Slack refuses for good."""
        self.on_show: Callable[[], None] = lambda: None

    async def start_thread(self, channel_id: str, key: str, user_id: str, text: str) -> str:
        await self._reach()
        return self.roots.setdefault(key, f"{900 + len(self.roots)}.1")

    async def show_progress(self, thread: Thread, turn: int, view: ProgressView) -> None:
        await self._take(f"progress:{turn}")
        self.progress.setdefault((thread.id, turn), []).append(view)
        self.on_show()

    async def show_change(self, thread: Thread, change: Change, *, freeze: Freeze | None = None) -> None:
        await self._take(f"change:{change.id}")
        self.freezes[change.id] = freeze
        self.cards.setdefault(change.id, []).append(change)
        self.on_show()

    async def shows_whole(self, change: Change) -> bool:
        await self._reach()
        return change.id in self.cards and change.id not in self.cut

    async def show_text(self, thread: Thread, key: str, text: str, *, code: str = "") -> None:
        await self._take(key)
        self.texts.setdefault(thread.id, {})[key] = (text, code)
        self.on_show()

    async def share_file(self, thread: Thread, key: str, name: str, title: str, content: str) -> None:
        await self._reach()
        self.files.setdefault(thread.id, {})[key] = (name, content)

    async def whisper(self, channel_id: str, thread_ts: str, user_id: str, text: str) -> None:
        await self._reach()
        self.whispers.append((user_id, text))

    async def tell(self, user_id: str, key: str, text: str, thread: Thread | None = None) -> None:
        await self._reach()
        self.told.setdefault(key, (user_id, text))

    async def whisper_overview(self, channel_id: str, user_id: str, overview: Overview) -> None:
        await self._reach()
        self.overviews.append((user_id, overview))

    async def show_home(self, user_id: str, overview: Overview) -> None:
        await self._reach()
        self.homes[user_id] = overview

    async def suggest(self, channel_id: str) -> None:
        await self._reach()
        self.suggested.append(channel_id)

    async def is_member(self, channel_id: str, user_id: str, *, is_fresh: bool = False) -> bool:
        await self._reach()
        return channel_id not in self.strange_channels

    async def find_problems(self) -> Sequence[str]:
        await self._reach()
        return ["The Slack app lacks the scope files:write."]

    async def show_details(self, trigger_id: str, change: Change) -> None:
        await self._reach()
        self.modals.append(("details", change.id))

    async def show_output(self, glance: Glance, text: str, code: str) -> None:
        await self._reach()
        self.outputs.append((glance, text, code))

    async def ask_reason(self, trigger_id: str, change: Change, *, is_home: bool = False) -> None:
        await self._reach()
        self.modals.append(("reason at home" if is_home else "reason", change.id))

    async def ask_command(self, trigger_id: str, change: Change) -> None:
        await self._reach()
        self.modals.append(("edit", change.id))

    async def show_reminder(self, thread: Thread, change: Change) -> None:
        await self._reach()
        self.pings.append(("remind", change.id))

    async def show_lapse(self, thread: Thread, change: Change) -> None:
        await self._reach()
        self.pings.append(("lapsed", change.id))

    async def person(self, user_id: str) -> Person:
        await self._reach()
        return self.people[user_id]

    async def members_of(self, group_id: str) -> frozenset[str]:
        await self._reach()
        return self.groups[group_id]

    async def channel_refusal(self, channel_id: str) -> str:
        await self._reach()
        return self.refused_channels.get(channel_id, "")

    async def _take(self, key: str) -> None:
        await self._reach()
        if self.takes_no_message:
            raise SurfaceUnavailableError("Slack takes no message.")
        if key in self.refused_keys:
            raise SurfaceError("This channel is archived; use another one.")
        if key not in self.shown:
            self.shown.append(key)

    async def _reach(self) -> None:
        await asyncio.sleep(0)
        if self.is_down:
            raise SurfaceUnavailableError("Slack does not answer.")


class FakeCluster:
    """An API server that holds one Deployment, and rehearsals of commands against it."""

    def __init__(self) -> None:
        self.name = "prod"
        self.object: dict[str, Any] = {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "web", "namespace": "shop", "uid": "uid-1", "resourceVersion": "10", "generation": 1},
            "spec": {"replicas": 3, "selector": {"matchLabels": {"app": "web"}}, "template": {"metadata": {"labels": {"app": "web"}}}},
        }
        self.landed: list[dict[str, Any]] = []
        self.pod: dict[str, Any] = {
            "kind": "Pod",
            "metadata": {"name": "web-1", "namespace": "shop", "uid": "uid-pod"},
            "status": {"containerStatuses": [{"name": "web", "state": {"running": {}}}]},
        }
        self.executed: list[ApiRequest] = []
        self.ends: Callable[[ApiRequest], Executed] = lambda request: Executed(Output(0))
        self.rehearsals: dict[str, FakeRehearsal] = {}
        self.opened = 0

    @property
    def api(self) -> FakeCluster:
        return self

    def api_for(self, thread_id: str) -> FakeCluster:
        return self

    async def redact(self, thread_id: str, text: str) -> str:
        await asyncio.sleep(0)
        return text.replace(PASSWORD, "[redacted]")

    def identity(self, person: Person) -> Identity | None:
        return None

    def reader(self, user_id: str) -> Identity | None:
        return None

    @asynccontextmanager
    async def rehearse(
        self, thread_id: str, asker: Person, namespace: str, address: str, *, log_lines: int = 0
    ) -> AsyncIterator[FakeRehearsal]:
        await asyncio.sleep(0)
        self.opened += 1
        rehearsal = FakeRehearsal(f"kubeconfig-{self.opened}", log_lines)
        self.rehearsals[rehearsal.kubeconfig] = rehearsal
        try:
            yield rehearsal
        finally:
            self.rehearsals.pop(rehearsal.kubeconfig)

    async def send(self, request: ApiRequest, identity: Identity | None, *, dry_run: bool) -> ApiResponse:
        await asyncio.sleep(0)
        if request.path == POD and request.method == "GET":
            return _answer(200, self.pod)
        if request.path == "/version":
            return _answer(200, {"gitVersion": "v1.36.2"})
        if not request.path.startswith(WEB):
            return _answer(404, {"kind": "Status", "status": "Failure", "code": 404, "reason": "NotFound", "message": "not found"})
        if request.method == "GET":
            return _answer(200, self.object)
        patch = json.loads(request.body)
        expected = _tied_to(patch) or self.object["metadata"]["resourceVersion"]
        if expected != self.object["metadata"]["resourceVersion"]:
            return _answer(409, {"kind": "Status", "status": "Failure", "code": 409, "reason": "Conflict", "message": "modified"})
        changed = self.patched(patch)
        if not dry_run:
            self.object = changed
            self.landed.append(patch)
        return _answer(200, changed)

    async def execute(
        self, request: ApiRequest, identity: Identity | None, *, seconds: float, most_bytes: int, kept_bytes: int
    ) -> Executed:
        await asyncio.sleep(0)
        self.executed.append(request)
        return self.ends(request)

    def execing(self, *argv: str, stdin: bytes = b"") -> RecordedWrite:
        """What the gateway records of `kubectl exec web-1 -- …`."""
        query = [("command", word) for word in argv] + [("container", "web")] + ([("stdin", "true")] if stdin else [])
        request = ApiRequest("POST", f"{POD}/exec", (*query, ("stdout", "true"), ("stderr", "true")), body=stdin)
        info = RequestInfo("create", True, f"{POD}/exec", "", "v1", "pods", "exec", "shop", "web-1")
        before = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web-1", "namespace": "shop", "uid": "uid-pod"}}
        return RecordedWrite(
            request, info, None, before, None, has_preview=False, note="What it does in the container cannot be previewed."
        )

    def patched(self, patch: Any) -> dict[str, Any]:
        """The object as the merge patch or the JSON patch leaves it."""
        changed: dict[str, Any] = json.loads(json.dumps(self.object))
        if isinstance(patch, list):
            changed = apply_json_patch(changed, [operation for operation in patch if operation["path"] != _VERSION])
        else:
            changed["spec"].update(patch.get("spec", {}))
        if changed["spec"] != self.object["spec"]:
            version = int(self.object["metadata"]["resourceVersion"]) + 1
            changed["metadata"] |= {"resourceVersion": str(version), "generation": self.object["metadata"]["generation"] + 1}
        return changed

    def scale(self, replicas: int) -> RecordedWrite:
        """What the gateway records of `kubectl scale`."""
        patch = {"spec": {"replicas": replicas}}
        request = ApiRequest("PATCH", WEB, (), "application/merge-patch+json", json.dumps(patch).encode())
        info = RequestInfo("patch", True, WEB, "apps", "v1", "deployments", "", "shop", "web")
        return RecordedWrite(request, info, None, before=self.object, after=self.patched(patch))


def _tied_to(patch: Any) -> str:
    """The resourceVersion that a patch demands; '' if none."""
    if isinstance(patch, list):
        return next((operation["value"] for operation in patch if operation["path"] == _VERSION), "")
    return str((patch.get("metadata") or {}).get("resourceVersion", ""))


def _answer(status: int, body: dict[str, Any]) -> ApiResponse:
    text = json.dumps(body).encode()
    return ApiResponse(status, {"Content-Type": "application/json"}, text, json.loads(text))


class FakeRehearsal:
    """A door that records what it is told to."""

    def __init__(self, kubeconfig: str, log_lines: int = 0) -> None:
        self.kubeconfig = kubeconfig
        self.log_lines = log_lines
        self.recording = Recording()
        self.ending: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def stopped(self) -> str:
        return await self.ending

    def end(self) -> Recording:
        return self.recording

    async def redact(self, text: str) -> str:
        await asyncio.sleep(0)
        return text.replace(PASSWORD, "[redacted]")

    def record(self, *writes: RecordedWrite) -> None:
        self.recording = replace(self.recording, writes=self.recording.writes + writes)

    def let_through(self, connect: RecordedConnect) -> None:
        self.recording = replace(self.recording, passed=(*self.recording.passed, connect))

    def refuse(self, refused: RefusedRequest) -> None:
        self.recording = replace(self.recording, refused=(*self.recording.refused, refused))

    def stop(self, reason: str) -> None:
        self.recording = replace(self.recording, stopped=reason)
        self.ending.set_result(reason)


Program = Callable[[FakeRehearsal], Awaitable[Ran]]


@dataclass
class FakeSandbox:
    """A shell that knows the programs it was given."""

    pod: str
    cluster: FakeCluster
    programs: dict[str, Program]
    ran: list[str]
    files: dict[str, bytes]
    address: str = "10.0.0.1"

    async def put(self, name: str, data: bytes) -> str:
        await asyncio.sleep(0)
        self.files[name] = data
        return f"/home/agent/{name}"

    async def run(self, command: str, kubeconfig: str, *, timeout_seconds: float, max_output_bytes: int) -> Ran:
        await asyncio.sleep(0)
        self.ran.append(command)
        program = self.programs.get(command)
        if program is None:
            return Ran(127, "", f"bash: {command}: command not found\n", 0.01)
        return await program(self.cluster.rehearsals[kubeconfig] if kubeconfig else FakeRehearsal(""))


@dataclass
class FakeSandboxes:
    """One sandbox per thread, until it is released."""

    cluster: FakeCluster
    programs: dict[str, Program] = field(default_factory=dict)
    ran: list[str] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    claims: dict[str, str] = field(default_factory=dict)
    made: int = 0
    errors: list[SandboxError] = field(default_factory=list)

    async def acquire(self, thread_id: str) -> FakeSandbox:
        await asyncio.sleep(0)
        if self.errors:
            raise self.errors.pop(0)
        if thread_id not in self.claims:
            self.made += 1
            self.claims[thread_id] = f"pod-{self.made}"
        return FakeSandbox(self.claims[thread_id], self.cluster, self.programs, self.ran, self.files)

    async def release(self, thread_id: str) -> None:
        await asyncio.sleep(0)
        self.claims.pop(thread_id, None)


class FakeModel:
    """A model whose replies depend on what it has been told so far, as a real one's do."""

    name = "fake"
    window_tokens = 1_000_000

    def __init__(self, think: Callable[[Sequence[Entry]], ModelReply]) -> None:
        self._think = think
        self.asked = 0
        self.errors: list[Exception] = []

    async def reply(
        self, instructions: str, transcript: Sequence[Entry], tools: Sequence[Tool], on_text: Callable[[str], None]
    ) -> ModelReply:
        await asyncio.sleep(0)
        self.asked += 1
        if self.errors:
            raise self.errors.pop(0)
        reply = self._think(transcript)
        on_text(reply.text)
        await asyncio.sleep(0)
        return reply

    async def check(self) -> None: ...

    async def close(self) -> None: ...


def say(text: str, *commands: tuple[str, str]) -> ModelReply:
    """A reply with calls of `shell`: (id, command)."""
    calls = tuple(ToolCall(call_id, "shell", {"command": command}) for call_id, command in commands)
    return ModelReply("fake", json.dumps({"text": text}), text, calls, "stop")


def use(call_id: str, tool: str, **arguments: object) -> ModelReply:
    """A reply with one call of another tool."""
    return ModelReply("fake", json.dumps({"use": tool}), "", (ToolCall(call_id, tool, arguments),), "stop")


def prints(output: str, exit_code: int = 0) -> Program:
    """A program that reads and prints."""

    async def run(_: FakeRehearsal) -> Ran:
        return Ran(exit_code, output, "", 0.1)

    return run


def scales(cluster: FakeCluster, replicas: int) -> Program:
    """`kubectl scale deploy/web`"""

    async def run(rehearsal: FakeRehearsal) -> Ran:
        rehearsal.record(cluster.scale(replicas))
        return Ran(0, "deployment.apps/web scaled\n", "", 0.1)

    return run


def execs(cluster: FakeCluster, *argv: str, stdin: bytes = b"") -> Program:
    """`kubectl exec web-1 -- …`"""

    async def run(rehearsal: FakeRehearsal) -> Ran:
        rehearsal.record(cluster.execing(*argv, stdin=stdin))
        words = "error: recorded for approval, not run yet: exec in container web of pod shop/web-1\n"
        return Ran(1, "", words, 0.1)

    return run


async def hangs(_: FakeRehearsal) -> Ran:
    """A program that never ends."""
    await asyncio.Event().wait()
    raise AssertionError("unreachable")
