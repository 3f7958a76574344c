"""Math.  Spec: https://hl7.org/fhirpath/N1/#math"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, Decimal, DecimalException
from typing import Any

from fhir_server.fhirpath.arithmetic import EXACT, Number
from fhir_server.fhirpath.errors import FhirPathError
from fhir_server.fhirpath.functions.table import Function, Maker, scalar
from fhir_server.fhirpath.limits import LARGEST_INTEGER
from fhir_server.fhirpath.node import Items
from fhir_server.fhirpath.quantities import Quantity
from fhir_server.fhirpath.singletons import integer, number, single_value

_MAX_PLACES = 28


def _amount(items: Items) -> Any:
    value = single_value(items)
    return value if type(value) is Quantity else number(items)


def _abs(value: Any) -> Any:
    return replace(value, value=abs(value.value)) if type(value) is Quantity else abs(value)


def _whole(rounding: str) -> Callable[[Number], int]:
    return lambda value: int(Decimal(value).to_integral_value(rounding))


def _round(value: Number, places: int = 0) -> Decimal:
    if not 0 <= places <= _MAX_PLACES:
        raise FhirPathError(f"round() takes 0 to {_MAX_PLACES} places")
    return Decimal(value).quantize(Decimal(1).scaleb(-places), context=EXACT)


def _defined(operation: Callable[..., Any]) -> Callable[..., Any]:
    """Give empty where the result is not defined, as the square root of -1."""

    def guarded(*values: Number) -> Any:
        try:
            result = operation(*(Decimal(value) for value in values))
        except (DecimalException, OverflowError):
            return None
        return result if result.is_finite() else None

    return guarded


def _power(base: Number, exponent: Number) -> Any:
    result = _defined(EXACT.power)(base, exponent)
    whole = type(base) is int and type(exponent) is int and exponent >= 0
    if result is None or not whole:
        return result
    return int(result) if abs(result) <= LARGEST_INTEGER else None


def _log(value: Decimal, base: Decimal) -> Decimal:
    return EXACT.plus(EXACT.divide(EXACT.ln(value), EXACT.ln(base)).quantize(Decimal("1e-28"), context=EXACT))


def _numeric(operation: Callable[..., Any]) -> Maker:
    return scalar(operation, number)


FUNCTIONS = (
    Function("abs", scalar(_abs, _amount)),
    Function("ceiling", _numeric(_whole(ROUND_CEILING))),
    Function("floor", _numeric(_whole(ROUND_FLOOR))),
    Function("truncate", _numeric(_whole(ROUND_DOWN))),
    Function("exp", _numeric(_defined(EXACT.exp))),
    Function("ln", _numeric(_defined(EXACT.ln))),
    Function("log", scalar(_defined(_log), number, number), 1, 1),
    Function("power", scalar(_power, number, number), 1, 1),
    Function("round", scalar(_round, number, integer), most=1),
    Function("sqrt", _numeric(_defined(EXACT.sqrt))),
)
