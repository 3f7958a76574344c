"""`+ - * / div mod &` and the polarity signs.  Spec: https://hl7.org/fhirpath/N1/#math-2"""

from __future__ import annotations

import operator as operators
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import ROUND_DOWN, ROUND_HALF_UP, Context, Decimal, DecimalException
from types import MappingProxyType
from typing import Any

from fhir_server.fhirpath import quantities
from fhir_server.fhirpath.dates import Moment
from fhir_server.fhirpath.errors import FhirPathError
from fhir_server.fhirpath.limits import LARGEST_INTEGER, joined
from fhir_server.fhirpath.moments import shift
from fhir_server.fhirpath.node import Items
from fhir_server.fhirpath.quantities import Quantity
from fhir_server.fhirpath.singletons import is_number, single_value, string
from fhir_server.fhirpath.values import type_label

EXACT = Context(prec=36, rounding=ROUND_HALF_UP)
"""Arithmetic on decimals: enough digits for every 28-digit operand's sum, product and quotient."""

Number = int | Decimal


_ON_INTEGERS: Mapping[str, Callable[[int, int], int]] = MappingProxyType({
    "+": operators.add, "-": operators.sub, "*": operators.mul,
})  # fmt: skip
_ON_DECIMALS: Mapping[str, Callable[[Decimal, Decimal], Decimal]] = MappingProxyType({
    "+": EXACT.add, "-": EXACT.subtract, "*": EXACT.multiply,
})  # fmt: skip


def arithmetic(operator: str, left: Items, right: Items) -> Items:
    """Return the result of one operation, empty where an operand is or where it is not defined."""
    mine, other = single_value(left), single_value(right)
    if mine is None or other is None:
        return []
    try:
        result = _operate(operator, mine, other)
    except (DecimalException, OverflowError) as error:
        raise FhirPathError(f"the result of {operator!r} is out of range") from error
    return [] if result is None else [result]


def concatenate(left: Items, right: Items) -> Items:
    """Return `left & right`: an empty operand counts as the empty text."""
    return [joined([string(left) or "", string(right) or ""])]


def signed(operator: str, items: Items) -> Items:
    """Return `+x` or `-x`."""
    value = single_value(items)
    if value is None:
        return []
    if is_number(value):
        return [-value if operator == "-" else value]
    if type(value) is Quantity:
        return [replace(value, value=-value.value) if operator == "-" else value]
    raise FhirPathError(f"{operator!r} needs a number or a Quantity, not {type_label(items[0])}")


def _operate(operator: str, left: Any, right: Any) -> Any:
    if is_number(left) and is_number(right):
        return _numbers(operator, left, right)
    if type(left) is str and type(right) is str and operator == "+":
        return joined([left, right])
    if type(left) is Moment and type(right) is Quantity and operator in "+-":
        return shift(left, right, -1 if operator == "-" else 1)
    if Quantity in (type(left), type(right)) and operator in ("+", "-", "*", "/"):
        left = quantities.of_number(left) if is_number(left) else left
        right = quantities.of_number(right) if is_number(right) else right
        if type(left) is type(right):
            return _quantities(operator, left, right)
    raise FhirPathError(f"{operator!r} is not defined for {type_label(left)} and {type_label(right)}")


def _quantities(operator: str, left: Quantity, right: Quantity) -> Quantity | None:
    if operator in "+-":
        return quantities.add(left, right, -1 if operator == "-" else 1)
    if quantities.is_scalar(left) and operator == "*":
        left, right = right, left
    return quantities.times(left, right, 1 if operator == "*" else -1)


def _numbers(operator: str, left: Number, right: Number) -> Number | None:
    if operator in _ON_INTEGERS:
        if type(left) is int and type(right) is int:
            result: int = _ON_INTEGERS[operator](left, right)
            return result if abs(result) <= LARGEST_INTEGER else None
        return _ON_DECIMALS[operator](Decimal(left), Decimal(right))
    if not right:
        return None
    quotient = EXACT.divide(Decimal(left), Decimal(right))
    if operator == "/":
        return quotient
    whole = int(quotient.to_integral_value(ROUND_DOWN))
    if operator == "div":
        return whole
    remainder = EXACT.subtract(Decimal(left), EXACT.multiply(Decimal(whole), Decimal(right)))
    return int(remainder) if type(left) is type(right) is int else remainder
