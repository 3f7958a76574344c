"""Amounts in base units, so that a search in one unit finds what was measured in another.

Exact decimals of at most 34 digits: what is no finite decimal is rounded outwards at both ends.
Spec: https://hl7.org/fhir/R4/search.html#quantity, https://ucum.org/ucum
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal, DecimalException
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from fhir_server.fhirpath.units import measure
from fhir_server.search.amount import HIGHEST, LOWEST

UCUM: Final = "http://unitsofmeasure.org"
_DIGITS: Final = 34
_LARGEST: Final = 6000
"""Exponents that a stored decimal can have."""
_EXACT: Final = Context(prec=120)
_DOWN: Final = Context(prec=_DIGITS, rounding=ROUND_FLOOR)
_UP: Final = Context(prec=_DIGITS, rounding=ROUND_CEILING)


@dataclass(frozen=True, slots=True)
class BaseUnit:
    """A unit in base units: `(value + offset) × factor / divisor`; `name` is one for all alike."""

    name: str
    factor: Decimal
    divisor: Decimal = Decimal(1)
    offset: Decimal = Decimal(0)


_TEMPERATURES: Final[Mapping[str, BaseUnit]] = MappingProxyType({
    "Cel": BaseUnit("K1", Decimal(1), offset=Decimal("273.15")),
    "[degF]": BaseUnit("K1", Decimal(5), Decimal(9), Decimal("459.67")),
})  # fmt: skip
"""The special units whose zero is not that of their base unit.
Spec: https://ucum.org/ucum#section-Special-Units-on-non-ratio-Scales
"""


@lru_cache(maxsize=2048)
def base_unit(code: str) -> BaseUnit | None:
    """Return what a UCUM code is in base units; None of one that the table does not know."""
    special = _TEMPERATURES.get(code)
    if special is not None:
        return special
    known = measure(code)
    if known is None:
        return None
    name = ".".join(f"{unit}{exponent}" for unit, exponent in known.dimensions)
    return BaseUnit(name or "1", known.factor)


def in_base_units(unit: BaseUnit, low: str, high: str) -> tuple[str, str] | None:
    """Return the interval in base units, open ends staying open; None beyond the range of decimals.

    Both ends are equal where they were and where the value can be told in 34 digits.
    """
    try:
        below = LOWEST if low == LOWEST else _end(unit, low, _DOWN)
        above = HIGHEST if high == HIGHEST else _end(unit, high, _UP)
    except DecimalException:
        return None
    return None if below is None or above is None else (below, above)


def _end(unit: BaseUnit, text: str, rounding: Context) -> str | None:
    converted = _times(unit, Decimal(text), rounding)
    return str(converted) if abs(converted.adjusted()) <= _LARGEST else None


def _times(unit: BaseUnit, value: Decimal, rounding: Context) -> Decimal:
    shifted = _EXACT.add(value, unit.offset) if unit.offset else value
    return rounding.plus(_EXACT.divide(_EXACT.multiply(shifted, unit.factor), unit.divisor))
