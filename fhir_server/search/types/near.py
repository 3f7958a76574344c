"""`near`: positions within a distance of a point, `latitude|longitude[|distance[|unit]]`.

A position is one amount of `search.number` whose two ends are its latitude and its longitude, in degrees.
The rectangle around the circle bounds the walk over the index; the distance itself is computed along the
great circle of a sphere, which differs from that on WGS84 by 0.6 % at most.
Spec: https://hl7.org/fhir/R4/location.html#positional
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from fhir_server.model.number import literal
from fhir_server.model.outcome import FhirError, refuse
from fhir_server.model.plan import EARTH_RADIUS_M, AmountWithin, And, Condition, Or, WithinDistance
from fhir_server.search.amount import LOWEST
from fhir_server.search.collector import Collector, Sink
from fhir_server.search.escape import split_unescaped, unescape
from fhir_server.search.parameter import Filter, Parameter, Reading, Setting
from fhir_server.search.parameter_type import ParameterType, SystemsOf
from fhir_server.search.source import Source
from fhir_server.search.units import base_unit

DEFAULT_DISTANCE_KM: Final = 50.0
"""Where the client names none: R4 leaves it to the server."""
POLE, DATE_LINE = 90, 180
"""Degrees at which latitudes and longitudes end."""

_METRE: Final = "m1"
_COMMON_NAMES: Final[Mapping[str, str]] = {"mi": "[mi_i]", "ft": "[ft_i]", "nmi": "[nmi_i]"}
"""Names of lengths that are no UCUM codes, and the codes that they stand for."""
_NUMBER: Final = re.compile(r"-?[0-9]{1,9}(?:\.[0-9]{1,30})?\Z")
_SLACK: Final = 1e-7
"""Degrees by which the rectangle is wider than the circle: what rounding could lose."""


@dataclass(frozen=True, slots=True)
class Circle:
    """A point in degrees and a distance in metres."""

    latitude: float
    longitude: float
    metres: float


def _sink(name: str, source: Source, _parameter: Parameter, _setting: Setting) -> Sink | None:
    if source.type != "BackboneElement":
        return None

    def sink(value: Any, out: Collector) -> None:
        latitude, longitude = value.get("latitude"), value.get("longitude")
        if latitude is None or longitude is None:
            return
        lat, lon = Decimal(literal(latitude)), Decimal(literal(longitude))
        if abs(lat) <= POLE and abs(lon) <= DATE_LINE:
            out.number[(name, _degrees(lat), _degrees(lon))] = None

    return sink


def _degrees(value: Decimal) -> str:
    # A tenth of a micrometre, and far within the digits that a stored decimal has.
    return str(round(value, 12))


def _read(parameter: Parameter, _modifier: str | None, text: str, _reading: Reading) -> Circle:
    pieces = [unescape(piece) for piece in split_unescaped(text, "|")]
    if not 2 <= len(pieces) <= 4:
        raise _refused(parameter)
    latitude, longitude = (_number(parameter, piece) for piece in pieces[:2])
    if abs(latitude) > POLE or abs(longitude) > DATE_LINE:
        raise refuse(
            "illegal-parameter-value",
            f"`{parameter.code}` takes the latitude (-90 to 90) first, then the longitude (-180 to 180).",
        )
    distance = DEFAULT_DISTANCE_KM
    if len(pieces) > 2 and pieces[2]:
        distance = _number(parameter, pieces[2])
    if distance < 0:
        raise _refused(parameter)
    unit = pieces[3] if len(pieces) > 3 and pieces[3] else "km"
    return Circle(latitude, longitude, distance * _metres(parameter, unit))


def _number(parameter: Parameter, text: str) -> float:
    if _NUMBER.match(text) is None:
        raise _refused(parameter)
    return float(text)


def _refused(parameter: Parameter) -> FhirError:
    return refuse(
        "illegal-parameter-value",
        f"`{parameter.code}` needs `latitude|longitude|distance|unit`, such as `48.85|2.35|10|km`; the unit, "
        "or distance and unit, can be left out.",
    )


def _metres(parameter: Parameter, unit: str) -> float:
    base = base_unit(_COMMON_NAMES.get(unit, unit))
    if base is None or base.name != _METRE:
        raise refuse(
            "illegal-parameter-value",
            f"`{parameter.code}` needs a UCUM unit of length: `km`, `m`, `[mi_i]` …",
        )
    return float(base.factor / base.divisor)


def _bind(filter: Filter, _systems: SystemsOf) -> Condition:
    parts = [_around(name, circle) for name in filter.parameter.names for circle in filter.values]
    return parts[0] if len(parts) == 1 else Or(tuple(parts))


def _around(name: str, circle: Circle) -> Condition:
    within = WithinDistance("number", name, circle.latitude, circle.longitude, circle.metres)
    return And((_rectangle(name, circle), within))


def _rectangle(name: str, circle: Circle) -> AmountWithin:
    """Return bounds that every position of the circle is within; around a pole or the date line only two."""
    angle = circle.metres / EARTH_RADIUS_M
    reach = math.degrees(angle) + _SLACK
    south, north = circle.latitude - reach, circle.latitude + reach
    band = AmountWithin(
        "number", name, low_from=_text(max(south, -POLE)), low_before=_text(min(north, POLE) + 1)
    )
    if south <= -POLE or north >= POLE:
        return band
    width = math.degrees(math.asin(math.sin(angle) / math.cos(math.radians(circle.latitude)))) + _SLACK
    west, east = circle.longitude - width, circle.longitude + width
    low_before = _text(north)
    if west <= -DATE_LINE or east >= DATE_LINE:
        return AmountWithin("number", name, low_from=_text(south), low_before=low_before)
    return AmountWithin("number", name, _text(south), low_before, _text(west), _text(east))


def _text(degrees: float) -> str:
    return str(Decimal(repr(degrees)))


def _present(parameter: Parameter) -> Condition:
    return Or(tuple(AmountWithin("number", name, low_from=LOWEST) for name in parameter.names))


TYPE = ParameterType("special", frozenset(), _sink, _read, _bind, _present)
