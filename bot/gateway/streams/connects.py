"""Streams into the cluster. An exec is recorded and ends as if refused, or passes where the settings list it; all others are refused
with what to do instead."""

from __future__ import annotations

from dataclasses import dataclass, replace

import orjson
import structlog
from aiohttp import web

from bot.gateway.protocol import status
from bot.gateway.rehearsal.call import Call, answer
from bot.gateway.rehearsal.planned import before_of
from bot.gateway.streams import exec_policy, exec_spdy, exec_websocket
from bot.gateway.streams.exec_spdy import SpdyStream
from bot.gateway.streams.exec_stream import ExecStream, Unread, exited
from bot.gateway.streams.exec_websocket import WebSocketStream
from bot.gateway.writing import instead
from bot.gateway.writing.writes import refuse
from bot.values.requests import ApiRequest, Json, RecordedConnect, RecordedWrite, RefusedRequest, RequestInfo

log = structlog.get_logger()

_REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_NOTE = "What it does in the container cannot be previewed."
_COPY_NOTE = "Whether the target is a directory was not looked at: it is taken for the full path of the copy."


@dataclass(frozen=True, slots=True)
class _Refusal:
    code: int
    body: Json
    is_noted: bool = True
    """False for what the API server would say as well: no such pod, no such right."""


async def connect(call: Call) -> web.StreamResponse:
    """Answers a request for a stream. Raises UpstreamUnavailableError."""
    info = call.info
    if (info.group, info.resource, info.subresource) != ("", "pods", "exec") or call.request.method not in ("GET", "POST"):
        return refuse(call, 403, instead.of_stream(info))
    stream: ExecStream = WebSocketStream(call) if exec_websocket.speaks(call.request) else SpdyStream(call)
    async with call.session.taking(call.session.inputs, call.request.method, info.path):
        with call.session.recorder.answering(call.request.method, info.path):
            planned = await _plan(call)
            if isinstance(planned, _Refusal):
                if planned.is_noted:
                    return refuse(call, planned.code, str(planned.body))
                return answer(call, planned.code, planned.body)
            ending = await _converse(call, planned, stream)
        return await (_pass(call, planned, stream) if ending is None else stream.end(ending))


async def _converse(call: Call, planned: RecordedWrite, stream: ExecStream) -> Json | None:
    """Takes the client's input; how its stream ends, or None if it is to pass."""
    session = call.session
    asked = planned.connect
    assert asked is not None
    await stream.open()
    if not _wants_stdin(call):
        if exec_policy.passes(session.exec_rules, asked):
            return None
        if _is_probe(call, asked):
            session.unlooked.add(call.info.path)
            return exited(1)
        return status.failure(403, await _record(call, planned), call.info)
    stdin = await stream.read_stdin()
    reason = stdin if isinstance(stdin, Unread) else _find_input_problem(call, asked, stdin)
    if reason:
        session.recorder.add_refused(RefusedRequest(call.request.method, call.info.path, str(reason)))
        return status.failure(403, str(reason), call.info)
    complete = replace(planned, request=replace(planned.request, body=bytes(stdin)))  # type: ignore[arg-type]
    return status.failure(403, await _record(call, complete), call.info)


async def _plan(call: Call) -> RecordedWrite | _Refusal:
    """The exec as it would be replayed, without its input; or why it is not even recorded."""
    argv = [value for name, value in call.parsed.query if name == "command"]
    problem = _find_problem(call, argv)
    if problem:
        return _Refusal(403, problem)
    pod = await _find_pod(call)
    if isinstance(pod, _Refusal):
        return pod
    container = _find_container(call, pod)
    if isinstance(container, _Refusal):
        return container
    query = [("command", word) for word in argv] + [("container", container)]
    query += [("stdin", "true")] if _wants_stdin(call) else []
    info = replace(call.info, verb="create")  # a websocket comes as GET, SPDY as POST: what is done is the same
    request = ApiRequest("POST", call.info.path, (*query, ("stdout", "true"), ("stderr", "true")))
    denied = await _find_missing_right(call, info)
    if denied is not None:
        return denied
    metadata = pod["metadata"]
    kept = {"name": info.name, "namespace": info.namespace, "uid": metadata.get("uid", "")}
    before = {"apiVersion": "v1", "kind": "Pod", "metadata": kept}
    note = f"{_NOTE} {_COPY_NOTE}" if _is_copy(call) and _wants_stdin(call) and info.path in call.session.unlooked else _NOTE
    return RecordedWrite(request, info, call.session.writer, before, None, has_preview=False, note=note)


def _find_problem(call: Call, argv: list[str]) -> str:
    if not argv:
        return "This exec names no command: put one after `--`."
    if call.parameter("tty") in ("1", "true"):
        return instead.TTY
    if call.session.redactor.contains_marker("\n".join(argv).encode("utf-8", "surrogatepass")):
        return instead.MARKER
    is_understood = exec_websocket.speaks(call.request) or exec_spdy.speaks(call.request)
    return "" if is_understood else instead.UNKNOWN_PROTOCOL


def _find_input_problem(call: Call, asked: RecordedConnect, stdin: bytes) -> str:
    if call.session.redactor.contains_marker(stdin):
        return instead.MARKER
    program = asked.argv[0].rpartition("/")[2]
    return instead.SHELL.format(program) if not stdin and len(asked.argv) == 1 and program in instead.SHELLS else ""


async def _find_pod(call: Call) -> Json:
    """The pod in the cluster, or a refusal."""
    overlay, info = call.session.overlay, call.info
    entry = overlay.get(info)
    if entry is not None and entry.is_new:
        return _Refusal(403, instead.UNBORN.format(info.namespace, info.name))
    missing = _Refusal(404, status.not_found(replace(info, subresource="")), is_noted=False)
    if overlay.hides_live(info) or (entry is not None and entry.current is None):
        return missing
    return await before_of(call.session, replace(info, subresource="")) or missing


def _find_container(call: Call, pod: Json) -> str | _Refusal:
    """The container that is meant, chosen as the API server does it."""
    spec, asked = pod.get("spec") or {}, call.parameter("container")
    names = [one["name"] for part in ("containers", "initContainers", "ephemeralContainers") for one in spec.get(part) or ()]
    if asked in names:
        return asked
    if asked:
        words = f"container {asked} is not valid for pod {call.info.name}"
    elif len(spec.get("containers") or ()) == 1:
        return str(names[0])
    else:
        words = f"a container name must be specified for pod {call.info.name}, choose one of: [{' '.join(names)}]"
    return _Refusal(400, status.failure(400, words, call.info), is_noted=False)


async def _find_missing_right(call: Call, info: RequestInfo) -> _Refusal | None:
    """What takes the place of a dry run: may the account that changes are made as exec there at all?"""
    names = ("verb", "version", "resource", "subresource", "namespace", "name")
    spec = {"resourceAttributes": {name: getattr(info, name) for name in names}}
    review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": spec}
    request = ApiRequest("POST", _REVIEWS, (), "application/json", orjson.dumps(review))
    response = await call.session.upstream.look_up(request, call.session.writer)
    found = response.object.get("status") if response.is_success and isinstance(response.object, dict) else None
    if not isinstance(found, dict) or found.get("allowed") is True:
        return None
    who = f'User "{call.session.writer.user}"' if call.session.writer else "The bot's own account"
    words = f'pods "{info.name}" is forbidden: {who} cannot create resource "pods/exec" in the namespace "{info.namespace}"'
    hint = "; to allow exec there, bind the ClusterRole kubectl-ai-exec of manifests/access in that namespace"
    return _Refusal(403, status.failure(403, words + hint, info), is_noted=False)


async def _record(call: Call, write: RecordedWrite) -> str:
    """Records the exec; the sentence that its client is refused with."""
    session, info = call.session, write.info
    async with session.write_lock:
        if session.recorder.write_count >= session.limits.writes:
            session.stop(f"stopped: recorded more than {session.limits.writes} writes")
            return "The rehearsal has recorded as many writes as one may."
        session.recorder.add_write(write)
    log.info("exec_recorded", stdin_bytes=len(write.request.body))
    asked = write.connect
    assert asked is not None
    return f"recorded for approval, not run yet: exec in container {asked.container} of pod {info.namespace}/{info.name}"


async def _pass(call: Call, planned: RecordedWrite, stream: ExecStream) -> web.StreamResponse:
    """Runs what the settings list, and shows what it printed once it is over: a secret may go over several lines."""
    session, limits, asked = call.session, call.session.limits, planned.connect
    assert asked is not None
    session.recorder.add_passed(asked)
    session.recorder.add_source(f"the output of a program in pod {call.info.namespace}/{call.info.name}")
    session.recorder.reads += 1
    done = await session.upstream.execute(
        planned.request, session.writer, seconds=limits.exec_seconds, most_bytes=limits.exec_bytes, kept_bytes=limits.exec_bytes
    )
    log.info("exec_passed", exit_code=done.output.exit_code)
    ending = status.failure(500, done.why, call.info) if done.output.exit_code is None else exited(done.output.exit_code)
    if done.data:
        ending = status.failure(403, "It printed something that is not text, which is not shown without approval.", call.info)
    return await stream.end(ending, done.output.stdout.encode("utf-8", "replace"), done.output.stderr.encode("utf-8", "replace"))


def _wants_stdin(call: Call) -> bool:
    return call.parameter("stdin") in ("1", "true")


def _is_copy(call: Call) -> bool:
    """Whether the client says that it is `kubectl cp`. Nothing that is run depends on it."""
    return call.request.headers.get("Kubectl-Command", "") == "kubectl cp"


def _is_probe(call: Call, asked: RecordedConnect) -> bool:
    """Whether `kubectl cp` only looks if its target is a directory. Without an answer it takes the target for the path of the copy."""
    return _is_copy(call) and len(asked.argv) == 3 and asked.argv[:2] == ("test", "-d")
