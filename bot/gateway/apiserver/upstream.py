"""One API server as the gateway talks to it: the bot's credential, the impersonated user, and nothing of the client's own headers.

Every write leaves through `ask` or `send`; with `dry_run` the request is put into its dry-run form there and nowhere else.
"""

from __future__ import annotations

import copy
import os
import ssl
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlencode

import aiohttp
import orjson
import structlog
from multidict import CIMultiDict
from yarl import URL

from bot.errors import GatewayError, UpstreamUnavailableError
from bot.gateway.apiserver import execs
from bot.gateway.apiserver.aggregation import Aggregation
from bot.gateway.apiserver.outcomes import UpstreamFailedError
from bot.gateway.apiserver.schemas import Schemas
from bot.gateway.hiding.redaction import Redactor
from bot.gateway.limits import Limits
from bot.gateway.protocol import dry_run as dry
from bot.gateway.protocol import media, status
from bot.gateway.protocol.decide import Kind, decide
from bot.gateway.protocol.request_info import Malformed, parse
from bot.kube.connection import KubeConnection
from bot.values.execs import Executed
from bot.values.requests import ApiRequest, ApiResponse, Identity, Json, RequestInfo

log = structlog.get_logger()

UNREADABLE = (
    "The body of this write of a Secret cannot be read without doubt: send JSON, YAML or protobuf, name no field twice, "
    "and write values as text, under `data` in base64."
)


class Upstream:
    """Sends requests to one API server. Implements `ClusterApi`."""

    def __init__(
        self, connection: KubeConnection, redactor: Redactor, reader: Identity | None = None, limits: Limits | None = None
    ) -> None:
        self.redactor = redactor
        self.aggregation = Aggregation(self.look_up, reader)
        self.schemas = Schemas(self.look_up)
        self._connection = connection
        self._reader = reader
        self._limits = limits or Limits()

    def marking_with(self, redactor: Redactor) -> Upstream:
        """The same API server, whose Secrets' values get the markers of another redactor."""
        other = copy.copy(self)
        other.redactor = redactor
        return other

    async def send(self, request: ApiRequest, identity: Identity | None, *, dry_run: bool) -> ApiResponse:
        """See `ClusterApi.send`. What has no dry run (credentials, aggregated APIs) is answered here when one is asked for."""
        parsed = parse(request.method, request.path)
        if isinstance(parsed, Malformed):
            return _answer(parsed.status, status.failure(parsed.status, parsed.reason))
        decision = decide(request.method, parsed.info, upgrade=False)
        if decision.kind in (Kind.CONNECT, Kind.REFUSED):
            return _answer(405, status.failure(405, decision.reason or "A stream cannot be sent as a request.", parsed.info))
        response = await self.ask(replace(request, path=parsed.info.path), identity, dry_run=dry_run)
        return self._redact(response, parsed.info)

    async def ask(
        self, request: ApiRequest, identity: Identity | None, *, dry_run: bool = True, extra: Mapping[str, str] | None = None
    ) -> ApiResponse:
        """The API server's answer as it is: not redacted, for the gateway's own eyes. A dry run of what has none is answered here, with
        400. Raises UpstreamUnavailableError."""
        if dry_run and request.method not in dry.SAFE_METHODS:
            why = await self._find_no_dry_run(request, identity)
            if why:
                return _answer(400, status.failure(400, f"{why} does not support dry run."))
        forced = dry.force(request) if dry_run else dry.strip(request)
        if forced is None:
            return _answer(415, status.failure(415, "The DeleteOptions of this request cannot be read."))
        if dry_run and forced.body:
            forced = self._blind(forced)
            if forced is None:
                return _answer(415, status.failure(415, UNREADABLE))
        headers = await self._headers(identity, forced, extra)
        session = self._connection.session if dry_run or request.method in dry.SAFE_METHODS else self._connection.once
        try:
            async with session.request(
                forced.method,
                self._url(forced),
                headers=headers,
                data=forced.body or None,
                skip_auto_headers=("Content-Type", "User-Agent"),
                allow_redirects=False,
                server_hostname=self._connection.server_hostname,
                timeout=aiohttp.ClientTimeout(total=self._limits.answer_seconds, sock_connect=10),
            ) as response:
                body = await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as exc:
            raise UpstreamUnavailableError(f"The Kubernetes API does not answer: {_describe(exc)}.") from exc
        if response.status == 401:
            raise UpstreamUnavailableError("The Kubernetes API refuses the credential of its kubeconfig or service account.")
        return ApiResponse(response.status, response.headers, body, decode(response.headers.get("Content-Type", ""), body))

    async def _find_no_dry_run(self, request: ApiRequest, identity: Identity | None) -> str:
        """What it is that has no dry run; '' if the API server can be trusted with one. Looked up just before each request, and here
        alone, for a server that takes no notice of `dryRun` would carry it out. Raises UpstreamFailedError."""
        parsed = parse(request.method, request.path)
        if isinstance(parsed, Malformed):
            return "What is not understood"
        kind = decide(request.method, parsed.info, upgrade=False).kind
        if kind is Kind.REVIEW:
            return ""
        if kind is not Kind.WRITE:
            return "What issues a credential or opens a stream"
        if await self.aggregation.is_remote(parsed.info, identity, is_about_to_send=True):
            return "An aggregated API"
        is_without = await self.schemas.lacks_dry_run(request.method, parsed.info, self._reader)
        return f"By its OpenAPI, {request.method} of {parsed.info.qualified}" if is_without else ""

    async def look_up(self, request: ApiRequest, identity: Identity | None) -> ApiResponse:
        """The API server's answer to what must be known before another answer can be given. Raises UpstreamFailedError for 429 and 5xx."""
        response = await self.ask(request, identity)
        if response.is_unanswered:
            raise UpstreamFailedError(response)
        return response

    async def execute(
        self, request: ApiRequest, identity: Identity | None, *, seconds: float, most_bytes: int, kept_bytes: int
    ) -> Executed:
        """See `ClusterApi.execute`. The recorded POST goes as the GET that opens a websocket."""
        parsed = parse(request.method, request.path)
        if isinstance(parsed, Malformed) or parsed.info.qualified != "pods/exec":
            raise GatewayError("Only an exec into a pod can be run like this.")
        bare = replace(request, method="GET", path=parsed.info.path, body=b"", content_type="", accept="*/*")
        wants_stdin = ("stdin", "true") in request.query
        return await execs.execute(
            self._connection,
            self._url(bare),
            await self._headers(identity, bare, None),
            request.body if wants_stdin else None,
            self.redactor,
            seconds=seconds,
            most_bytes=most_bytes,
            kept_bytes=kept_bytes,
        )

    async def open(
        self, request: ApiRequest, identity: Identity | None, extra: Mapping[str, str], timeout_seconds: float
    ) -> aiohttp.ClientResponse:
        """Opens a read whose body is streamed by the caller, as the server sent it (also its compression). The caller releases it.
        Raises UpstreamUnavailableError."""
        if request.method not in dry.SAFE_METHODS:
            raise GatewayError("Only reads are streamed.")
        headers = await self._headers(identity, request, extra)
        try:
            response = await self._connection.session.request(
                request.method,
                self._url(request),
                headers=headers,
                skip_auto_headers=("Content-Type", "User-Agent"),
                allow_redirects=False,
                auto_decompress=False,
                server_hostname=self._connection.server_hostname,
                timeout=aiohttp.ClientTimeout(total=timeout_seconds, sock_connect=10),
            )
        except (aiohttp.ClientError, TimeoutError, OSError) as exc:
            raise UpstreamUnavailableError(f"The Kubernetes API does not answer: {_describe(exc)}.") from exc
        if response.status == 401:
            response.release()
            raise UpstreamUnavailableError("The Kubernetes API refuses the credential of its kubeconfig or service account.")
        return response

    def _blind(self, request: ApiRequest) -> ApiRequest | None:
        parsed = parse(request.method, request.path)
        return request if isinstance(parsed, Malformed) else self.redactor.blind(request, parsed.info)

    def _redact(self, response: ApiResponse, info: RequestInfo) -> ApiResponse:
        if response.object is None:
            return response
        found = self.redactor.redact_object(response.object, info)
        return response if found is response.object else replace(response, object=found, body=orjson.dumps(found))

    def _url(self, request: ApiRequest) -> URL:
        query = f"?{urlencode(request.query)}" if request.query else ""
        return URL(f"{self._connection.server}{request.path}{query}", encoded=True)

    async def _headers(self, identity: Identity | None, request: ApiRequest, extra: Mapping[str, str] | None) -> CIMultiDict[str]:
        headers = CIMultiDict(extra or {})
        headers.setdefault("Accept-Encoding", "identity")
        headers.setdefault("User-Agent", "kubectl-ai-slack")
        headers["Accept"] = request.accept
        if request.body and request.content_type:
            headers["Content-Type"] = request.content_type
        headers.update(await self._connection.headers())
        if identity is not None:
            headers["Impersonate-User"] = identity.user
            for group in identity.groups:
                headers.add("Impersonate-Group", group)
            if identity.uid:
                headers["Impersonate-Uid"] = identity.uid
            for key, value in identity.extra:
                headers.add(f"Impersonate-Extra-{key}", value)
        return headers


def decode(content_type: str, body: bytes) -> Json:
    """The JSON of a body; None if it is something else or not well-formed. `/openapi/v3` is JSON that says it is plain text."""
    kind = media.essence(content_type)
    if not body or (kind != media.JSON and not (kind == "text/plain" and body.startswith(b"{"))):
        return None
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def _answer(code: int, item: Json) -> ApiResponse:
    return ApiResponse(code, {"Content-Type": media.JSON}, orjson.dumps(item), item)


def _describe(error: BaseException) -> str:
    """In the system's words, without the address: clients in a sandbox need not know it."""
    if isinstance(error, TimeoutError):
        return "it took too long"
    cause = getattr(error, "certificate_error", None) or getattr(error, "os_error", None)
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"its certificate is not accepted ({cause.verify_message})"
    if isinstance(cause, OSError) and cause.errno:
        return os.strerror(cause.errno) if cause.errno > 0 else str(cause.strerror)
    return type(error).__name__
