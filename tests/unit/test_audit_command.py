"""`kubectl-ai-slack audit`: a log that is not there is not whole."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from bot import app
from bot.changes.ports import AuditLine
from bot.errors import ConfigError
from bot.settings import Settings, StoreSettings
from bot.store.opening import open_store
from tests.unit.threads.harness import KEY


def settings_for(folder: Path) -> Settings:
    return Settings(store=StoreSettings(url=f"sqlite+aiosqlite:///{folder}/bot.db", key=SecretStr(KEY)))


async def test_a_database_that_is_not_there_is_told_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="There is no database"):
        await app.verify_audit(settings_for(tmp_path))

    assert list(tmp_path.iterdir()) == []


async def test_a_chain_is_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = settings_for(tmp_path)
    async with open_store(settings.store) as store:
        await store.stores.audit.write(AuditLine("stopped", "U1", "T1/C1/1", {}))

    code = await app.verify_audit(settings)

    assert (code, capsys.readouterr().out) == (0, "The chain of 1 audit lines is whole.\n")
