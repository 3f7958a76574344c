"""PQ, INT, REAL, BL, ST, MO, RTO and intervals of them: every literal and every unit as it was written.

Spec: https://hl7.org/fhir/R4/datatypes.html#quantity
"""

from __future__ import annotations

import re
from typing import Any, Final, Literal

from fhir_server.model.number import number
from importers.cda.conversion import Conversion, Element
from importers.cda.datatypes.absence import absent, null_flavor
from importers.cda.vocabulary import UCUM, system_of, ucum, unit_system
from importers.cda.xml import XSI_TYPE, attr, child, children, own_words

Quantity = dict[str, Any]
Range = dict[str, Any]
Ratio = dict[str, Any]
QuantityOrRange = tuple[Literal["Quantity"], Quantity] | tuple[Literal["Range"], Range]

_NUMBER: Final = re.compile(
    r"(?P<sign>[+-]?)(?P<whole>\d*)(?:[.,](?P<part>\d*))?(?P<power>[eE][+-]?\d{1,3})?", re.ASCII
)
_TRANSLATION: Final = "http://hl7.org/fhir/StructureDefinition/iso21090-PQ-translation"
_BEYOND: Final = frozenset({"PINF", "NINF", "NA"})
"""Null flavors of a bound that say that there is no bound."""
_COMPARATORS: Final = {("low", True): ">=", ("low", False): ">", ("high", True): "<=", ("high", False): "<"}
_LONGEST: Final = 64


def decimal_text(text: str) -> str | None:
    """Return a number as JSON writes it, its digits kept: `+.50` → `0.50`, `1,5` → `1.5`; None for others."""
    found = _NUMBER.fullmatch(text)
    if found is None or len(text) > _LONGEST or not (found["whole"] or found["part"]):
        return None
    whole = found["whole"].lstrip("0") or "0"
    sign = "-" if found["sign"] == "-" else ""
    return sign + whole + (f".{found['part']}" if found["part"] else "") + (found["power"] or "")


def decimal(cv: Conversion, node: Element | None) -> Any:
    """Return a REAL as an exact number (`int` or `Number`), None if there is no number; marks it."""
    given = attr(node, "value")
    if node is None or given is None:
        return None
    text = decimal_text(given)
    if text is None:
        cv.issue("warning", "number", "A value is not a number.", node)
        return None
    if text != given:
        cv.issue("information", "number", "A number was written as FHIR writes it, its digits kept.", node)
    cv.take(node, "value", XSI_TYPE)
    return number(text)


def integer(cv: Conversion, node: Element | None) -> int | None:
    """Return an INT, None if there is no whole number of 32 bits; marks it."""
    given = attr(node, "value")
    if node is None or given is None:
        return None
    if re.fullmatch(r"[+-]?[0-9]{1,10}", given) is None or not -(2**31) <= int(given) < 2**31:
        cv.issue("warning", "number", "A value is not a whole number.", node)
        return None
    cv.take(node, "value", XSI_TYPE)
    return int(given)


def boolean(cv: Conversion, node: Element | None) -> bool | None:
    """Return a BL, None if it is neither true nor false; marks it."""
    given = attr(node, "value")
    if node is None or given is None:
        return None
    found = {"true": True, "1": True, "false": False, "0": False}.get(given.lower())
    if found is None:
        cv.issue("warning", "number", "A value is neither true nor false.", node)
        return None
    cv.take(node, "value", XSI_TYPE)
    return found


def string(cv: Conversion, node: Element | None) -> str | None:
    """Return the text of an ST (or its `value`), blanks collapsed; None if there is none; marks it."""
    if node is None:
        return None
    words = own_words(node)
    if words:
        cv.take(node, "text()", XSI_TYPE, "mediaType", "representation")
        return words
    given = attr(node, "value")
    if given is not None:
        cv.take(node, "value", XSI_TYPE)
    return given


def quantity(cv: Conversion, node: Element | None) -> Quantity | None:
    """Return a PQ as Quantity: literal and unit as written, a code only where the unit is one of a system.

    Translations into other units stand as extensions, a nullFlavor too.  None if it says nothing.
    """
    if node is None:
        return None
    result: Quantity = absent(cv, node) or {}
    value = decimal(cv, node)
    if value is not None:
        result["value"] = value
        _unit(cv, node, result)
    for each in children(node, "translation"):
        other = _other_unit(cv, each)
        if other is not None:
            result.setdefault("extension", []).append({"url": _TRANSLATION, "valueQuantity": other})
    if result:
        cv.take(node, XSI_TYPE)
    return result or None


def range_(cv: Conversion, node: Element | None) -> Range | None:
    """Return an IVL_PQ (IVL_INT, IVL_REAL) as Range with the bounds that it has; None if it has none."""
    if node is None:
        return None
    result: Range = {}
    for name in ("low", "high"):
        bound = child(node, name)
        if bound is None or null_flavor(bound) in _BEYOND:
            if bound is not None:
                cv.take(bound, "nullFlavor", XSI_TYPE, "unit")
            continue
        found = quantity(cv, bound)
        if found is not None:
            result[name] = found
            _inclusive(cv, bound)
    if not result:
        single = quantity(cv, node) if attr(node, "value") else quantity(cv, child(node, "center"))
        return None if single is None else {"low": single, "high": dict(single)}
    cv.take(node, XSI_TYPE)
    return result


def ivl_pq(cv: Conversion, node: Element | None) -> QuantityOrRange | None:
    """Return an interval as a Range, or with one bound only as a Quantity with its comparator."""
    if node is None:
        return None
    bounds = [(name, child(node, name)) for name in ("low", "high")]
    closed = [(name, b) for name, b in bounds if b is not None and null_flavor(b) not in _BEYOND]
    if len(closed) != 1:
        if not closed and child(node, "center") is not None and attr(node, "value") is None:
            single = quantity(cv, child(node, "center"))
        elif not closed:
            single = quantity(cv, node)
        else:
            found = range_(cv, node)
            return None if found is None else ("Range", found)
        return None if single is None else ("Quantity", single)
    for _, bound in bounds:
        if bound is not None and bound is not closed[0][1]:
            cv.take(bound, "nullFlavor", XSI_TYPE, "unit")
    name, bound = closed[0]
    result = quantity(cv, bound)
    if result is None:
        return None
    cv.take(bound, "inclusive")
    cv.take(node, XSI_TYPE)
    if "value" in result:
        result["comparator"] = _COMPARATORS[name, bound.get("inclusive") != "false"]
    return ("Quantity", result)


def ratio(cv: Conversion, node: Element | None) -> Ratio | None:
    """Return an RTO as Ratio, None if neither part has a value."""
    if node is None:
        return None
    result: Ratio = absent(cv, node) or {}
    for name in ("numerator", "denominator"):
        found = quantity(cv, child(node, name))
        if found is not None:
            result[name] = found
    if not result:
        return None
    cv.take(node, XSI_TYPE)
    return result


def money(cv: Conversion, node: Element | None) -> dict[str, Any] | None:
    """Return a MO as Money, None if it has no value."""
    value = decimal(cv, node)
    if node is None or value is None:
        return None
    currency = attr(node, "currency")
    cv.take(node, "currency")
    return {"value": value} if currency is None else {"value": value, "currency": currency.upper()}


def _unit(cv: Conversion, node: Element, result: Quantity) -> None:
    unit = attr(node, "unit")
    if unit is None:
        return
    cv.take(node, "unit")
    result["unit"] = unit
    known = ucum(unit)
    other = unit_system(unit) if known is None else None
    if known is None and other is None:
        cv.issue_once("information", "unit", "A unit is not UCUM, its text was kept.", node, unit)
        return
    result["system"] = other or UCUM
    result["code"] = known or unit


def _other_unit(cv: Conversion, node: Element) -> Quantity | None:
    """Return a PQR: a value in a unit that its own code names."""
    value = decimal(cv, node)
    if value is None:
        return None
    result: Quantity = {"value": value}
    name, system = attr(node, "displayName") or attr(node, "code"), attr(node, "codeSystem")
    known = None if system is None else system_of(system)
    if name is not None:
        result["unit"] = name
    if known is not None and attr(node, "code") is not None:
        result["system"] = known.uri
        result["code"] = attr(node, "code")
    cv.take(node, "code", "codeSystem", "codeSystemName", "codeSystemVersion", "displayName", XSI_TYPE)
    return result


def _inclusive(cv: Conversion, bound: Element) -> None:
    if bound.get("inclusive") == "false":
        cv.issue("information", "number", "A bound is not part of its interval; FHIR counts it in.", bound)
    else:
        cv.take(bound, "inclusive")


def pqr(cv: Conversion, node: Element | None) -> Quantity | None:
    """Return a PQR as Quantity, None if it has no value."""
    return None if node is None else _other_unit(cv, node)
