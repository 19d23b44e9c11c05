"""Label selectors: whether they match, and how a query says them. Pure.

Source: `k8s.io/apimachinery/pkg/apis/meta/v1` (LabelSelector), `k8s.io/apimachinery/pkg/labels` (the query's grammar).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.changes import trees
from bot.values.requests import Json

_PRESENCE = {"Exists": "", "DoesNotExist": "!"}
_SETS = {"In": "in", "NotIn": "notin"}


def matches(selector: Json, labels: Mapping[str, str]) -> bool:
    """Whether a LabelSelector matches. None matches nothing, {} matches everything, as for the API server."""
    if not isinstance(selector, dict):
        return False
    if any(labels.get(key) != value for key, value in trees.part(selector, "matchLabels").items()):
        return False
    return all(_holds(rule, labels) for rule in trees.entries(selector, "matchExpressions"))


def _holds(rule: dict[str, Any], labels: Mapping[str, str]) -> bool:
    key, values = str(rule.get("key")), rule.get("values") or []
    match rule.get("operator"):
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
    return False


def as_query(selector: Json) -> str:
    """`app=web,tier in (a,b)`: a LabelSelector as the query parameter says it; '' for one that is empty or none."""
    terms = [f"{key}={value}" for key, value in sorted(trees.texts(selector, "matchLabels").items())]
    for rule in trees.entries(selector, "matchExpressions"):
        key, operator = rule.get("key"), str(rule.get("operator"))
        if operator in _SETS:
            terms.append(f"{key} {_SETS[operator]} ({','.join(str(value) for value in rule.get('values') or [])})")
        elif operator in _PRESENCE:
            terms.append(f"{_PRESENCE[operator]}{key}")
    return ",".join(terms)


def of_workload(item: Json) -> Json:
    """The selector of a workload's pods. A ReplicationController has a plain map of labels where the others have a LabelSelector."""
    selector = trees.part(item, "spec").get("selector")
    if isinstance(selector, dict) and selector and not selector.keys() & {"matchLabels", "matchExpressions"}:
        return {"matchLabels": selector}
    return selector
