"""Quantities: a decimal and a unit, UCUM or one of the calendar words.

Spec: https://hl7.org/fhirpath/N1/#quantity
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Context, Decimal, InvalidOperation
from types import MappingProxyType
from typing import Any

from msgspec import Raw

from fhir_server.fhirpath.units import Dimensions, Measure, measure, multiply, power
from fhir_server.model.number import decimal

UCUM = "http://unitsofmeasure.org"

CALENDAR_WORDS: Mapping[str, str] = MappingProxyType({
    plural: singular
    for singular in ("year", "month", "week", "day", "hour", "minute", "second", "millisecond")
    for plural in (singular, singular + "s")
})  # fmt: skip
"""Every calendar word → its singular."""

_UCUM_OF_WORD: Mapping[str, str] = MappingProxyType({
    "year": "a", "month": "mo", "week": "wk", "day": "d",
    "hour": "h", "minute": "min", "second": "s", "millisecond": "ms",
})  # fmt: skip
_WIDE = Context(prec=100)
_TEXT = re.compile(r"(?P<value>[+-]?[0-9]+(?:\.[0-9]+)?)\s*(?:'(?P<unit>[^']+)'|(?P<word>[a-zA-Z]+))?\Z")


@dataclass(frozen=True, slots=True)
class Quantity:
    """`unit` is a UCUM code (`1` where there is none), or a calendar word when `calendar` is set."""

    value: Decimal
    unit: str = "1"
    calendar: bool = False

    def __str__(self) -> str:
        return f"{self.value:f} {self.unit}" if self.calendar else f"{self.value:f} '{self.unit}'"

    @property
    def word(self) -> str | None:
        """The singular calendar word, also of a quoted one (`1 'month'`), else None."""
        return CALENDAR_WORDS.get(self.unit)


def of_number(value: int | Decimal) -> Quantity:
    """Return a number as a quantity of unit 1."""
    return Quantity(Decimal(value))


def from_fhir(element: Mapping[str, Any]) -> Quantity | None:
    """Return the System.Quantity of a FHIR Quantity, None where it has no value or bears a comparator.

    A unit counts by its UCUM code; without one, by the code or the text that it has.
    """
    value = element.get("value")
    if (type(value) is not int and type(value) is not Raw) or "comparator" in element:
        return None
    unit = element.get("code") or element.get("unit") or "1"
    return Quantity(decimal(value), unit if isinstance(unit, str) else "1")


def parse_quantity(text: str) -> Quantity | None:
    """Return what `toQuantity` reads: `1`, `1 'mg'`, `1 day`; None for anything else."""
    match = _TEXT.match(text)
    if match is None:
        return None
    value, word = Decimal(match["value"]), match["word"]
    if word is not None:
        return Quantity(value, word, calendar=True) if word in CALENDAR_WORDS else None
    return Quantity(value, match["unit"] or "1")


def in_base_units(quantity: Quantity) -> tuple[Decimal, Dimensions] | None:
    """Return the amount in base units; calendar years and months are not definite and give None."""
    word = quantity.word
    if word in ("year", "month"):
        # Comparable with each other only: 1 year is 12 months, but no fixed number of days.
        months = quantity.value * (12 if word == "year" else 1)
        return months, (("calendar month", 1),)
    unit = measure(_UCUM_OF_WORD[word] if word is not None else quantity.unit)
    if unit is None:
        return quantity.value, ((f"unit {quantity.unit}", 1),)
    return quantity.value * unit.factor, unit.dimensions


def comparable(left: Quantity, right: Quantity) -> bool:
    """Return whether both units measure the same dimension."""
    return same_unit(left, right) or _dimensions(left) == _dimensions(right)


def same_unit(left: Quantity, right: Quantity) -> bool:
    """Return whether the units are written alike, singular and plural calendar words counting as one."""
    if left.word is not None or right.word is not None:
        return left.word == right.word
    return left.unit == right.unit


def is_scalar(quantity: Quantity) -> bool:
    """Return whether the quantity is a mere number."""
    return quantity.unit == "1"


def compare(left: Quantity, right: Quantity) -> int | None:
    """Return -1, 0, 1, or None where the units cannot be compared."""
    mine, other = _amounts(left, right)
    if mine is None or other is None:
        return None
    return (mine > other) - (mine < other)


def convert(quantity: Quantity, unit: str) -> Quantity | None:
    """Return the quantity in another unit (a UCUM code or a calendar word), None if incomparable."""
    wanted = Quantity(Decimal(1), unit, calendar=unit in CALENDAR_WORDS)
    if same_unit(quantity, wanted):
        return quantity
    mine, other = in_base_units(quantity), in_base_units(wanted)
    if mine is None or other is None or mine[1] != other[1]:
        return None
    return Quantity(mine[0] / other[0], unit, wanted.calendar)


def equivalent(left: Quantity, right: Quantity) -> bool:
    """Return whether the values are the same at the precision of the less precise one."""
    if same_unit(left, right):
        return _same_rounded(left.value, right.value)
    if left.word in ("year", "month") or right.word in ("year", "month"):
        left, right = _definite(left), _definite(right)
    mine, other = measure(_code(left)), measure(_code(right))
    if mine is None or other is None or mine.dimensions != other.dimensions:
        return False
    # Compared in the unit of the less precise value, so that its rounding is the one that counts.
    coarse, fine, ratio = left.value, right.value, other.factor / mine.factor
    if _ulp(right.value) * other.factor > _ulp(left.value) * mine.factor:
        coarse, fine, ratio = right.value, left.value, mine.factor / other.factor
    return _rounded(fine * ratio, _ulp(coarse)) == coarse


def add(left: Quantity, right: Quantity, sign: int) -> Quantity | None:
    """Return the sum (or the difference, `sign` -1) in the unit of the left one, None if incomparable."""
    other = convert(right, left.unit)
    return None if other is None else Quantity(left.value + sign * other.value, left.unit, left.calendar)


def times(left: Quantity, right: Quantity, exponent: int) -> Quantity | None:
    """Return the product (`exponent` 1) or quotient (-1), None where a unit is unknown or by zero."""
    if exponent < 0 and not right.value:
        return None
    value = left.value * right.value if exponent > 0 else left.value / right.value
    if _code(right) == "1":
        return Quantity(value, left.unit, left.calendar)
    mine, other = measure(_code(left)), measure(_code(right))
    if mine is None or other is None:
        return Quantity(value) if exponent < 0 and same_unit(left, right) else None
    product = multiply(mine, power(other, exponent))
    return Quantity(value * product.factor, _text(product))


def _amounts(left: Quantity, right: Quantity) -> tuple[Decimal | None, Decimal | None]:
    if same_unit(left, right):
        return left.value, right.value
    mine, other = in_base_units(left), in_base_units(right)
    if mine is None or other is None or mine[1] != other[1]:
        return None, None
    return mine[0], other[0]


def _dimensions(quantity: Quantity) -> Dimensions | None:
    unit = measure(_code(quantity))
    return ((f"unit {quantity.unit}", 1),) if unit is None else unit.dimensions


def _code(quantity: Quantity) -> str:
    return _UCUM_OF_WORD[quantity.word] if quantity.word is not None else quantity.unit


def _definite(quantity: Quantity) -> Quantity:
    return Quantity(quantity.value, _code(quantity))


def _text(product: Measure) -> str:
    return (
        ".".join(f"{name}{exponent if exponent != 1 else ''}" for name, exponent in product.dimensions) or "1"
    )


def _ulp(value: Decimal) -> Decimal:
    exponent = value.as_tuple().exponent
    return Decimal(1).scaleb(exponent if isinstance(exponent, int) else 0)


def _same_rounded(left: Decimal, right: Decimal) -> bool:
    step = max(_ulp(left), _ulp(right))
    return _rounded(left, step) == _rounded(right, step)


def _rounded(value: Decimal, step: Decimal) -> Decimal:
    try:
        return value.quantize(step, context=_WIDE)
    except InvalidOperation:
        return value  # too large to have digits at the step: nothing to round
