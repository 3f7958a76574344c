"""Date parameters: what is stored and what is asked are both intervals of instants.

A period without a start or an end is open.  A Timing counts from its first to its last instant.
`ge` and `le` are `gt` or `lt` or contained, as R4 words them; `ap` widens by a tenth of the distance to now.
Spec: https://hl7.org/fhir/R4/search.html#date
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from fhir_server.model.outcome import refuse
from fhir_server.model.plan import Condition, DateWithin, Or
from fhir_server.model.temporal import EARLIEST, LATEST, Interval, parse_interval
from fhir_server.search.collector import Collector, Sink
from fhir_server.search.escape import unescape
from fhir_server.search.parameter import Filter, Parameter, Reading, Setting
from fhir_server.search.parameter_type import ParameterType, SystemsOf
from fhir_server.search.prefix import split_prefix
from fhir_server.search.source import Source
from fhir_server.search.spelling import long_marker

SECOND, DAY, MONTH = timedelta(seconds=1), timedelta(days=1), timedelta(days=31)
_APPROXIMATION = 10
_IDLE_ZEROS = re.compile(r"(\.[0-9]{3})0+(?![0-9])")
_TO_SECONDS = len("2024-02-29T12:00:00")


@dataclass(frozen=True, slots=True)
class DateValue:
    """A prefix and the interval that follows it; of `ap` the interval is widened already."""

    prefix: str
    interval: Interval


def whole_millis(interval: Interval) -> Interval:
    """Return the interval with bounds on whole milliseconds, all that the database keeps, and not empty."""
    low, high = interval.start, interval.end
    low -= timedelta(microseconds=low.microsecond % 1000)
    if high.microsecond % 1000 and high != LATEST:
        high += timedelta(microseconds=1000 - high.microsecond % 1000)
    return Interval(low, high)


def range_key(name: str, low: datetime, high: datetime) -> str:
    """Return the key of a stored range: the name and its span class, `d`, `m` or `l`."""
    span = high - low
    return f"{name}:d" if span <= DAY else f"{name}:m" if span <= MONTH else f"{name}:l"


def interval_of(type_name: str, zone: tzinfo) -> Callable[[Any], Interval | None] | None:
    """Return what reads a value of a FHIR type as an interval; None if the type is none of time."""
    make = _READERS.get(type_name)
    return make(zone) if make is not None else None


def _sink(name: str, source: Source, parameter: Parameter, setting: Setting) -> Sink | None:
    read = interval_of(source.type, setting.zone)
    if read is None:
        return None
    reader = read
    marked = parameter.sorts and parameter.single and name != ""

    def sink(value: Any, out: Collector) -> None:
        interval = reader(value)
        if interval is not None:
            low, high = interval.start, interval.end
            out.date[range_key(name, low, high), low, high] = None
            if marked and high - low > MONTH:
                out.token[long_marker(name)] = None

    return sink


def _instant(zone: tzinfo) -> Callable[[Any], Interval | None]:
    def read(value: Any) -> Interval | None:
        # Whole seconds with an offset are the common form by far, and C reads them ten times faster.
        if len(value) in (20, 25) and value[7] == "-" and value[10] == "T" and value[19] in "Z+-":
            try:
                start = datetime.fromisoformat(value).astimezone(UTC)
                return Interval(start, start + SECOND)
            except (ValueError, OverflowError):
                return _parse(value, zone)
        return _parse(value, zone)

    return read


def _parse(text: str, zone: tzinfo) -> Interval | None:
    interval = parse_interval(text, zone)
    return whole_millis(interval) if interval is not None and len(text) > _TO_SECONDS else interval


def _period(zone: tzinfo) -> Callable[[Any], Interval | None]:
    def read(value: Any) -> Interval | None:
        start, end = value.get("start"), value.get("end")
        first = _parse(start, zone) if start is not None else None
        last = _parse(end, zone) if end is not None else None
        if first is None and last is None:
            return None
        if first is not None and last is not None and last.end <= first.start:
            first, last = last, first  # written the wrong way round: it still covers what lies between
        return Interval(first.start if first else EARLIEST, last.end if last else LATEST)

    return read


def _timing(zone: tzinfo) -> Callable[[Any], Interval | None]:
    period = _period(zone)

    def read(value: Any) -> Interval | None:
        bounds = (value.get("repeat") or {}).get("boundsPeriod")
        found = [_parse(event, zone) for event in value.get("event", ()) if event is not None]
        found.append(period(bounds) if bounds is not None else None)
        limits = [interval for interval in found if interval is not None]
        if not limits:
            return None
        return Interval(min(limit.start for limit in limits), max(limit.end for limit in limits))

    return read


_READERS: Mapping[str, Callable[[tzinfo], Callable[[Any], Interval | None]]] = {
    "date": _instant,
    "dateTime": _instant,
    "instant": _instant,
    "Period": _period,
    "Timing": _timing,
}


def _read(parameter: Parameter, _modifier: str | None, text: str, reading: Reading) -> DateValue:
    prefix, rest = split_prefix(unescape(text))
    # `.5000` means the millisecond that `.500` means: what is stored is no finer.
    interval = parse_interval(_IDLE_ZEROS.sub(r"\1", rest), reading.zone)
    if interval is None:
        raise refuse(
            "illegal-parameter-value",
            f"`{parameter.code}` needs a date: `2024`, `2024-02`, `2024-02-29` or `2024-02-29T12:00:00Z` "
            "(write `+` as `%2B`), with eq, ne, gt, lt, ge, le, sa, eb or ap before it.",
        )
    return DateValue(prefix, _widened(interval, reading.now()) if prefix == "ap" else interval)


def _widened(interval: Interval, now: datetime) -> Interval:
    distance = abs(now - interval.start) / _APPROXIMATION
    low, high = interval.start - EARLIEST, LATEST - interval.end
    return Interval(interval.start - min(distance, low), interval.end + min(distance, high))


def _bind(filter: Filter, _systems: SystemsOf) -> Condition:
    values: tuple[DateValue, ...] = filter.values
    parts = [within(name, value) for name in filter.parameter.names for value in values]
    return parts[0] if len(parts) == 1 else Or(tuple(parts))


def within(code: str, value: DateValue) -> Condition:
    """Return the condition of one date value on the ranges of one name."""
    return _CONDITIONS[value.prefix](code, value.interval.start, value.interval.end)


_CONDITIONS: Mapping[str, Callable[[str, datetime, datetime], Condition]] = {
    "eq": lambda code, start, end: DateWithin(code, low_from=start, high_to=end),
    "ne": lambda code, start, end: Or((DateWithin(code, low_before=start), DateWithin(code, high_after=end))),
    "gt": lambda code, _start, end: DateWithin(code, high_after=end),
    "lt": lambda code, start, _end: DateWithin(code, low_before=start),
    "ge": lambda code, start, end: Or(
        (DateWithin(code, high_after=end), DateWithin(code, low_from=start, high_to=end))
    ),
    "le": lambda code, start, end: Or(
        (DateWithin(code, low_before=start), DateWithin(code, low_from=start, high_to=end))
    ),
    "sa": lambda code, _start, end: DateWithin(code, low_from=end),
    "eb": lambda code, start, _end: DateWithin(code, high_to=start),
    "ap": lambda code, start, end: DateWithin(code, low_before=end, high_after=start),
}


def _present(parameter: Parameter) -> Condition:
    return Or(tuple(DateWithin(name, high_after=EARLIEST) for name in parameter.names))


TYPE = ParameterType("date", frozenset(), _sink, _read, _bind, _present)
