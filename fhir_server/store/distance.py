"""Great-circle distances as the database computes them, for what an index has found to be about there.

Spec: https://hl7.org/fhir/R4/location.html#positional
"""

from __future__ import annotations

import math
from typing import Any

from fhir_server.model.plan import EARTH_RADIUS_M, WithinDistance
from fhir_server.store.values import amount_key


def distance_filter(wanted: WithinDistance) -> dict[str, Any]:
    """Return the filter of the documents that have a position within the distance.

    By the haversine of the angle between the two points, which grows with it up to half of the circle.
    """
    half = min(wanted.metres / EARTH_RADIUS_M / 2, math.pi / 2)
    keys = [amount_key(wanted.key, point=point) for point in (True, False)]
    entries = {"$ifNull": [f"$search.{wanted.field}", []]}
    # The keys are given as literals: a text that begins with `$` would be read as a path.
    named = {"$in": ["$$this.k", {"$literal": keys}]}
    near = {"$lte": [_haversine(wanted), math.sin(half) ** 2 * (1 + 1e-12)]}
    within = {"$filter": {"input": entries, "cond": {"$and": [named, near]}}}
    return {"$expr": {"$gt": [{"$size": within}, 0]}}


def _haversine(wanted: WithinDistance) -> dict[str, Any]:
    latitude = {"$toDouble": "$$this.lo"}
    north = _half_sine(latitude, wanted.latitude)
    east = _half_sine({"$toDouble": "$$this.hi"}, wanted.longitude)
    narrow = {
        "$multiply": [
            math.cos(math.radians(wanted.latitude)), {"$cos": {"$degreesToRadians": latitude}}, east, east
        ]
    }  # fmt: skip
    return {"$add": [{"$multiply": [north, north]}, narrow]}


def _half_sine(degrees: dict[str, Any], other: float) -> dict[str, Any]:
    return {"$sin": {"$degreesToRadians": {"$divide": [{"$subtract": [degrees, other]}, 2]}}}
