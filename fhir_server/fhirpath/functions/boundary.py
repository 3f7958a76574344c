"""Boundaries and precision.  Spec: https://hl7.org/fhirpath/2025Jan/#lowboundaryprecision-integer-decimal--date--datetime--time"""

from __future__ import annotations

from dataclasses import replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

from fhir_server.fhirpath import quantities
from fhir_server.fhirpath.dates import Moment, days_in_month
from fhir_server.fhirpath.errors import FhirPathError
from fhir_server.fhirpath.functions.table import Function, scalar
from fhir_server.fhirpath.quantities import Quantity
from fhir_server.fhirpath.singletons import integer, quantity, single_value
from fhir_server.fhirpath.values import type_label

_MAX_PLACES = 31
_DEFAULT_PLACES = 8
_DEFAULT_DIGITS = {"Date": 8, "DateTime": 17, "Time": 9}
# Digits of a text → components it has, counted from the year.
_COMPONENTS = {4: 1, 6: 2, 8: 3, 10: 4, 12: 5, 14: 6, 17: 6}
_EAST, _WEST = 14 * 60, -12 * 60


def _boundary(value: Any, low: bool, wanted: int | None) -> Any:
    if type(value) is Moment:
        return _of_moment(value, low, wanted)
    if type(value) is Quantity:
        number = _of_number(value.value, low, wanted)
        return None if number is None else replace(value, value=number)
    if type(value) in (int, Decimal):
        return _of_number(Decimal(value), low, wanted)
    raise FhirPathError(f"{type_label(value)} has no boundaries")


def _of_number(value: Decimal, low: bool, wanted: int | None) -> Decimal | None:
    places = _DEFAULT_PLACES if wanted is None else wanted
    if not 0 <= places <= _MAX_PLACES:
        return None
    half = Decimal(5).scaleb(-_places(value) - 1)
    edge = value - half if low else value + half
    return edge.quantize(Decimal(1).scaleb(-places), rounding=ROUND_FLOOR if low else ROUND_CEILING)


def _of_moment(value: Moment, low: bool, wanted: int | None) -> Moment | None:
    digits = _DEFAULT_DIGITS[value.kind] if wanted is None else wanted
    components = _COMPONENTS.get(digits + 8 if value.kind == "Time" else digits)
    if components is None or (value.kind == "Date" and components > 3):
        return None
    month = value.parts[1] if len(value.parts) > 1 else 12
    latest = (12, days_in_month(value.parts[0] or 1, month), 23, 59)
    full = value.parts + ((1, 1, 0, 0) if low else latest)[len(value.parts) - 1 :]
    parts = full[: min(components, 5)]
    if components <= 3:
        return Moment(value.kind, parts)
    second = None
    if components == 6:
        edge = Decimal(0) if low else Decimal("59.999")
        second = (value.second if value.second is not None else edge).quantize(Decimal("0.001"))
    zone = value.zone
    if value.kind == "DateTime" and zone is None:
        zone = _EAST if low else _WEST
    return Moment(value.kind, parts, second, zone)


def _precision(value: Any) -> int | None:
    if type(value) is Moment:
        return value.digits
    if type(value) in (int, Decimal):
        return _places(Decimal(value))
    return None


def _places(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    return -exponent if isinstance(exponent, int) and exponent < 0 else 0


FUNCTIONS = (
    Function(
        "lowBoundary",
        scalar(lambda value, wanted=None: _boundary(value, True, wanted), single_value, integer),
        most=1,
    ),
    Function(
        "highBoundary",
        scalar(lambda value, wanted=None: _boundary(value, False, wanted), single_value, integer),
        most=1,
    ),
    Function("precision", scalar(_precision, single_value)),
    Function("comparable", scalar(quantities.comparable, quantity, quantity), 1, 1),
)
