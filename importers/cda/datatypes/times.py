"""TS and IVL_TS as date, dateTime, instant and Period.

Spec: https://hl7.org/fhir/R4/datatypes.html#dateTime, https://hl7.org/fhir/R4/datatypes.html#period
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Literal

from importers.cda.conversion import Conversion, Element
from importers.cda.datatypes.absence import ABSENT, absent
from importers.cda.datatypes.numbers import decimal_text
from importers.cda.datatypes.stamps import shifted, stamp
from importers.cda.vocabulary import ucum
from importers.cda.xml import XSI_TYPE, attr, child

Period = dict[str, Any]
Effective = tuple[Literal["DateTime"], str] | tuple[Literal["Period"], Period]

_DAY: Final = len("YYYY-MM-DD")
_PARTS: Final = ("low", "high", "center", "width")
_SECONDS: Final = {"s": 1, "min": 60, "h": 3600, "d": 86400, "wk": 604800}
_MONTHS: Final = {"mo": 1, "a": 12}
_ONE: Final = {10: (86400, 0), 7: (0, 1), 4: (0, 12)}
"""Length of a date → one unit of its own precision, as seconds and months."""


def date_time(cv: Conversion, node: Element | None) -> str | None:
    """Return a TS as dateTime at its own precision; None without a value or with one that is no time.

    Whatever was decided (a missing offset, a day that does not exist) is reported, kind `date`.
    """
    given = attr(node, "value")
    if node is None or given is None:
        return None
    found = stamp(given, cv.zone)
    if found is None:
        cv.issue("warning", "date", "A text in the place of a time is no time.", node)
        return None
    cv.take(node, "value", XSI_TYPE)
    if found.decisions:
        text = "; ".join(found.decisions)
        cv.issue("information", "date", f"{text[0].upper()}{text[1:]}.", node)
    return found.text


def date(cv: Conversion, node: Element | None) -> str | None:
    """Return a TS as date at its own precision; a time of day is cut off and that reported."""
    found = date_time(cv, node)
    if found is not None and "T" in found:
        cv.issue("information", "date", "A time of day was cut off where FHIR has a date only.", node)
        return found[:10]
    return found


def instant(cv: Conversion, node: Element | None) -> str | None:
    """Return a TS as instant; a coarser one becomes its first moment in the zone of the import, reported."""
    found = date_time(cv, node)
    if found is None or node is None or "T" in found:
        return found
    first = (found + "-01-01"[len(found) - 4 :] if len(found) < 10 else found).replace("-", "") + "000000"
    cv.issue("information", "date", "A date stands for its first moment where FHIR has an instant.", node)
    exact = stamp(first, cv.zone)
    return None if exact is None else exact.text


def period(cv: Conversion, node: Element | None) -> Period | None:
    """Return an IVL_TS as Period; a bound that is absent for a reason says so.  None if it says nothing."""
    if node is None:
        return None
    cv.take(node, XSI_TYPE)
    result: Period = absent(cv, node) or {}
    only = date_time(cv, node) or date_time(cv, child(node, "center"))
    if only is not None:
        result["start"] = result["end"] = only
    for name, field in (("low", "start"), ("high", "end")):
        _bound(cv, child(node, name), field, result)
    _width(cv, node, result)
    if _is_backwards(result.get("start"), result.get("end")):
        cv.issue("warning", "date", "An end lies before its start: it is only in the original.", node)
        del result["end"]
        result["_end"] = {"extension": [{"url": ABSENT, "valueCode": "error"}]}
    return result or None


def _is_backwards(start: str | None, end: str | None) -> bool:
    """Return whether a period ends before it begins (per-1), as exactly as both bounds say."""
    if start is None or end is None:
        return False
    if "T" in start and "T" in end:
        return datetime.fromisoformat(start) > datetime.fromisoformat(end)
    length = min(len(start), len(end), _DAY)
    return start[:length] > end[:length]


def effective(cv: Conversion, node: Element | None) -> Effective | None:
    """Return when something was: a moment as `("DateTime", …)`, an interval as `("Period", …)`."""
    if node is None:
        return None
    if not len(node) or all(child(node, name) is None for name in _PARTS):
        moment = date_time(cv, node)
        return None if moment is None else ("DateTime", moment)
    center = child(node, "center")
    if center is not None and all(child(node, name) is None for name in ("low", "high", "width")):
        moment = date_time(cv, center)
        return None if moment is None else ("DateTime", moment)
    found = period(cv, node)
    return None if found is None else ("Period", found)


def _bound(cv: Conversion, node: Element | None, field: str, result: Period) -> None:
    if node is None:
        return
    found = date_time(cv, node)
    if found is not None:
        result[field] = found
    else:
        nothing = absent(cv, node)
        if nothing is not None:
            result[f"_{field}"] = nothing
    if node.get("inclusive") == "false":
        cv.issue("information", "date", "A bound is not part of its interval; FHIR counts it in.", node)
    elif "inclusive" in node.attrib:
        cv.take(node, "inclusive")


def _width(cv: Conversion, node: Element, result: Period) -> None:
    """Set the missing bound from the other and the width, where that can be told exactly.

    A date as a bound counts in whole: two days from the first end with the second, not with the third.
    """
    width = child(node, "width")
    known = [field for field in ("start", "end") if field in result]
    if width is None or len(known) != 1:
        return
    value, unit = decimal_text(attr(width, "value") or ""), ucum(attr(width, "unit") or "")
    length = None if value is None else Decimal(value)
    if length is None or unit is None or abs(length) > 10**6 or length != int(length):
        return
    sign = 1 if known[0] == "start" else -1
    move = sign * int(length)
    moved = shifted(result[known[0]], move * _SECONDS.get(unit, 0), move * _MONTHS.get(unit, 0))
    if moved is not None and length > 0 and "T" not in moved:
        moved = shifted(moved, *(-sign * part for part in _ONE[len(moved)]))
    if moved is not None and (unit in _SECONDS or unit in _MONTHS):
        result["end" if sign > 0 else "start"] = moved
        cv.take(width)
