"""The order of API versions: which one a client takes that names none. Pure."""

from __future__ import annotations

import re

_KUBE_LIKE = re.compile(r"v([0-9]+)(?:(alpha|beta)([0-9]+))?")
_STABILITY = {"": 0, "beta": 1, "alpha": 2}


def preference(version: str) -> tuple[int, int, int, str]:
    """A key to sort by, the preferred version first: v2, v1, v2beta1, v1beta2, v1alpha1, then all others by the alphabet
    (`k8s.io/apimachinery/pkg/version`, `CompareKubeAwareVersionStrings`)."""
    parts = _KUBE_LIKE.fullmatch(version)
    if parts is None:
        return len(_STABILITY), 0, 0, version
    major, stability, minor = parts.groups(default="")
    return _STABILITY[stability], -int(major), -int(minor or 0), ""
