"""transaction: a Bundle of exactly 300 creates.  Spec: https://hl7.org/fhir/R4/http.html#transaction"""

from __future__ import annotations

from conformance.load.exchange import Exchange
from conformance.load.seed import Planted, Seed
from conformance.load.workload import Workload

SAMPLES = 8


def samples(seed: Seed) -> list[Planted]:
    """Return the stored Bundles whose contents are posted again, in tape order."""
    return list(seed.planted[:SAMPLES])


def exchanges(seed: Seed) -> list[Exchange]:
    """Return transactions; each makes its persons and their records anew."""
    return [
        Exchange("POST", "", planted.bundle.body, resources=len(planted.places), item=item)
        for item, planted in enumerate(samples(seed))
    ]


WORKLOAD = Workload("transaction", "transaction of 300", 4, exchanges, connections=(1, 4), ratio_target=0.50)
