"""A kubeconfig's credential is followed: real credential plugins and token files, as a cloud's kubeconfig has them."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes.aio import client as kube_client
from kubernetes.aio import config as kube_config

from bot.errors import ConfigError
from bot.kube.connection import connect
from bot.kube.credentials import Renewal

PLUGIN = """#!/bin/sh
[ -e {folder}/broken ] && {{ echo "no network" >&2; exit 1; }}
echo run >> {folder}/runs
cat <<END
{{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential",
  "status": {{"token": "token-$(wc -l < {folder}/runs)", "expirationTimestamp": "{ends}"}}}}
END
"""
ENDED, LASTING = "2020-01-01T00:00:00Z", "2999-01-01T00:00:00Z"


def write_kubeconfig(folder: Path, user: dict[str, Any]) -> str:
    path = folder / "kubeconfig"
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "prod",
        "contexts": [{"name": "prod", "context": {"cluster": "prod", "user": "me"}}],
        "clusters": [{"name": "prod", "cluster": {"server": "http://127.0.0.1:1"}}],
        "users": [{"name": "me", "user": user}],
    }
    path.write_text(yaml.safe_dump(config))
    return str(path)


def write_plugin(folder: Path, ends: str) -> dict[str, Any]:
    plugin = folder / "plugin"
    plugin.write_text(PLUGIN.format(folder=folder, ends=ends))
    plugin.chmod(plugin.stat().st_mode | stat.S_IXUSR)
    return {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": str(plugin), "interactiveMode": "Never"}}


class Followed:
    """A kubeconfig's user, and a clock that is moved by hand."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.configuration = kube_client.Configuration()

    async def load(self, kubeconfig: str) -> None:
        loader = await kube_config.load_kube_config(config_file=kubeconfig, client_configuration=self.configuration)
        self.configuration.refresh_api_key_hook = Renewal(loader, lambda: self.seconds).renew

    async def token(self, *, after: float = 0) -> str | None:
        self.seconds += after
        token: str | None = await self.configuration.get_api_key_with_prefix("BearerToken")
        return token


async def test_a_plugin_is_asked_again_when_its_token_ends(tmp_path: Path) -> None:
    user = Followed()
    await user.load(write_kubeconfig(tmp_path, write_plugin(tmp_path, ENDED)))

    tokens = [await user.token(), await user.token(after=30), await user.token(after=31), await user.token()]

    assert tokens == ["Bearer token-1", "Bearer token-1", "Bearer token-2", "Bearer token-2"]


async def test_a_plugin_is_not_asked_while_its_token_lives(tmp_path: Path) -> None:
    user = Followed()
    await user.load(write_kubeconfig(tmp_path, write_plugin(tmp_path, LASTING)))

    tokens = {await user.token(after=61) for _ in range(3)}

    assert tokens == {"Bearer token-1"}
    assert (tmp_path / "runs").read_text() == "run\n"


async def test_a_plugin_that_fails_for_a_while_leaves_the_old_token_and_is_asked_again(tmp_path: Path) -> None:
    user = Followed()
    await user.load(write_kubeconfig(tmp_path, write_plugin(tmp_path, ENDED)))

    (tmp_path / "broken").touch()
    meanwhile = await user.token(after=61)
    (tmp_path / "broken").unlink()

    assert (meanwhile, await user.token(after=61)) == ("Bearer token-1", "Bearer token-2")


async def test_a_token_file_that_is_rotated_is_read_again(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("first")
    user = Followed()
    await user.load(write_kubeconfig(tmp_path, {"tokenFile": str(tmp_path / "token")}))
    before = await user.token()

    (tmp_path / "token").write_text("second")

    assert (before, await user.token(after=61)) == ("Bearer first", "Bearer second")


async def test_every_connection_follows_its_credential(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.kube.credentials._CHECK_SECONDS", 0)

    async with await connect(write_kubeconfig(tmp_path, write_plugin(tmp_path, ENDED))) as connection:
        headers = [await connection.headers() for _ in range(2)]

    assert headers == [{"Authorization": "Bearer token-2"}, {"Authorization": "Bearer token-3"}]


async def test_a_plugin_without_a_credential_is_told_at_the_start(tmp_path: Path) -> None:
    kubeconfig = write_kubeconfig(tmp_path, write_plugin(tmp_path, ENDED))
    (tmp_path / "broken").touch()

    with pytest.raises(ConfigError, match=r"plugin of the kubeconfig .* gave no credential: run `.*plugin` to see why"):
        await connect(kubeconfig)
