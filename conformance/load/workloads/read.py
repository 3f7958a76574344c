"""read: `GET [type]/[id]`.  Spec: https://hl7.org/fhir/R4/http.html#read"""

from __future__ import annotations

from random import Random

from conformance.load.exchange import Exchange
from conformance.load.seed import Seed
from conformance.load.workload import Workload

SAMPLES = 2_000
ATTACHMENTS = frozenset({"Binary", "DocumentReference", "Media"})
"""Left out: their size is that of the attachment, and says nothing of a read."""


def exchanges(seed: Seed) -> list[Exchange]:
    """Return reads of resources of every type in the proportions of the material."""
    places = [place for planted in seed.planted for place in planted.places if place[0] not in ATTACHMENTS]
    chosen = Random(1).sample(places, min(SAMPLES, len(places)))
    return [Exchange("GET", f"/{resource_type}/{resource_id}") for resource_type, resource_id in chosen]


WORKLOAD = Workload("read", "GET of a resource", 1, exchanges, connections=(1, 8, 32), ratio_target=0.60)
