"""create: `POST Observation`.  Spec: https://hl7.org/fhir/R4/http.html#create"""

from __future__ import annotations

import json
from random import Random

from conformance.load.exchange import Exchange
from conformance.load.seed import Place, Planted, Seed
from conformance.load.workload import Workload

TYPE = "Observation"
SAMPLES = 300


def samples(seed: Seed) -> list[tuple[Planted, int]]:
    """Return the stored Observations whose contents are posted again: Bundle and entry, in tape order."""
    found = [
        (planted, index)
        for planted in seed.planted
        for index, (resource_type, _) in enumerate(planted.places)
        if resource_type == TYPE
    ]
    Random(3).shuffle(found)
    return found[:SAMPLES]


def sample_places(seed: Seed) -> list[Place]:
    """Return where the samples are stored, in tape order: what the floor clones."""
    return [planted.places[index] for planted, index in samples(seed)]


def exchanges(seed: Seed) -> list[Exchange]:
    """Return creates of Observations of the persons that the server already knows."""
    return [
        Exchange("POST", f"/{TYPE}", _body(planted, index), status=201, item=item)
        for item, (planted, index) in enumerate(samples(seed))
    ]


def _body(planted: Planted, index: int) -> bytes:
    return json.dumps(planted.stored(index), ensure_ascii=False, separators=(",", ":")).encode()


WORKLOAD = Workload("create", "create", 3, exchanges, connections=(1, 8, 32), ratio_target=0.50)
