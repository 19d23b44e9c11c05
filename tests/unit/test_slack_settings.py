"""How Slack reaches the bot, as it is set."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.errors import ConfigError
from bot.settings import load


def write(folder: Path, text: str) -> Path:
    path = folder / "settings.yaml"
    path.write_text(text)
    return path


def test_socket_mode_is_what_holds_without_a_word():
    slack = load(None, {}).slack

    assert (slack.mode, slack.connections) == ("socket", 2)


def test_http_mode_takes_its_secret_from_the_environment(tmp_path):
    path = write(tmp_path, "slack: {mode: http, http: {address: 0.0.0.0, port: 8080}}")

    slack = load(path, {"SLACK_SIGNING_SECRET": "8f742231b10e8888abcd99yyyzzz85a5"}).slack

    assert (slack.mode, slack.http.address, slack.http.port) == ("http", "0.0.0.0", 8080)
    assert slack.signing_secret.get_secret_value() == "8f742231b10e8888abcd99yyyzzz85a5"
    assert "8f742231" not in repr(slack)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("slack: {mode: https}", "slack.mode"),
        ("slack: {http: {port: 99999}}", "slack.http.port"),
        ("slack: {http: {adress: 0.0.0.0}}", "slack.http.adress"),
    ],
)
def test_settings_that_do_not_fit_are_named(tmp_path, text, where):
    with pytest.raises(ConfigError, match=where):
        load(write(tmp_path, text), {})
