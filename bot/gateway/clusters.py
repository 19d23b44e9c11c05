"""The clusters that threads may talk to: whom a person is there, and rehearsals. Implements `threads.ports.Cluster`."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from bot.changes.ports import ClusterApi
from bot.errors import ConfigError, GatewayError
from bot.gateway.apiserver.upstream import Upstream
from bot.gateway.hiding.redaction import Redactor
from bot.gateway.rehearsal.session import Session
from bot.gateway.server import Gateway
from bot.kube.connection import KubeConnection, connect
from bot.settings import ClusterSettings
from bot.threads.ports import Rehearsal
from bot.values.people import Person
from bot.values.requests import ApiRequest, Identity

_FORBIDDEN_GROUPS = frozenset({"system:masters"})


class GatewayCluster:
    """One cluster behind the gateway."""

    def __init__(
        self, settings: ClusterSettings, connection: KubeConnection, gateway: Gateway, salt: bytes, *, may_impersonate: bool = False
    ) -> None:
        self._settings = settings
        self._connection = connection
        self._gateway = gateway
        self._may_impersonate = may_impersonate
        self._reader = _identity(settings.reader)
        self._writer = _identity(settings.writer)
        self._salt = b""
        self._upstream = Upstream(connection, Redactor(self._salt), self._reader, gateway.limits)
        self.mark_with(salt)

    def mark_with(self, salt: bytes) -> None:
        """Hidden values get the marks that come of this from now on."""
        self._salt = hmac.digest(salt, self._settings.name.encode(), hashlib.sha256)
        self._upstream = self._upstream.marking_with(Redactor(self._salt))

    @property
    def name(self) -> str:
        return self._settings.name

    @property
    def server(self) -> str:
        """The address of its API server."""
        return self._connection.server

    @property
    def namespace(self) -> str:
        """The namespace that commands use when they name none."""
        return self._settings.namespace

    @property
    def api(self) -> ClusterApi:
        return self._upstream

    def api_for(self, thread_id: str) -> ClusterApi:
        """See `threads.ports.Cluster.api_for`."""
        return self._upstream_for(thread_id)

    async def redact(self, thread_id: str, text: str) -> str:
        """See `threads.ports.Cluster.redact`."""
        return await asyncio.to_thread(self._upstream_for(thread_id).redactor.redact_text, text)

    def _upstream_for(self, thread_id: str) -> Upstream:
        return self._upstream.marking_with(Redactor(hmac.digest(self._salt, thread_id.encode(), hashlib.sha256)))

    def identity(self, person: Person) -> Identity | None:
        """The Kubernetes user of a mapped person; None where people are not mapped. Raises GatewayError for somebody not listed."""
        if not self._settings.people:
            return None
        found = self._settings.people.get(person.user_id)
        if found is None:
            raise GatewayError(f"{person.name} is not mapped to a user of cluster {self.name}: add them to `clusters[].people`.")
        return Identity(found.user, found.groups)

    def reader(self, user_id: str) -> Identity | None:
        """See `threads.ports.Cluster.reader`."""
        mapped = self.identity(Person(user_id, "", user_id))
        return mapped if mapped is not None else self._reader

    def rehearse(
        self, thread_id: str, asker: Person, namespace: str, address: str, *, log_lines: int = 0, is_quiet: bool = False
    ) -> AbstractAsyncContextManager[Rehearsal]:
        """See `threads.ports.Cluster.rehearse`. `is_quiet`: no warnings say that nothing is applied yet. A script may look at what kubectl
        writes to stderr (`2>&1`, `--warnings-as-errors`), and would go another way than without the gateway."""
        return self._rehearse(self._upstream_for(thread_id), self.identity(asker), namespace, address, log_lines, is_quiet=is_quiet)

    @asynccontextmanager
    async def _rehearse(
        self, upstream: Upstream, mapped: Identity | None, namespace: str, address: str, log_lines: int, *, is_quiet: bool
    ) -> AsyncIterator[Rehearsal]:
        reader, writer = (mapped, mapped) if mapped is not None else (self._reader, self._writer)
        session = Session(
            upstream,
            reader,
            writer,
            namespace=namespace or self._settings.namespace,
            address=address,
            limits=self._gateway.limits,
            may_impersonate=self._may_impersonate,
            exec_rules=self._gateway.exec_rules(self.name),
            log_lines=log_lines,
            is_quiet=is_quiet,
        )
        self._gateway.admit(session, self.name)
        try:
            yield session
        finally:
            self._gateway.forget(session)
            session.end()

    async def find_problems(self) -> list[str]:
        """Why this cluster cannot be used, each in one sentence that says what to do; empty if all is well.
        Raises UpstreamUnavailableError if the API server does not answer."""
        problems = []
        mapped = [Identity(person.user, person.groups) for person in self._settings.people.values()]
        for identity in [None, *(mapped or (self._reader, self._writer))]:
            answer = await self._upstream.send(ApiRequest("GET", "/api"), identity, dry_run=False)
            if answer.is_success:
                continue
            if identity is None:
                problems.append(f"Cluster {self.name} refuses the bot ({answer.message}): check its kubeconfig or service account.")
                break
            problems.append(f"Cluster {self.name} does not let the bot act as {identity.user} ({answer.message}): apply manifests/access.")
        return problems

    async def close(self) -> None:
        """Closes the connection to the API server."""
        await self._connection.close()


async def open_clusters(
    settings: Sequence[ClusterSettings], gateway: Gateway, salt: bytes = b"", *, may_impersonate: bool = False
) -> dict[str, GatewayCluster]:
    """Connects to every cluster, by name. `salt` keeps the marks of hidden values the same over restarts; without one they are new.
    `may_impersonate` lets clients act as others (`--as`): only for a credential that is their own. Raises ConfigError."""
    salt = salt or secrets.token_bytes(32)
    clusters: dict[str, GatewayCluster] = {}
    for one in settings:
        if one.name in clusters:
            raise ConfigError(f"Two clusters are named {one.name}: give each its own name.")
        _check(one)
        clusters[one.name] = GatewayCluster(one, await connect(one.kubeconfig, one.context), gateway, salt, may_impersonate=may_impersonate)
    return clusters


def _check(settings: ClusterSettings) -> None:
    for person in settings.people.values():
        if _FORBIDDEN_GROUPS & set(person.groups):
            raise ConfigError(f"Nobody may be in the group system:masters of cluster {settings.name}: remove it from `people`.")
        if not person.user:
            raise ConfigError(f"A person of cluster {settings.name} has an empty `user`: name a Kubernetes user.")


def _identity(user: str) -> Identity | None:
    """The identity behind a user name; '' is the bot itself. Without groups the API server adds those of a service account by itself,
    so the bot needs no right to impersonate groups."""
    return Identity(user) if user else None
