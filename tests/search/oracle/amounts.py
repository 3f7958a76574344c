"""Numbers and quantities as fractions.  Spec: https://hl7.org/fhir/R4/search.html#number"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

UCUM = "http://unitsofmeasure.org"
CURRENCY = "urn:iso:std:iso:4217"
INFINITE = Fraction(10**40)


@dataclass(frozen=True, slots=True)
class Asked:
    """A number of a query: `half` of its last digit is how far it reaches either way."""

    value: Fraction
    half: Fraction


@dataclass(frozen=True, slots=True)
class Amount:
    """What is stored, both ends included."""

    low: Fraction
    high: Fraction
    system: str = ""
    code: str = ""
    unit: str = ""


def asked(text: str) -> Asked:
    """Return the number that a query names; the text is a legal one."""
    exponent = Decimal(text).as_tuple().exponent
    assert isinstance(exponent, int)
    return Asked(Fraction(text), Fraction(10) ** exponent / 2)


def _literal(value: Any) -> Fraction:
    return Fraction(bytes(value).decode() if not isinstance(value, int) else value)


def stored(value: Any, kind: str) -> Amount | None:
    """Return a stored number, Quantity, Money, Range or SampledData; None where it has no number."""
    match kind:
        case "integer" | "positiveInt" | "unsignedInt" | "decimal":
            return Amount(_literal(value), _literal(value))
        case "Quantity" | "SimpleQuantity" | "Age" | "Duration" | "Count" | "Distance":
            return _quantity(value)
        case "Money":
            if "value" not in value:
                return None
            number = _literal(value["value"])
            return Amount(number, number, CURRENCY, value.get("currency", ""))
        case "Range":
            return _range(value)
    return None


def _quantity(value: Any) -> Amount | None:
    if "value" not in value:
        return None
    number, comparator = _literal(value["value"]), value.get("comparator", "")
    low = -INFINITE if comparator.startswith("<") else number
    high = INFINITE if comparator.startswith(">") else number
    return Amount(low, high, value.get("system", ""), value.get("code", ""), value.get("unit", ""))


def _range(value: Any) -> Amount | None:
    low, high = value.get("low", {}), value.get("high", {})
    if "value" not in low and "value" not in high:
        return None
    side = low or high
    return Amount(
        _literal(low["value"]) if "value" in low else -INFINITE,
        _literal(high["value"]) if "value" in high else INFINITE,
        side.get("system", ""), side.get("code", ""), side.get("unit", ""),
    )  # fmt: skip


def _covers(asked: Asked, found: Amount) -> bool:
    low, high = asked.value - asked.half, asked.value + asked.half
    return low <= found.low < high and found.high <= high


def _near(asked: Asked, found: Amount) -> bool:
    margin = max(abs(asked.value) / 10, asked.half)
    return found.low < asked.value + margin and asked.value - margin < found.high


COMPARES: Mapping[str, Callable[[Asked, Amount], bool]] = {
    "eq": _covers,
    "ne": lambda asked, found: not _covers(asked, found),
    "gt": lambda asked, found: found.high > asked.value,
    "lt": lambda asked, found: found.low < asked.value,
    "ge": lambda asked, found: found.high > asked.value or found.low >= asked.value,
    "le": lambda asked, found: found.low < asked.value or found.high <= asked.value,
    "sa": lambda asked, found: found.low > asked.value,
    "eb": lambda asked, found: found.high < asked.value,
    "ap": _near,
}
"""Prefix → (what is asked, what is stored) → whether it matches."""

FACTORS: Mapping[str, tuple[str, Fraction]] = {
    "g": ("mass", Fraction(1)), "kg": ("mass", Fraction(1000)), "mg": ("mass", Fraction(1, 1000)),
    "ug": ("mass", Fraction(1, 10**6)), "pg": ("mass", Fraction(1, 10**12)),
    "[lb_av]": ("mass", Fraction("453.59237")),
    "m": ("length", Fraction(1)), "cm": ("length", Fraction(1, 100)), "mm": ("length", Fraction(1, 1000)),
    "[in_i]": ("length", Fraction("0.0254")),
    "s": ("time", Fraction(1)), "min": ("time", Fraction(60)), "h": ("time", Fraction(3600)),
    "d": ("time", Fraction(86_400)), "wk": ("time", Fraction(604_800)), "a": ("time", Fraction(31_557_600)),
    "L": ("volume", Fraction(1)), "dL": ("volume", Fraction(1, 10)), "mL": ("volume", Fraction(1, 1000)),
    "ml": ("volume", Fraction(1, 1000)), "fL": ("volume", Fraction(1, 10**15)),
    "[foz_us]": ("volume", Fraction(231, 128) * Fraction("2.54") ** 3 / 1000),
    "g/L": ("mass/volume", Fraction(1)), "g/dL": ("mass/volume", Fraction(10)),
    "mg/dL": ("mass/volume", Fraction(1, 100)), "mg/L": ("mass/volume", Fraction(1, 1000)),
    "ug/L": ("mass/volume", Fraction(1, 10**6)), "ug/mL": ("mass/volume", Fraction(1, 1000)),
    "kg/m2": ("mass/area", Fraction(1000)), "g/m2": ("mass/area", Fraction(1)),
    "mg/m2": ("mass/area", Fraction(1, 1000)),
    "mm[Hg]": ("pressure", Fraction("133.322")), "Pa": ("pressure", Fraction(1)),
    "kPa": ("pressure", Fraction(1000)),
}  # fmt: skip
"""UCUM codes that the tests convert: what is measured, and how many of its first unit one is."""


def matches(prefix: str, number: str, system: str | None, code: str | None, found: Amount) -> bool:
    """Return whether a stored amount matches `[prefix]number|system|code`; None: that part is not named."""
    wanted = asked(number)
    compare = COMPARES[prefix]
    if system is None and code is None:
        return compare(wanted, found)
    if system is None:
        return code in (found.code, found.unit) and compare(wanted, found)
    if found.system != system:
        return False
    if code is None or found.code == code:
        return compare(wanted, found)
    return system == UCUM and _converted(prefix, wanted, code, found)


def _converted(prefix: str, wanted: Asked, code: str, found: Amount) -> bool:
    here, there = FACTORS.get(code), FACTORS.get(found.code)
    if here is None or there is None or here[0] != there[0]:
        return False
    factor = there[1] / here[1]
    return COMPARES[prefix](wanted, Amount(_scaled(found.low, factor), _scaled(found.high, factor)))


def _scaled(value: Fraction, factor: Fraction) -> Fraction:
    return value if abs(value) == INFINITE else value * factor
