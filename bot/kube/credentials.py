"""Keeps the credential of a kubeconfig fresh: tokens of credential plugins (EKS, GKE, AKS) live minutes, those in files are rotated.

`kubernetes.aio` reads a kubeconfig once. What is done here is what client-go does.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import structlog
from kubernetes.aio import config as kube_config

from bot.errors import ConfigError

log = structlog.get_logger()

_CHECK_SECONDS = 60.0
"""How long a credential is used before it is looked at again, as client-go does with token files. A plugin whose token lives on is not
run then: the library keeps its `expirationTimestamp`, and takes the token for ended five minutes before that."""


async def load(kubeconfig: str, context: str, configuration: Any) -> None:
    """Fills the client's configuration from a kubeconfig and lets it renew the credential by itself. A client certificate is read once.
    Raises ConfigError with what to do."""
    try:
        loader = await kube_config.load_kube_config(  # type: ignore[no-untyped-call]
            config_file=kubeconfig, context=context or None, client_configuration=configuration
        )
    except (kube_config.ConfigException, OSError) as exc:
        raise ConfigError(f"Cannot use the kubeconfig {kubeconfig}: {exc}.") from exc
    plugin = (loader._user.value if loader._user else {}).get("exec")  # no public way tells what the user of a context is
    if plugin and not configuration.api_key and not configuration.cert_file:  # the library only logs it
        command = " ".join([plugin.get("command", ""), *(plugin.get("args") or ())])
        raise ConfigError(f"The credential plugin of the kubeconfig {kubeconfig} gave no credential: run `{command}` to see why.")
    configuration.refresh_api_key_hook = Renewal(loader).renew


class Renewal:
    """Looks at a loaded kubeconfig's credential again from time to time. `loader` is the library's; `clock` counts seconds."""

    def __init__(self, loader: Any, clock: Callable[[], float] = time.monotonic) -> None:
        self._loader = loader
        self._clock = clock
        self._next = clock() + _CHECK_SECONDS
        self._running = asyncio.Lock()

    async def renew(self, configuration: Any) -> None:
        """Before a request: puts the credential of now into the configuration. What fails leaves the old one, which the API server
        refuses once it has ended; the next request after a while tries again."""
        if self._clock() < self._next:
            return
        async with self._running:
            if self._clock() < self._next:
                return
            try:
                await self._loader.load_and_set(configuration)
            except (kube_config.ConfigException, OSError, ValueError) as exc:
                log.warning("credential_not_renewed", error=str(exc))
            self._next = self._clock() + _CHECK_SECONDS
