"""Quantity parameters: `[prefix]number[|system|code]`.

An amount is written once, under all that is known of its unit: `<name>|<system>|<code>|`, and where the
unit's text is not the code `<name>|<system>|<code>|<unit>|`.  No part holds a bar, so who knows less asks
for a beginning: `<name>|` is any unit, `<name>|<system>|` any of a system.  `5.4||mg` asks for keys that
have `|mg|` after `<name>|`, which only a code or a unit can be: the bar before a system is in the beginning.
A comparator makes the value one-sided (`<5` is anything below 5).

What is measured in a UCUM unit is written a second time in base units, `<name>@<base unit>|`, so that
`5|http://unitsofmeasure.org|mg` finds 0.005 g; the search in its own unit stays beside it.
Spec: https://hl7.org/fhir/R4/search.html#quantity
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

from fhir_server.model.number import literal
from fhir_server.model.outcome import refuse
from fhir_server.model.plan import AmountField, AmountWithin, Condition, Or
from fhir_server.search.amount import HIGHEST, LOWEST, AmountValue, bounds, read_amount, within
from fhir_server.search.collector import Collector, Sink
from fhir_server.search.escape import split_unescaped, unescape
from fhir_server.search.parameter import Filter, Parameter, Reading, Setting
from fhir_server.search.parameter_type import ParameterType, SystemsOf
from fhir_server.search.source import Source
from fhir_server.search.spelling import shorten
from fhir_server.search.units import UCUM, BaseUnit, base_unit, in_base_units

CURRENCY = "urn:iso:std:iso:4217"


@dataclass(frozen=True, slots=True)
class QuantityValue:
    """An amount and the unit asked for.

    Only `code`: a code of any system, or the unit's text.  Only `system`: any unit of that system.
    """

    amount: AmountValue
    system: str | None = None
    code: str | None = None


def _sink(name: str, source: Source, _parameter: Parameter, _setting: Setting) -> Sink | None:
    read = _READERS.get(source.type)
    if read is None:
        return None
    reader = read

    def sink(value: Any, out: Collector) -> None:
        found = reader(value)
        if found is not None:
            (low, high), system, code, unit = found
            parts = (system, code, unit) if unit and unit != code else (system, code)
            out.quantity[_beginning(name, parts), low, high] = None
            if system == UCUM:
                _in_base_units(name, code, low, high, out)

    return sink


def _in_base_units(name: str, code: str, low: str, high: str, out: Collector) -> None:
    found = _based(name, code, low, high)
    if found is not None:
        out.quantity[found] = None


@lru_cache(maxsize=4096)
def _based(name: str, code: str, low: str, high: str) -> tuple[str, str, str] | None:
    """Return the entry of an amount in base units.  Kept for a while: an amount is met more than once."""
    unit = base_unit(code)
    limits = in_base_units(unit, low, high) if unit is not None else None
    return None if unit is None or limits is None else (base_key(name, unit), *limits)


def base_key(head: str, unit: BaseUnit) -> str:
    """Return the key of an amount in base units."""
    return f"{head}@{unit.name}|"


@lru_cache(maxsize=4096)
def _beginning(head: str, parts: tuple[str, ...]) -> str:
    return "|".join((head, *map(_part, parts), ""))


def _part(text: str) -> str:
    return shorten(text.replace("|", "%7C") if "|" in text else text)


_Found = tuple[tuple[str, str], str, str, str]


def _quantity(value: Any) -> _Found | None:
    if "value" not in value:
        return None
    low, high = bounds(literal(value["value"]))
    match value.get("comparator"):
        case "<" | "<=":
            low = LOWEST
        case ">" | ">=":
            high = HIGHEST
    return (low, high), value.get("system", ""), value.get("code", ""), value.get("unit", "")


def _money(value: Any) -> _Found | None:
    if "value" not in value:
        return None
    return bounds(literal(value["value"])), CURRENCY, value.get("currency", ""), ""


def _range(value: Any) -> _Found | None:
    limits = range_bounds(value)
    side = value.get("low") or value.get("high") or {}
    if limits is None:
        return None
    return limits, side.get("system", ""), side.get("code", ""), side.get("unit", "")


def range_bounds(value: Any) -> tuple[str, str] | None:
    """Return the bounds of a Range, open where a side is missing; None of an empty one."""
    low, high = value.get("low", {}).get("value"), value.get("high", {}).get("value")
    if low is None and high is None:
        return None
    return (
        bounds(literal(low))[0] if low is not None else LOWEST,
        bounds(literal(high))[1] if high is not None else HIGHEST,
    )


def _sampled(value: Any) -> _Found | None:
    origin = value.get("origin", {})
    if "value" not in origin:
        return None
    try:
        points = [Decimal(point) for point in value.get("data", "").split() if point not in "EUL"]
        factor = Decimal(literal(value.get("factor", 1)))
        zero = Decimal(literal(origin["value"]))
    except InvalidOperation:
        return None
    if not points:
        return None
    ends = sorted(zero + point * factor for point in (min(points), max(points)))
    limits = bounds(str(ends[0]))[0], bounds(str(ends[1]))[1]
    return limits, origin.get("system", ""), origin.get("code", ""), origin.get("unit", "")


_READERS: Mapping[str, Callable[[Any], _Found | None]] = {
    **dict.fromkeys(("Quantity", "Age", "Duration", "Count", "Distance"), _quantity),
    "Money": _money,
    "Range": _range,
    "SampledData": _sampled,
}


def _read(parameter: Parameter, _modifier: str | None, text: str, _reading: Reading) -> QuantityValue:
    return read_quantity(parameter.code, text)


def read_quantity(code: str, text: str) -> QuantityValue:
    """Read `[prefix]number`, `[prefix]number|system|code` or `[prefix]number||code`.

    Raises FhirError `illegal-parameter-value`.
    """
    pieces = [unescape(piece) for piece in split_unescaped(text, "|")]
    amount = read_amount(code, pieces[0])
    match pieces[1:]:
        case [] | [""] | ["", ""]:
            return QuantityValue(amount)
        case [system]:
            return QuantityValue(amount, system)
        case ["", unit]:
            return QuantityValue(amount, None, unit)
        case [system, unit]:
            return QuantityValue(amount, system, unit)
    raise refuse(
        "illegal-parameter-value", f"`{code}` needs `number`, `number|system|code` or `number||code`."
    )


def in_unit(field: AmountField, head: str, value: QuantityValue) -> Condition:
    """Return the condition of one value; `head` is what stands before the bar of the unit's system."""
    known = [part for part in (value.system, value.code) if part] if value.system else []
    part = f"|{_part(value.code)}|" if value.code and not value.system else ""
    own = within(AmountWithin(field, _beginning(head, tuple(known)), begins=True, part=part), value.amount)
    converted = _converted(field, head, value)
    return own if converted is None else Or((own, converted))


def _converted(field: AmountField, head: str, value: QuantityValue) -> Condition | None:
    unit = base_unit(value.code) if value.system == UCUM and value.code else None
    if unit is None:
        return None
    amount = value.amount
    interval = in_base_units(unit, amount.low, amount.high)
    exact = in_base_units(unit, amount.exact, amount.exact)
    if interval is None or exact is None:
        return None
    based = AmountValue(amount.prefix, exact[0], *interval)
    return within(AmountWithin(field, base_key(head, unit)), based)


def _bind(filter: Filter, _systems: SystemsOf) -> Condition:
    parts = [in_unit("quantity", name, value) for name in filter.parameter.names for value in filter.values]
    return parts[0] if len(parts) == 1 else Or(tuple(parts))


def _present(parameter: Parameter) -> Condition:
    beginnings = [_beginning(name, ()) for name in parameter.names]
    return Or(tuple(AmountWithin("quantity", key, low_from=LOWEST, begins=True) for key in beginnings))


TYPE = ParameterType("quantity", frozenset(), _sink, _read, _bind, _present)
