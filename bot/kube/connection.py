"""A connection to one API server: its address, its TLS, the bot's own credential; one aiohttp session for all of it."""

from __future__ import annotations

import os
import ssl
from pathlib import Path
from types import TracebackType
from typing import Any

import aiohttp
from kubernetes.aio import client as kube_client
from kubernetes.aio import config as kube_config

from bot.errors import ConfigError
from bot.kube import credentials

_IN_CLUSTER_TOKEN = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")


class KubeConnection:
    """An API server as the bot itself. Close it with `close` or use it as an async context manager."""

    def __init__(self, server: str, tls: ssl.SSLContext | None, configuration: Any) -> None:
        self.server = server.rstrip("/")
        self.tls = tls
        self._configuration = configuration
        self._session: aiohttp.ClientSession | None = None
        self._once: aiohttp.ClientSession | None = None

    @property
    def session(self) -> aiohttp.ClientSession:
        """The shared session (made on first use, inside the running loop). No cookies, no total timeout, no redirects of its own."""
        if self._session is None or self._session.closed:
            self._session = self._open_session()
        return self._session

    @property
    def once(self) -> aiohttp.ClientSession:
        """A session that sends each request at most once. The shared one sends a PUT or DELETE again by itself when the connection
        breaks before the answer, which must never happen to a write that persists."""
        if self._once is None or self._once.closed:
            self._once = self.open_fresh()
        return self._once

    def open_fresh(self) -> aiohttp.ClientSession:
        """A session of the caller's own, to be closed by it: a new connection, and each request at most once. For an exec, which must
        neither be sent twice nor fail because a kept connection has gone stale."""
        session = self._open_session()
        session._retry_connection = False  # aiohttp has no public switch for it; test_upstream proves that it works
        return session

    @property
    def server_hostname(self) -> str | None:
        """The name the server's certificate is checked against, where the kubeconfig sets one (`tls-server-name`)."""
        return self._configuration.tls_server_name or None

    def _open_session(self) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(ssl=self.tls if self.tls else True, limit=0, keepalive_timeout=60)
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, connect=10, sock_connect=10),
            auto_decompress=True,
            trust_env=False,
        )

    async def headers(self) -> dict[str, str]:
        """The bot's own Authorization header; empty where a client certificate says who it is. Renewed when the credential is."""
        value = await self._configuration.get_api_key_with_prefix("BearerToken", "authorization")  # runs the refresh hook
        if not value and self._configuration.username:
            value = str(self._configuration.get_basic_auth_token())
        return {"Authorization": value} if value else {}

    def api_client(self) -> Any:
        """A `kubernetes.aio` ApiClient over the same credential, for typed calls. The caller closes it."""
        return kube_client.ApiClient(configuration=self._configuration)

    async def close(self) -> None:
        for session in (self._session, self._once):
            if session is not None:
                await session.close()

    async def __aenter__(self) -> KubeConnection:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()


async def connect(kubeconfig: str, context: str = "") -> KubeConnection:
    """Loads a kubeconfig (or, if the path is empty, the pod's own credentials). Raises ConfigError with what to do."""
    configuration = kube_client.Configuration()
    configuration.disable_strict_ssl_verification = True  # home-made cluster CAs often lack keyUsage, which Python 3.13 refuses
    if kubeconfig and not any(Path(path).expanduser().is_file() for path in kubeconfig.split(os.pathsep)):  # noqa: ASYNC240 – at start
        raise ConfigError(f"There is no kubeconfig {kubeconfig}: correct KUBECONFIG or `kubeconfig` in the settings.")
    if kubeconfig:
        await credentials.load(kubeconfig, context, configuration)
    elif _IN_CLUSTER_TOKEN.exists():  # noqa: ASYNC240 – once, at start
        try:
            kube_config.load_incluster_config(client_configuration=configuration)
        except (kube_config.ConfigException, OSError) as exc:
            raise ConfigError(f"Cannot use the credentials of this pod: {exc}.") from exc
    else:
        raise ConfigError("No cluster is configured: set KUBECONFIG or `clusters[].kubeconfig`, or run inside a cluster.")
    return KubeConnection(configuration.host, _tls(configuration), configuration)


def _tls(configuration: Any) -> ssl.SSLContext | None:
    if not str(configuration.host).startswith("https:"):
        return None
    if not configuration.verify_ssl:
        context = ssl._create_unverified_context()  # noqa: S323 – the kubeconfig says insecure-skip-tls-verify
    else:
        context = ssl.create_default_context(cafile=configuration.ssl_ca_cert, cadata=configuration.ca_cert_data)
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if configuration.cert_file:
        context.load_cert_chain(configuration.cert_file, configuration.key_file)
    return context
