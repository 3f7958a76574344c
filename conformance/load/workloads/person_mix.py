"""search-type: what EHR software asks about one person, all of the person mix in turn.

Spec: https://hl7.org/fhir/R4/search.html
"""

from __future__ import annotations

from conformance.load.exchange import Exchange
from conformance.load.expected import found
from conformance.load.mixes import PERSON_MIX, paths
from conformance.load.seed import Seed
from conformance.load.workload import Workload

EACH = 10
"""Requests of each query for each Bundle."""


def exchanges(seed: Seed) -> list[Exchange]:
    """Return the queries of the mix one after the other, each about persons, codes and visits of its own."""
    queries = [
        [(planted, path) for planted in seed.planted for path in paths(template, [planted], EACH)]
        for template in PERSON_MIX.values()
    ]
    return [
        Exchange("GET", path, resources=found(planted, path))
        for in_turn in zip(*queries, strict=True)
        for planted, path in in_turn
    ]


WORKLOAD = Workload(
    "person-mix", "searches in one record", 2, exchanges,
    connections=(1, 8, 32), kinds=len(PERSON_MIX), ratio_target=0.70,
)  # fmt: skip
