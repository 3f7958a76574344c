"""Conversion.  Spec: https://hl7.org/fhirpath/N1/#conversion"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from fhir_server.fhirpath import quantities
from fhir_server.fhirpath.dates import Moment, parse_date, parse_date_time, parse_time, to_date, to_date_time
from fhir_server.fhirpath.environment import Evaluator, Scope
from fhir_server.fhirpath.functions.table import Function, Maker, lazy, whole
from fhir_server.fhirpath.node import Items, Node, system
from fhir_server.fhirpath.quantities import Quantity
from fhir_server.fhirpath.singletons import boolean, single, string

Conversion = Callable[[Any], Any]

_INTEGER = re.compile(r"[+-]?[0-9]{1,18}\Z")
_DECIMAL = re.compile(r"[+-]?[0-9]{1,40}(?:\.[0-9]{1,40})?\Z")
_TRUE = frozenset({"true", "t", "yes", "y", "1", "1.0"})
_FALSE = frozenset({"false", "f", "no", "n", "0", "0.0"})


def text_of(value: Any) -> str | None:
    """Return a System value as its text, None for anything else."""
    if type(value) is bool:
        return "true" if value else "false"
    if type(value) is Decimal:
        return f"{value:f}"
    return None if type(value) is Node else str(value)


def _to_boolean(value: Any) -> bool | None:
    if type(value) is bool:
        return value
    if type(value) is str:
        word = value.lower()
        return True if word in _TRUE else False if word in _FALSE else None
    if type(value) in (int, Decimal):
        return True if value == 1 else False if value == 0 else None
    return None


def _to_integer(value: Any) -> int | None:
    if type(value) is str:
        return int(value) if _INTEGER.match(value) else None
    return int(value) if type(value) in (int, bool) else None


def _to_decimal(value: Any) -> Decimal | None:
    if type(value) is str:
        return Decimal(value) if _DECIMAL.match(value) else None
    return Decimal(value) if type(value) in (int, bool, Decimal) else None


def _to_date(value: Any) -> Moment | None:
    if type(value) is str:
        return parse_date(value)
    return to_date(value) if type(value) is Moment and value.kind != "Time" else None


def _to_date_time(value: Any) -> Moment | None:
    if type(value) is str:
        return parse_date_time(value)
    return to_date_time(value) if type(value) is Moment and value.kind != "Time" else None


def _to_time(value: Any) -> Moment | None:
    if type(value) is str:
        return parse_time(value.removeprefix("T"))
    return value if type(value) is Moment and value.kind == "Time" else None


def _to_quantity(value: Any) -> Quantity | None:
    if type(value) is str:
        return quantities.parse_quantity(value)
    if type(value) in (int, bool, Decimal):
        return quantities.of_number(value)
    return value if type(value) is Quantity else None


def _to(convert: Conversion) -> Maker:
    def evaluate(items: Items) -> Items:
        item = single(items)
        result = None if item is None else convert(system(item))
        return [] if result is None else [result]

    return whole(evaluate)


def _converts(convert: Conversion) -> Maker:
    def evaluate(items: Items) -> Items:
        item = single(items)
        return [] if item is None else [convert(system(item)) is not None]

    return whole(evaluate)


def _quantity_in(items: Items, unit: Items | None = None) -> Items:
    item = single(items)
    found = None if item is None else _to_quantity(system(item))
    if found is None or unit is None:
        return [] if found is None else [found]
    wanted = string(unit)
    converted = None if wanted is None else quantities.convert(found, wanted)
    return [] if converted is None else [converted]


def _iif(
    items: Items, scope: Scope, criterion: Evaluator, then: Evaluator, otherwise: Evaluator | None = None
) -> Items:
    single(items)
    inner = Scope(items, scope.run, scope.index, scope.total)
    if boolean(criterion(inner)):
        return then(inner)
    return otherwise(inner) if otherwise is not None else []


_CONVERSIONS: tuple[tuple[str, Conversion], ...] = (
    ("Boolean", _to_boolean),
    ("Integer", _to_integer),
    ("Decimal", _to_decimal),
    ("Date", _to_date),
    ("DateTime", _to_date_time),
    ("Time", _to_time),
    ("String", text_of),
)

FUNCTIONS = (
    *(Function(f"to{name}", _to(convert)) for name, convert in _CONVERSIONS),
    *(Function(f"convertsTo{name}", _converts(convert)) for name, convert in _CONVERSIONS),
    Function("toQuantity", whole(_quantity_in), most=1),
    Function(
        "convertsToQuantity",
        whole(lambda items, *unit: [bool(_quantity_in(items, *unit))] if items else []),
        most=1,
    ),
    Function("iif", lazy(_iif), 2, 3),
)
