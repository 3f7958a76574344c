"""ingest: whole records of any size as transactions, over 2 and 4 connections."""

from __future__ import annotations

from conformance.load.exchange import Exchange
from conformance.load.seed import Seed
from conformance.load.workload import Workload


def exchanges(seed: Seed) -> list[Exchange]:
    """Return one transaction for each whole Bundle of the material."""
    return [Exchange("POST", "", bundle.body, resources=len(bundle.entries)) for bundle in seed.whole]


WORKLOAD = Workload(
    "ingest", "ingest of whole records", 5, exchanges, connections=(2, 4), paired=False, rate_target=2_500.0
)
