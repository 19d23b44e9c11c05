"""The cluster of the person's own kubeconfig, behind a gateway of this process alone."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import orjson
import yaml
from kubernetes.aio import config as kube_config

from bot.errors import ConfigError, UpstreamUnavailableError
from bot.gateway.clusters import GatewayCluster, open_clusters
from bot.gateway.limits import from_settings
from bot.gateway.server import Gateway
from bot.kube.connection import connect
from bot.settings import ClusterSettings, GatewaySettings
from bot.values.requests import ApiRequest


@dataclass(frozen=True, slots=True)
class Context:
    """A context of the person's kubeconfig: its name, and what it says of cluster, user and namespace."""

    path: str
    """The kubeconfig; '' means the pod's own credentials."""
    name: str
    detail: Mapping[str, str]

    @property
    def namespace(self) -> str:
        return self.detail.get("namespace") or "default"


@dataclass(frozen=True, slots=True)
class LocalCluster:
    """A cluster that answers, and the gateway in front of it."""

    cluster: GatewayCluster
    gateway: Gateway
    context: Context
    version: str
    """Of its API server; '' if it does not say."""

    def name_like_theirs(self, kubeconfig: str) -> str:
        """The rehearsal's kubeconfig with the names of the person's own, which commands may say (`--cluster`, `--user`) and print
        (`kubectl config get-contexts`)."""
        config = orjson.loads(kubeconfig)
        cluster, user, detail = config["clusters"][0], config["users"][0], config["contexts"][0]["context"]
        cluster["name"] = detail["cluster"] = self.context.detail.get("cluster") or cluster["name"]
        user["name"] = detail["user"] = self.context.detail.get("user") or user["name"]
        if not self.context.detail.get("namespace"):
            del detail["namespace"]
        return orjson.dumps(config, option=orjson.OPT_INDENT_2).decode() + "\n"


def read_context(kubeconfig: str, name: str) -> Context:
    """The context to work in: of this kubeconfig, or of KUBECONFIG or ~/.kube/config if it is ''. Raises ConfigError."""
    path = kubeconfig or os.environ.get("KUBECONFIG", "") or _default_kubeconfig()
    if not path:
        return Context("", "cluster", {})
    if not any(Path(one).expanduser().exists() for one in path.split(os.pathsep) if one):  # several may be named, as kubectl allows
        raise ConfigError(f"There is no kubeconfig {path}: name one with --kubeconfig or KUBECONFIG.")
    try:
        contexts, active = kube_config.list_kube_config_contexts(config_file=path)  # type: ignore[no-untyped-call]
    except (kube_config.ConfigException, OSError, yaml.YAMLError) as exc:
        raise ConfigError(f"Cannot use the kubeconfig {path}: {' '.join(str(exc).split())}.") from exc
    except (TypeError, AttributeError, KeyError, ValueError) as exc:  # the library looks into whatever the file holds
        raise ConfigError(f"The kubeconfig {path} is not one: give the path of a kubeconfig with contexts, clusters and users.") from exc
    chosen = next((one for one in contexts if one["name"] == name), None) if name else active
    if chosen is None:
        raise ConfigError(f"The kubeconfig {path} has no context {name or '(current)'}: name one with --context.")
    return Context(path, str(chosen["name"]), dict(chosen.get("context") or {}))


async def name_with_server(context: Context) -> str:
    """`prod@10.0.0.1:6443`: kubeconfigs name different clusters alike, and a stored change must find its own. Raises ConfigError."""
    async with await connect(context.path, context.name if context.path else "") as connection:
        return f"{context.name}@{urlsplit(connection.server).netloc}"


@asynccontextmanager
async def open_cluster(
    context: Context,
    *,
    name: str = "",
    network: GatewaySettings | None = None,
    salt: bytes = b"",
    may_impersonate: bool = False,
) -> AsyncIterator[LocalCluster]:
    """The context's cluster with a gateway that listens, on loopback unless `network` says otherwise. `salt` and `may_impersonate` are
    those of `open_clusters`. Raises ConfigError if it does not answer."""
    settings = ClusterSettings(
        name=name or context.name,
        kubeconfig=context.path,
        context=context.name if context.path else "",
        namespace=context.namespace,
        reader="",
        writer="",
    )
    network = network or GatewaySettings(host="127.0.0.1", port=0)
    gateway = Gateway(network, from_settings(network))
    await gateway.start()
    try:
        cluster = (await open_clusters([settings], gateway, salt, may_impersonate=may_impersonate))[settings.name]
        try:
            yield LocalCluster(cluster, gateway, context, await _require_answer(cluster))
        finally:
            await cluster.close()
    finally:
        await gateway.close()


async def _require_answer(cluster: GatewayCluster) -> str:
    """The version. Of a cluster that cannot be reached nothing would be recorded, which is not the same as that nothing would change.
    Raises ConfigError."""
    try:
        answer = await cluster.api.send(ApiRequest("GET", "/version"), None, dry_run=False)
    except UpstreamUnavailableError as exc:
        raise ConfigError(f"{exc} Check the kubeconfig (--kubeconfig, --context) and the way to {cluster.server}.") from exc
    return str(answer.object.get("gitVersion", "")) if answer.is_success and isinstance(answer.object, dict) else ""


def _default_kubeconfig() -> str:
    path = Path.home() / ".kube" / "config"
    return str(path) if path.exists() else ""
