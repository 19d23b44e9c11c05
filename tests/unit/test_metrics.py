"""Whoever writes an alert finds every metric in docs/operations.md, and no other."""

from __future__ import annotations

import re
from pathlib import Path

from prometheus_client import REGISTRY

from bot import metrics

TEXT = (Path(__file__).parents[2] / "docs" / "operations.md").read_text(encoding="utf-8")
PREFIX = "kubectl_ai_slack_"


def test_the_page_names_each_metric_with_its_labels() -> None:
    served = {}
    for family in REGISTRY.collect():
        if family.name.startswith(PREFIX):
            labels = REGISTRY._names_to_collectors[family.name]._labelnames  # the library tells those of series only
            served[family.name.removeprefix(PREFIX) + ("_total" if family.type == "counter" else "")] = ", ".join(labels)
    table = TEXT[TEXT.index("| metric |") : TEXT.index("Worth an alert")]
    cells = [line.split("|")[1] for line in table.splitlines() if line.startswith("|")]
    named = dict(re.findall(r"`([a-z_]+)(?:\{([a-z, ]*)\})?`", "".join(cells)))

    assert metrics.DELIVERIES is not None  # imported, and so registered
    assert named == served


def test_alerts_use_metrics_that_there_are() -> None:
    used = set(re.findall(rf"{PREFIX}([a-z_]+)", TEXT))
    served = {sample.name.removeprefix(PREFIX) for family in REGISTRY.collect() for sample in family.samples}
    families = {family.name.removeprefix(PREFIX) for family in REGISTRY.collect()}

    assert used
    assert used <= served | families | {f"{name}_total" for name in families}
