"""Percentiles against their definition, counted out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.load.timings import NS_PER_MS, latency, percentile


def counted_out(samples: list[int], share: float) -> int:
    """The smallest sample that at least `share` of all samples do not exceed."""
    return min(
        sample
        for sample in samples
        if sum(other <= sample for other in samples) >= share * len(samples)
    )  # fmt: skip


@given(
    samples=st.lists(st.integers(0, 10**9), min_size=1, max_size=60),
    share=st.sampled_from([0.01, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0]),
)
def test_percentile_is_the_nearest_rank(samples: list[int], share: float) -> None:
    assert percentile(sorted(samples), share) == counted_out(samples, share)


def test_latency_of_one_to_a_hundred_milliseconds_is_its_own_rank() -> None:
    found = latency([number * NS_PER_MS for number in range(100, 0, -1)])

    assert found is not None
    assert (found.p50_ms, found.p95_ms, found.p99_ms, found.max_ms) == (50.0, 95.0, 99.0, 100.0)


@pytest.mark.parametrize("samples", [pytest.param([], id="none"), pytest.param((), id="empty-tuple")])
def test_no_samples_have_no_latency(samples: list[int]) -> None:
    assert latency(samples) is None
