"""How figures are printed."""

from __future__ import annotations

import statistics


def summarise(name: str, seconds: list[float]) -> str:
    """One line: count, median, 99th percentile, largest, in milliseconds."""
    ordered = sorted(seconds)
    at_99 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    middle, high, most = statistics.median(ordered) * 1e3, at_99 * 1e3, ordered[-1] * 1e3
    return f"{name:<46} n={len(ordered):<4} p50 {middle:8.1f}  p99 {high:8.1f}  max {most:8.1f} ms"
