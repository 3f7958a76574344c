"""How many random queries a test asks, and how they are drawn; `FHIR_ORACLE_QUERIES` is the number of the longest."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, Phase, settings

QUERIES = int(os.environ.get("FHIR_ORACLE_QUERIES", "1000"))
FEWER = QUERIES // 4
"""Of tests whose questions take several requests each."""


def asking(queries: int, *, shrink: bool = True) -> settings:
    """Return the settings of a test that asks so many; without `shrink` a fault is shown as it was met."""
    phases = tuple(Phase) if shrink else (Phase.generate,)
    return settings(
        max_examples=queries, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck),
        database=None, phases=phases,
    )  # fmt: skip
