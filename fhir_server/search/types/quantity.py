"""Quantity parameters: `[prefix]number[|system|code]`.

An amount is written per way of naming its unit: `<name>|<system>`, `<name>|<system>|<code>`, and outside
UCUM also `<name>` and `<name>||<code>`; a unit text that is not the code adds `<name>||<unit>`.  So a
question is one key or two: any unit asks `<name>` and `<name>|<UCUM>`, `5.4||mg` asks `<name>||mg` and
UCUM's `mg`.
A comparator makes the value one-sided (`<5` is anything below 5).  Units are not converted.
Spec: https://hl7.org/fhir/R4/search.html#quantity
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
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

UCUM = "http://unitsofmeasure.org"
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
            for key in unit_keys(name, system, code, unit):
                out.quantity[key, low, high] = None

    return sink


def unit_keys(name: str, system: str, code: str, unit: str) -> Iterable[str]:
    """Return every key under which a quantity of that unit is found."""
    if system == UCUM:
        keys = [f"{name}|{UCUM}", f"{name}|{UCUM}|{code}"] if code else [f"{name}|{UCUM}"]
    else:
        keys = [name, f"{name}|{system}"] if system else [name]
        if code:
            keys.append(f"{name}|{system}|{code}")
            if system:
                keys.append(f"{name}||{code}")
    if unit and (unit != code or not code):
        keys.append(f"{name}||{unit}")
    return keys


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


def keys_of(name: str, value: QuantityValue) -> tuple[str, ...]:
    """Return the keys that hold every quantity in the unit asked for."""
    match value.system, value.code:
        case None, None:
            return name, f"{name}|{UCUM}"
        case None, code:
            return f"{name}|{UCUM}|{code}", f"{name}||{code}"
        case system, (None | ""):
            return (f"{name}|{system}",)
        case system, code:
            return (f"{name}|{system}|{code}",)
    raise TypeError(value)


def conditions(field: AmountField, name: str, value: QuantityValue) -> list[Condition]:
    """Return the conditions, joined by OR, of one value on the amounts of one name."""
    return [within(field, key, value.amount) for key in keys_of(name, value)]


def _bind(filter: Filter, _systems: SystemsOf) -> Condition:
    parts = [
        condition
        for name in filter.parameter.names
        for value in filter.values
        for condition in conditions("quantity", name, value)
    ]
    return parts[0] if len(parts) == 1 else Or(tuple(parts))


def _present(parameter: Parameter) -> Condition:
    keys = [key for name in parameter.names for key in (name, f"{name}|{UCUM}")]
    return Or(tuple(AmountWithin("quantity", key, low_from=LOWEST) for key in keys))


TYPE = ParameterType("quantity", frozenset(), _sink, _read, _bind, _present)
