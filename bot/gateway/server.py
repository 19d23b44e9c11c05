"""The listener that sandboxes talk to: TLS, one bearer token per rehearsal, every request decided before anything is forwarded."""

from __future__ import annotations

import asyncio
import logging
from functools import lru_cache
from typing import Any

import aiohttp
import orjson
import structlog
from aiohttp import StreamReader, web, web_protocol
from aiohttp.abc import AbstractStreamWriter

from bot import metrics
from bot.errors import ConfigError, UpstreamUnavailableError
from bot.exec_rules import ExecRule
from bot.gateway import certificates
from bot.gateway.apiserver.outcomes import UpstreamFailedError
from bot.gateway.limits import Limits
from bot.gateway.protocol import impersonation, media, status
from bot.gateway.protocol.decide import Decision, Kind, decide
from bot.gateway.protocol.request_info import Malformed, Parsed, parse
from bot.gateway.reading.reads import read, relay
from bot.gateway.reading.reviews import review
from bot.gateway.reading.sources import name_source
from bot.gateway.reading.streaming import HAS_BEGUN, break_off
from bot.gateway.rehearsal import guessing
from bot.gateway.rehearsal.call import Call, answer
from bot.gateway.rehearsal.kubeconfig import render
from bot.gateway.rehearsal.session import Session, token_digest
from bot.gateway.streams import connects
from bot.gateway.writing.writes import refuse, write
from bot.settings import GatewaySettings
from bot.values.requests import RefusedRequest

log = structlog.get_logger()

_MAX_LINE = 128 * 1024
"""Longest request line: `kubectl exec` puts the whole command into it."""


_HARMLESS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
"""Methods that RFC 9110 calls safe: a refused one is not worth asking anybody about."""
_UNPARSED = RefusedRequest("UNKNOWN", "/", "This is not a well-formed HTTP request; it was not applied: send each header once.")
_http_log = logging.getLogger(f"{__name__}.http")
_http_log.setLevel(logging.CRITICAL)  # aiohttp's own errors are about clients that do not speak HTTP, and quote what they sent


class Gateway:
    """The recording proxy. Start it once; open a session for each rehearsal."""

    def __init__(self, settings: GatewaySettings, limits: Limits) -> None:
        self.limits = limits
        self._settings = settings
        self._sessions: dict[bytes, Session] = {}
        self._tls = certificates.make(_names(settings))
        self._runner: web.ServerRunner | None = None
        self._port = settings.port

    @property
    def port(self) -> int:
        """The port it listens on (after `start`, the real one)."""
        return self._port

    @property
    def host(self) -> str:
        """The address or name that clients use."""
        return self._settings.advertise or self._settings.host

    @property
    def address(self) -> str:
        """The base address that clients use."""
        return f"https://[{self.host}]:{self._port}" if ":" in self.host else f"https://{self.host}:{self._port}"

    async def start(self) -> None:
        """Begins to listen. Raises ConfigError if the address cannot be taken."""
        server = web.Server(
            self._handle,
            handler_cancellation=True,
            max_line_size=_MAX_LINE,
            max_field_size=_MAX_LINE,
            auto_decompress=False,
            access_log=None,
            logger=_http_log,
            request_factory=self._make_request,
        )
        self._runner = web.ServerRunner(server, handle_signals=False, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._settings.host, self._settings.port, ssl_context=self._tls.context)
        try:
            await site.start()
        except OSError as exc:
            await self._runner.cleanup()
            where = f"{self._settings.host}:{self._settings.port}"
            raise ConfigError(f"The gateway cannot listen on {where} ({exc.strerror}): set gateway.host and gateway.port.") from exc
        self._port = int(self._runner.addresses[0][1])
        log.info("gateway_started", host=self._settings.host, port=self._port)

    async def close(self) -> None:
        """Ends every session and stops to listen."""
        for session in list(self._sessions.values()):
            self.forget(session)
            session.end()
        if self._runner is not None:
            await self._runner.cleanup()

    def exec_rules(self, cluster: str) -> list[ExecRule]:
        """The execs that pass in this cluster."""
        return [rule for rule in self._settings.exec_allow if rule.cluster in ("", cluster)]

    def admit(self, session: Session, cluster: str) -> None:
        """Makes the session's token valid, and writes its kubeconfig."""
        session.kubeconfig = render(self.address, self._tls.ca_pem, session.token, session.namespace, cluster)
        self._sessions[token_digest(session.token)] = session

    def forget(self, session: Session) -> None:
        """Makes the session's token worthless."""
        self._sessions.pop(token_digest(session.token), None)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        session = self._session_of(request)
        if session is None:
            return _bare(request, 401, "This token is not valid here, or its rehearsal is over.")
        if session.is_over or not session.count_request():
            return _bare(request, 403, session.stop_reason or "The rehearsal is over.")
        task = asyncio.current_task()
        assert task is not None
        session.track(task)
        try:
            return await _answer(request, session)
        except UpstreamUnavailableError as exc:
            log.warning("upstream_unavailable", reason=str(exc))
            return _fail(request, session, 503, str(exc))
        except (ConnectionResetError, aiohttp.ClientConnectionResetError):
            raise  # the client is gone, or its answer broke off: there is nobody to answer
        except Exception:
            log.exception("gateway_request_failed", method=request.method)
            return _fail(request, session, 502, "The gateway could not handle this request; it was not applied.")

    def _make_request(
        self,
        message: Any,
        payload: StreamReader,
        protocol: web.RequestHandler,
        writer: AbstractStreamWriter,
        task: asyncio.Task[None],
    ) -> web.BaseRequest:
        """What aiohttp cannot parse (two Content-Type headers, say) it answers with 400 by itself. Whose it was is not known either, so
        it is noted for everybody who may come from that address: it could have been a write."""
        request = web.BaseRequest(message, payload, protocol, writer, task, asyncio.get_running_loop())
        if message is web_protocol.ERROR:
            for session in self._sessions.values():
                if _is_from(request, session) and not session.is_over:
                    session.recorder.add_refused(_UNPARSED)
        return request

    def _session_of(self, request: web.BaseRequest) -> Session | None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        session = self._sessions.get(token_digest(token.strip())) if scheme.lower() == "bearer" else None
        return session if session is not None and _is_from(request, session) else None


def _is_from(request: web.BaseRequest, session: Session) -> bool:
    """Whether the client's address is one that the session's token may be used from."""
    peer = request.transport.get_extra_info("peername") if request.transport is not None else None
    return peer is not None and session.admits(str(peer[0]).removeprefix("::ffff:"))


_parse = lru_cache(maxsize=2048)(parse)
"""Pure, and clients ask for the same things again and again."""


async def _answer(request: web.BaseRequest, session: Session) -> web.StreamResponse:
    parsed = _parse(request.method, request.raw_path)
    if isinstance(parsed, Malformed):
        return _turn_away(request, session, parsed.status, parsed.reason)
    acting = impersonation.wanted(request.headers, is_allowed=session.may_impersonate)
    if isinstance(acting, str):
        return _turn_away(request, session, 403, acting)
    if acting is not None:
        session = session.acting_as(acting)
    decision = decide(request.method, parsed.info, upgrade=_wants_upgrade(request))
    metrics.GATEWAY_REQUESTS.labels(decision.kind.value).inc()
    if decision.kind in (Kind.READ, Kind.CONNECT, Kind.REFUSED):
        call = Call(request, session, parsed)
        try:
            return await _answer_bodiless(call, decision)
        except UpstreamFailedError as exc:
            if request.get(HAS_BEGUN):
                raise
            return relay(call, exc.answer)
    async with session.taking(session.bodies, request.method, parsed.info.path):
        return await _answer_body(request, session, parsed, decision.kind)


async def _answer_body(request: web.BaseRequest, session: Session, parsed: Parsed, kind: Kind) -> web.StreamResponse:
    """A write or a review. The caller sees to it that only a few bodies are in memory at once."""
    body = None if session.is_over else await _read_body(request, session)
    if session.is_over:  # before its turn came, or by what this one sent
        return _bare(request, 403, session.stop_reason or "The rehearsal is over.")
    call = Call(request, session, parsed, body or b"")
    if body is None:
        return refuse(call, 413, f"The body is larger than {session.limits.body_bytes} bytes.")
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        return refuse(call, 415, "A compressed body cannot be rehearsed.")
    if not media.takes_json(call.accept):
        return refuse(call, 406, media.ONLY_JSON)
    if kind is Kind.REVIEW:
        session.recorder.reads += 1
        return await review(call)
    return await write(call, kind)


async def _answer_bodiless(call: Call, decision: Decision) -> web.StreamResponse:
    """A read, a stream or a refusal. Their bodies, if they have any, are not forwarded."""
    if decision.kind is Kind.READ:
        call.session.recorder.reads += 1
        call.session.recorder.add_source(name_source(call.info, call.accept))
        if await guessing.selects_hidden(call):
            return answer(call, 403, status.failure(403, guessing.REFUSAL, call.info))
        return await read(call)
    if decision.kind is Kind.CONNECT:
        call.session.waits.go_on()
        return await connects.connect(call)
    if call.request.method in _HARMLESS:
        return answer(call, decision.status, status.failure(decision.status, decision.reason, call.info))
    return refuse(call, decision.status, decision.reason)


def _turn_away(request: web.BaseRequest, session: Session, code: int, reason: str) -> web.StreamResponse:
    """Refuses what cannot be decided on or handled, and notes it if it could have changed something."""
    log.info("request_turned_away", method=request.method[:20], status=code)
    metrics.GATEWAY_REQUESTS.labels("turned away").inc()
    if request.method not in _HARMLESS:
        session.recorder.add_refused(RefusedRequest(request.method[:20], request.raw_path.partition("?")[0][:1000], reason))
    return _bare(request, code, reason)


def _wants_upgrade(request: web.BaseRequest) -> bool:
    """Whether the client wants another protocol than HTTP. HTTP/2 on a connection that speaks HTTP/1 is an offer one may pass over."""
    wanted = ",".join(request.headers.getall("Upgrade", [])).lower().replace(" ", "").split(",")
    if wanted == ["h2c"]:
        return False
    return "Upgrade" in request.headers or "upgrade" in request.headers.get("Connection", "").lower()


async def _read_body(request: web.BaseRequest, session: Session) -> bytes | None:
    """The whole body; None if it is larger than one may be, or if the rehearsal has sent too much with it."""
    limit = session.limits.body_bytes
    if request.content_length is not None and request.content_length > limit:
        return None
    if request.headers.get("Expect", "").lower() == "100-continue" and request.transport is not None:
        request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")  # some clients wait for it before they send the body
    body = bytearray()  # not a list of pieces: a client may send a byte at a time, and each object takes forty
    async for chunk in request.content.iter_any():
        body += chunk
        if not session.count_sent(len(chunk)) or len(body) > limit:
            return None
    return bytes(body)


def _fail(request: web.BaseRequest, session: Session, code: int, message: str) -> web.StreamResponse:
    """An answer that says that there is none. In the middle of a stream the connection is closed instead."""
    if request.get(HAS_BEGUN):
        break_off(request)
        raise ConnectionResetError("The answer had begun.")
    return _turn_away(request, session, code, message)


def _bare(request: web.BaseRequest, code: int, message: str) -> web.StreamResponse:
    """A refusal of what has no call. During discovery kubectl prints what is plain text, and of a Status only that it is `unknown`."""
    parsed = _parse(request.method, request.raw_path)
    if isinstance(parsed, Parsed) and not parsed.info.is_resource:
        return web.Response(status=code, text=f"{message}\n")
    return web.Response(status=code, body=orjson.dumps(status.failure(code, message)) + b"\n", headers={"Content-Type": media.JSON})


def _names(settings: GatewaySettings) -> list[str]:
    names = [settings.advertise, settings.host, "localhost", "127.0.0.1"]
    return list(dict.fromkeys(name for name in names if name and name not in ("0.0.0.0", "::")))  # noqa: S104 – compared, not bound
