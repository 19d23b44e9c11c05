"""The component for HTTP mode leads to the port the bot listens on, in the bot's pods."""

from __future__ import annotations

from pathlib import Path

import yaml

from bot.settings import SlackHttpSettings

MANIFESTS = Path(__file__).resolve().parents[3] / "manifests"


def read(name: str) -> dict:
    return yaml.safe_load((MANIFESTS / name).read_text(encoding="utf-8"))


def test_component_names_what_it_consists_of():
    folder = MANIFESTS / "slack-http"

    assert {path.name for path in folder.iterdir()} == {"kustomization.yaml", *read("slack-http/kustomization.yaml")["resources"]}


def test_service_and_policy_lead_to_the_bot_on_its_port():
    service, policy = read("slack-http/service.yaml")["spec"], read("slack-http/networkpolicy.yaml")["spec"]
    pods = read("bot/networkpolicy.yaml")["spec"]["podSelector"]["matchLabels"]

    assert service["selector"] == policy["podSelector"]["matchLabels"] == pods
    assert service["ports"][0]["targetPort"] == policy["ingress"][0]["ports"][0]["port"] == SlackHttpSettings().port
