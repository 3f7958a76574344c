"""import: clinical documents, each one that the server does not have yet.

Requests per second are documents per second.
"""

from __future__ import annotations

from conformance.load.deposits import MEDIA_TYPE, PATH
from conformance.load.exchange import Exchange
from conformance.load.seed import Seed
from conformance.load.workload import Workload


def exchanges(seed: Seed) -> list[Exchange]:
    """Return one import for each document of the material; sent again, it is another document."""
    return [
        Exchange("POST", PATH, one.data, resources=one.resources, media_type=MEDIA_TYPE, fresh=True)
        for one in seed.deposits
    ]


WORKLOAD = Workload(
    "import", "import of clinical documents", 6, exchanges,
    connections=(2, 4), paired=False, rate_target=800.0, needs_documents=True,
)  # fmt: skip
