"""PIVL_TS, EIVL_TS and SXPR_TS, and several times beside one another, as Timing.

Spec: https://hl7.org/fhir/R4/datatypes.html#timing
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Final

from importers.cda.conversion import Conversion, Element
from importers.cda.datatypes.absence import masked
from importers.cda.datatypes.numbers import decimal, decimal_text, quantity
from importers.cda.datatypes.stamps import stamp
from importers.cda.datatypes.times import date_time, period
from importers.cda.datatypes.types import type_of
from importers.cda.text import said
from importers.cda.vocabulary import UCUM, ucum, value_map
from importers.cda.xml import XSI_TYPE, attr, child, children

Timing = dict[str, Any]
Repeat = dict[str, Any]

_MINUTES: Final = {"s": Decimal(1) / 60, "min": Decimal(1), "h": Decimal(60), "d": Decimal(1440)}
_DAY_S: Final = {"s": 86400, "min": 1440, "h": 24}
_WITHOUT_OFFSET: Final = frozenset({"C", "CM", "CD", "CV"})


def timings(cv: Conversion, nodes: Iterable[Element]) -> list[Timing]:
    """Return what several `effectiveTime` of one statement say together; several Timings where one cannot.

    An interval bounds the others; a period and events repeat; points in time are events of their own.
    """
    collected = _Collected()
    for node in nodes:
        _add(cv, node, collected)
    return collected.timings()


def pivl(cv: Conversion, node: Element | None) -> Repeat | None:
    """Return a PIVL_TS as `Timing.repeat`, None if it does not say how often."""
    if node is None:
        return None
    every = child(node, "period")
    value = _positive(cv, every)
    unit = value_map("time_unit").get(ucum(attr(every, "unit") or "") or "")
    if every is None or value is None or unit is None:
        return None
    cv.take(every, "value", "unit", XSI_TYPE)
    cv.take(node, XSI_TYPE, "operator")
    repeat: Repeat = {"frequency": 1, "period": value, "periodUnit": unit}
    if attr(node, "institutionSpecified") is not None:
        cv.take(node, "institutionSpecified")
    if attr(node, "institutionSpecified") == "true" and unit in _DAY_S:
        times = Decimal(_DAY_S[unit]) / Decimal(decimal_text(attr(every, "value") or "1") or "1")
        if times > 1 and times == int(times):
            repeat = {"frequency": int(times), "period": 1, "periodUnit": "d"}
    _phase(cv, child(node, "phase"), repeat)
    return repeat


def eivl(cv: Conversion, node: Element | None) -> Repeat | None:
    """Return an EIVL_TS as `Timing.repeat` with `when` and `offset`, None if FHIR has no such event."""
    event = None if node is None else child(node, "event")
    if node is None or event is None:
        return None
    given = attr(event, "code")
    when = value_map("timing_event").get(given or "")
    if when is None:
        if given is not None:
            cv.issue("warning", "code", "FHIR has no event for the timing of a dose.", event)
        return None
    cv.take(event)
    cv.take(node, XSI_TYPE, "operator")
    repeat: Repeat = {"when": [when]}
    offset = child(node, "offset")
    minutes = None if when in _WITHOUT_OFFSET else _minutes(offset)
    if offset is not None and minutes is not None:
        repeat["offset"] = minutes
        cv.take(offset)
        for bound in children(offset, "low", "center"):
            cv.take(bound)
    return repeat


def sxpr(cv: Conversion, node: Element | None) -> list[Timing]:
    """Return the parts of an SXPR_TS as Timings, none if they say nothing."""
    if node is None:
        return []
    cv.take(node, XSI_TYPE, "operator")
    return timings(cv, children(node, "comp"))


class _Collected:
    """What was said so far: bounds for all, repetitions, points in time."""

    def __init__(self) -> None:
        self.bounds: dict[str, Any] = {}
        self.repeats: list[Repeat] = []
        self.words: list[str] = []
        self.events: list[str] = []

    def add(self, repeat: Repeat) -> None:
        last = self.repeats[-1] if self.repeats else None
        if last is not None and "when" in last and "when" in repeat:
            if last.get("offset") == repeat.get("offset"):
                last["when"] = [*last["when"], *(one for one in repeat["when"] if one not in last["when"])]
                return
        elif (
            last is not None
            and not last.keys() & repeat.keys()
            and not ({"when", "timeOfDay"} <= last.keys() | repeat.keys())
        ):
            last.update(repeat)
            return
        self.repeats.append(dict(repeat))

    def timings(self) -> list[Timing]:
        made: list[Timing] = [{"repeat": {**self.bounds, **each}} for each in self.repeats]
        if not made and self.bounds:
            made = [{"repeat": dict(self.bounds)}]
        if self.events:
            made.insert(0, {"event": self.events})
        if self.words and made:
            made[-1]["code"] = {"text": "; ".join(dict.fromkeys(self.words))}
        return made


def _add(cv: Conversion, node: Element, collected: _Collected) -> None:
    kind = type_of(cv, node)
    if kind == "SXPR_TS":
        cv.take(node, XSI_TYPE, "operator")
        for part in children(node, "comp"):
            _add(cv, part, collected)
        return
    if kind in ("PIVL_TS", "EIVL_TS"):
        repeat = pivl(cv, node) if kind == "PIVL_TS" else eivl(cv, node)
        if repeat is not None:
            collected.add(repeat)
        _words(cv, node, collected)
        if repeat is None:
            masked(cv, node)
        return
    bounds = _bounds(cv, node)
    if bounds:
        collected.bounds.update(bounds)
    elif attr(node, "value") is not None:
        moment = date_time(cv, node)
        if moment is not None:
            collected.events.append(moment)
    cv.take(node, "operator")


def _words(cv: Conversion, node: Element, collected: _Collected) -> None:
    for every in children(node, "period"):
        for translation in children(every, "translation"):
            words = said(cv, child(translation, "originalText"))
            if words is not None:
                collected.words.append(words)
                cv.take(every, XSI_TYPE)
                cv.take(translation, XSI_TYPE)


def _bounds(cv: Conversion, node: Element) -> dict[str, Any]:
    width = child(node, "width")
    has_bound = child(node, "low") is not None or child(node, "high") is not None
    if not has_bound and width is None:
        return {}
    if has_bound:
        found = period(cv, node)
        return {} if found is None else {"boundsPeriod": found}
    length = quantity(cv, width)
    cv.take(node, XSI_TYPE)
    return {} if length is None or length.get("system") != UCUM else {"boundsDuration": length}


def _phase(cv: Conversion, phase: Element | None, repeat: Repeat) -> None:
    """Set the time of day and the duration that a phase says, where FHIR can say them too."""
    if phase is None:
        return
    first = child(phase, "low")
    moment = stamp(attr(first, "value") or "", cv.zone)
    if first is not None and moment is not None and "T" in moment.text and repeat["periodUnit"] not in _DAY_S:
        repeat["timeOfDay"] = [moment.text[11:19]]
        cv.take(first, "value", XSI_TYPE)
        cv.take(phase, XSI_TYPE)
    width = child(phase, "width")
    unit = value_map("time_unit").get(ucum(attr(width, "unit") or "") or "")
    length = _positive(cv, width)
    if width is not None and unit is not None and length is not None:
        repeat["duration"] = length
        repeat["durationUnit"] = unit
        cv.take(width, "unit")
        cv.take(phase, XSI_TYPE)


def _positive(cv: Conversion, node: Element | None) -> Any:
    text = decimal_text(attr(node, "value") or "")
    return decimal(cv, node) if text is not None and Decimal(text) > 0 else None


def _minutes(offset: Element | None) -> int | None:
    bound = offset
    for name in ("low", "center"):
        if offset is not None and child(offset, name) is not None:
            bound = child(offset, name)
            break
    text = decimal_text(attr(bound, "value") or "")
    factor = _MINUTES.get(ucum(attr(bound, "unit") or "") or "")
    if text is None or factor is None or len(text) > 9:
        return None
    exact = abs(Decimal(text) * factor)
    return int(exact) if exact == int(exact) else None
