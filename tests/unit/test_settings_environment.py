"""The names that people set in the environment lead to the settings that they mean, over the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel, SecretStr

from bot import settings

FILE = {
    "slack": {"bot_token": "xoxb-file", "app_token": "xapp-file", "api_url": "http://file/api/"},
    "sandbox": {"runtime_class": "file", "image": "file", "kubeconfig": ""},
    "store": {"url": "sqlite+aiosqlite:////file.db"},
    "clusters": [{"name": "one"}, {"name": "two", "kubeconfig": "/file"}],
    "model": {"name": "file", "api_key": "file"},
}
SET = [
    ("SLACK_BOT_TOKEN", "xoxb-set", "slack.bot_token"),
    ("SLACK_APP_TOKEN", "xapp-set", "slack.app_token"),
    ("SLACK_API_URL", "http://127.0.0.1:8888/api/", "slack.api_url"),
    ("GEMINI_API_KEY", "set", "model.api_key"),
    ("GEMINI_MODEL", "set", "model.name"),
    ("GOOGLE_GEMINI_BASE_URL", "http://127.0.0.1:18080", "model.base_url"),
    ("DATABASE_URL", "postgresql+asyncpg://bot@db/bot", "store.url"),
    ("KUBECONFIG", "/set", "sandbox.kubeconfig"),
    ("KUBECONFIG", "/set", "clusters.0.kubeconfig"),
    ("KUBECTL_AI_RUNTIME_CLASS", "set", "sandbox.runtime_class"),
    ("KUBECTL_AI_SANDBOX_IMAGE", "registry.example.com/sandbox:2", "sandbox.image"),
    ("GATEWAY_HOST", "10.0.0.7", "gateway.host"),
    ("GATEWAY_ADVERTISE", "192.0.2.7", "gateway.advertise"),
    ("HEALTH_HOST", "10.0.0.7", "health.host"),
    ("LOG_FORMAT", "json", "log.format"),
]


def find(loaded: BaseModel, path: str) -> Any:
    value: Any = loaded
    for part in path.split("."):
        value = value[int(part)] if part.isdigit() else getattr(value, part)
    return value.get_secret_value() if isinstance(value, SecretStr) else value


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "settings.yaml"
    path.write_text(yaml.safe_dump(FILE))
    return path


@pytest.mark.parametrize(("name", "value", "path"), SET)
def test_the_environment_wins_over_the_file(name: str, value: str, path: str, file: Path) -> None:
    before = find(settings.load(file, {}), path)

    loaded = settings.load(file, {name: value})

    assert find(loaded, path) == value
    assert before != value


def test_an_empty_variable_is_no_setting(file: Path) -> None:
    loaded = settings.load(file, dict.fromkeys((name for name, _, _ in SET), ""))

    assert loaded == settings.load(file, {})


def test_a_cluster_with_a_kubeconfig_of_its_own_keeps_it(file: Path) -> None:
    assert find(settings.load(file, {"KUBECONFIG": "/set"}), "clusters.1.kubeconfig") == "/file"
