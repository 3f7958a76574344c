"""Latencies: exact percentiles over every sample, never over buckets."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

NS_PER_MS = 1_000_000


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds from the first byte sent to the last byte of the answer."""

    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float


def percentile(ordered: Sequence[int], share: float) -> int:
    """Return the nearest-rank percentile: the smallest sample with at least `share` of all at or below it.

    `ordered` is sorted and not empty; `0 < share <= 1`.
    """
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def latency(samples_ns: Sequence[int]) -> Latency | None:
    """Return the percentiles of samples in nanoseconds, in any order; None without samples."""
    if not samples_ns:
        return None
    ordered = sorted(samples_ns)
    marks = (percentile(ordered, share) / NS_PER_MS for share in (0.50, 0.95, 0.99, 1.0))
    return Latency(*(round(mark, 3) for mark in marks))
