"""Comparing answers: numbers by value, dates by what they cover, quantities by their UCUM units."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, DecimalException
from typing import Any

from fhir_server.fhirpath.units import measure
from fhir_server.model.number import decimal, is_number
from fhir_server.model.temporal import parse_interval

_UCUM = "http://unitsofmeasure.org"


class Incomparable(Exception):
    """Nothing can be said of the order of two values."""


def compare(kind: str, one: Any, other: Any) -> int:
    """Return -1, 0 or 1 for one value below, equal to, or above another of the same type.

    A date is below another if it begins earlier, above if it ends later.  Raises Incomparable.
    """
    if kind == "Quantity":
        return _compare_quantities(one, other)
    if is_number(one) and is_number(other):
        return _sign(decimal(one), decimal(other))
    if kind in ("Date", "DateTime", "Instant") and isinstance(one, str) and isinstance(other, str):
        return _compare_dates(one, other)
    if isinstance(one, str) and isinstance(other, str):
        return (one > other) - (one < other)
    raise Incomparable


def same(kind: str, one: Any, other: Any) -> bool:
    """Return whether two answers are the same: codings by system and code, numbers by value."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        if kind == "Coding":
            return _coding(one) == _coding(other)
        if kind == "Reference":
            return one.get("reference") == other.get("reference")
    try:
        return compare(kind, one, other) == 0
    except Incomparable:
        return type(one) is type(other) and one == other


def _coding(value: Mapping[str, Any]) -> tuple[Any, Any]:
    return value.get("system"), value.get("code")


def _compare_dates(one: str, other: str) -> int:
    left, right = parse_interval(one), parse_interval(other)
    if left is None or right is None:
        raise Incomparable
    if left.start < right.start:
        return -1
    return 1 if left.end > right.end else 0


def _compare_quantities(one: Any, other: Any) -> int:
    if not (isinstance(one, Mapping) and isinstance(other, Mapping)):
        raise Incomparable
    left, right = one.get("value"), other.get("value")
    if not (is_number(left) and is_number(right)):
        raise Incomparable
    mine, theirs = _factor(one, other), _factor(other, one)
    try:
        return _sign(decimal(left) * mine, decimal(right) * theirs)
    except DecimalException as error:  # out of range in the other's unit
        raise Incomparable from error


def _factor(quantity: Mapping[str, Any], other: Mapping[str, Any]) -> Decimal:
    """What a value is multiplied with, so that both are in the same unit.  Raises Incomparable."""
    system, code = quantity.get("system"), quantity.get("code")
    if system is None or code is None or system != other.get("system"):
        raise Incomparable
    if code == other.get("code"):
        return Decimal(1)
    own = measure(code) if system == _UCUM and isinstance(code, str) else None
    foreign = measure(str(other.get("code")))
    if own is None or foreign is None or own.dimensions != foreign.dimensions:
        raise Incomparable
    return own.factor


def _sign(one: Decimal, other: Decimal) -> int:
    return (one > other) - (one < other)
