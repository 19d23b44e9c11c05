"""What may be said of a channel in the settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.errors import ConfigError
from bot.settings import load

CLUSTERS = "clusters: [{name: prod}, {name: staging}]\n"


def read(tmp_path: Path, text: str) -> object:
    path = tmp_path / "settings.yaml"
    path.write_text(CLUSTERS + text, encoding="utf-8")
    return load(path, {})


def test_a_channel_has_its_cluster_its_namespace_and_its_people(tmp_path: Path) -> None:
    path = tmp_path / "settings.yaml"
    path.write_text(f"{CLUSTERS}channels: {{C1: {{cluster: staging, namespace: shop, quiet: true, askers: [U1, S1]}}}}", encoding="utf-8")

    channel = load(path, {}).channels["C1"]

    assert (channel.cluster, channel.namespace, channel.quiet, channel.askers) == ("staging", "shop", True, ("U1", "S1"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("channels: {C1: {cluster: prd}}", "channels name clusters that are not in `clusters`: C1 (prd); there is prod, staging"),
        ("channels: {oncall: {}}", "'oncall' is no channel id"),
        ("channels: {C1: {askers: ['@ana']}}", "'@ana' is no id of a user"),
        ("channels: {C1: {aksers: [U1]}}", "channels.C1.aksers: there is no such setting"),
        ("slack: {channels: [C2]}\nchannels: {C1: {}}", "channels names C1, which `slack.channels` leaves out"),
    ],
)
def test_what_cannot_be_is_refused_with_a_sentence(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read(tmp_path, text)

    assert says in str(refused.value)
    assert "Value error" not in str(refused.value)
