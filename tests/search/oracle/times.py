"""Dates as spans of microseconds.  Spec: https://hl7.org/fhir/R4/search.html#date"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

Span = tuple[int, int]
"""First microsecond and the one after the last, of year 1."""

BEGINNING = datetime(1, 1, 1, tzinfo=UTC)
EVER, NEVER = -(10**18), 10**18
_FORM = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?(Z|[+-]\d\d:\d\d)?)?)?)?\Z"
)
_SECOND, _DAY = 10**6, 86_400 * 10**6


def span(text: str) -> Span | None:
    """Return what a date, dateTime or instant covers; dates without a zone are UTC.  None of other text."""
    form = _FORM.match(text)
    if form is None:
        return None
    year, month, day, hour, minute, second, fraction, zone = form.groups()
    first = datetime(int(year), int(month or 1), int(day or 1), int(hour or 0), int(minute or 0), tzinfo=UTC)
    start = (first - BEGINNING) // timedelta(microseconds=1) - _offset(zone)
    if hour is not None:
        length = 60 * _SECOND if second is None else _SECOND
        start += int(second or 0) * _SECOND
        if fraction is not None:
            start += int(fraction[:6].ljust(6, "0"))
            length = 10 ** (6 - min(len(fraction), 6))
        return start, start + length
    days = (
        1 if day else monthrange(first.year, first.month)[1] if month else 366 if _leaps(first.year) else 365
    )
    return start, start + days * _DAY


def _leaps(year: int) -> bool:
    return monthrange(year, 2)[1] == 29


def _offset(zone: str | None) -> int:
    if zone is None or zone == "Z":
        return 0
    hours, minutes = zone[1:].split(":")
    away = timezone(timedelta(hours=int(hours), minutes=int(minutes))).utcoffset(None)
    return (1 if zone[0] == "+" else -1) * (away // timedelta(microseconds=1))


def stored_span(value: Any, kind: str) -> Span | None:
    """Return what a stored value covers, in whole milliseconds; None where it says nothing about a time."""
    match kind:
        case "date" | "dateTime" | "instant":
            return _millis(span(value))
        case "Period":
            return _period(value)
        case "Timing":
            bounds = (value.get("repeat") or {}).get("boundsPeriod")
            spans = [_millis(span(event)) for event in value.get("event", ()) if event]
            spans += [_period(bounds)] if bounds else []
            known = [each for each in spans if each is not None]
            return (min(low for low, _ in known), max(high for _, high in known)) if known else None
    return None


def _period(value: Any) -> Span | None:
    ends = [_millis(span(value[name])) if value.get(name) else None for name in ("start", "end")]
    if ends == [None, None]:
        return None
    first, last = ends
    if first and last and last[1] <= first[0]:
        first, last = last, first
    return first[0] if first else EVER, last[1] if last else NEVER


def _millis(whole: Span | None) -> Span | None:
    # The database keeps milliseconds: anything finer is the milliseconds that it touches.
    return None if whole is None else (whole[0] // 1000 * 1000, -(-whole[1] // 1000) * 1000)


def about(asked: Span, now: datetime) -> Span:
    """Return the span widened by a tenth of its distance to now."""
    away = abs((now - BEGINNING) // timedelta(microseconds=1) - asked[0])
    return asked[0] - away // 10, asked[1] + away // 10


def _contained(asked: Span, stored: Span) -> bool:
    return asked[0] <= stored[0] and stored[1] <= asked[1]


COMPARES: Mapping[str, Callable[[Span, Span], bool]] = {
    "eq": _contained,
    "ne": lambda asked, stored: not _contained(asked, stored),
    "gt": lambda asked, stored: stored[1] > asked[1],
    "lt": lambda asked, stored: stored[0] < asked[0],
    "ge": lambda asked, stored: stored[1] > asked[1] or _contained(asked, stored),
    "le": lambda asked, stored: stored[0] < asked[0] or _contained(asked, stored),
    "sa": lambda asked, stored: stored[0] >= asked[1],
    "eb": lambda asked, stored: stored[1] <= asked[0],
    "ap": lambda asked, stored: stored[0] < asked[1] and asked[0] < stored[1],
}
"""Prefix → (what is asked, what is stored) → whether it matches."""
