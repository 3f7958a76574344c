"""search-type: a page of 20 of a person's Observations with one code, newest first.

Spec: https://hl7.org/fhir/R4/search.html
"""

from __future__ import annotations

from collections import Counter
from random import Random
from urllib.parse import urlencode

from conformance.load.exchange import Exchange
from conformance.load.seed import Planted, Seed
from conformance.load.workload import Workload

PAGE = 20
SAMPLES = 500


def exchanges(seed: Seed) -> list[Exchange]:
    """Return searches that find at least 20, so that every page is full."""
    queries = [
        f"/Observation?{urlencode({'patient': person, 'code': code, '_sort': '-date', '_count': PAGE})}"
        for planted in seed.planted
        for (person, code), count in sorted(_matches(planted).items())
        if count >= PAGE
    ]
    Random(2).shuffle(queries)
    return [Exchange("GET", query, resources=PAGE) for query in queries[:SAMPLES]]


def _matches(planted: Planted) -> Counter[tuple[str, str]]:
    ids = {
        entry["fullUrl"]: place[1]
        for entry, place in zip(planted.bundle.entries, planted.places, strict=True)
    }
    found: Counter[tuple[str, str]] = Counter()
    for entry in planted.bundle.entries:
        resource = entry["resource"]
        person = ids.get(resource.get("subject", {}).get("reference"))
        if resource["resourceType"] == "Observation" and person is not None:
            for coding in resource["code"].get("coding", ())[:1]:
                found[person, f"{coding['system']}|{coding['code']}"] += 1
    return found


WORKLOAD = Workload("page", "page of 20", 2, exchanges, connections=(1, 8, 32), ratio_target=0.70)
