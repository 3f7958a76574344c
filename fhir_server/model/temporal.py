"""FHIR dates and times as intervals, and instants as text.

Spec: https://hl7.org/fhir/R4/datatypes.html#dateTime
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache

_DATE_TIME = re.compile(
    r"(?P<year>[0-9]{4})(?:-(?P<month>0[1-9]|1[0-2])(?:-(?P<day>0[1-9]|[12][0-9]|3[01])"
    r"(?:T(?P<hour>[01][0-9]|2[0-3]):(?P<minute>[0-5][0-9])"
    r"(?::(?P<second>[0-5][0-9]|60)(?:\.(?P<fraction>[0-9]+))?)?"
    r"(?P<zone>Z|[+-](?:0[0-9]|1[0-3]):[0-5][0-9]|[+-]14:00)?)?)?)?\Z"
)
EARLIEST = datetime(1, 1, 1, tzinfo=UTC)
LATEST = datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Interval:
    """The instants that a FHIR date stands for: `start <= t < end`, both aware, UTC."""

    start: datetime
    end: datetime


def parse_interval(text: str, zone: tzinfo = UTC) -> Interval | None:
    """Return the interval named by `text`, e.g. `2024-02` → [1 Feb, 1 Mar), or None if it is no date.

    `zone` applies only where `text` has none.  Digits of a second past the sixth are cut; a value at the
    edge of the calendar is clipped to years 1 to 9999.  A leap second counts as the last one before it.
    """
    match = _DATE_TIME.match(text)
    if match is None or match["year"] == "0000":
        return None
    try:
        return _interval(match, zone)
    except ValueError:
        return None


@lru_cache(maxsize=256)
def format_instant(instant: datetime) -> str:
    """Return an aware instant as a FHIR `instant` in UTC with milliseconds: `2026-11-22T08:00:00.000Z`."""
    utc = instant.astimezone(UTC)
    return f"{utc.year:04d}-{utc:%m-%dT%H:%M:%S}.{utc.microsecond // 1000:03d}Z"


def _interval(match: re.Match[str], zone: tzinfo) -> Interval:
    year, month, day = int(match["year"]), match["month"], match["day"]
    if match["hour"] is not None:
        return _from_time(match, zone)
    start = datetime(year, int(month or 1), int(day or 1), tzinfo=zone)
    if day is not None:
        return Interval(_utc(start), _later(start, timedelta(days=1)))
    if month is None:
        return Interval(_utc(start), LATEST if year == 9999 else _utc(start.replace(year=year + 1)))
    if year == 9999 and month == "12":
        return Interval(_utc(start), LATEST)
    following = start.replace(year=year + int(month) // 12, month=int(month) % 12 + 1)
    return Interval(_utc(start), _utc(following))


def _from_time(match: re.Match[str], zone: tzinfo) -> Interval:
    offset = match["zone"]
    second, fraction = match["second"], match["fraction"]
    start = datetime(
        int(match["year"]), int(match["month"]), int(match["day"]),
        int(match["hour"]), int(match["minute"]), min(int(second or 0), 59),
        int((fraction or "")[:6].ljust(6, "0")),
        tzinfo=_offset(offset) if offset is not None else zone,
    )  # fmt: skip
    if second is None:
        return Interval(_utc(start), _later(start, timedelta(minutes=1)))
    digits = min(len(fraction or ""), 6)
    return Interval(_utc(start), _later(start, timedelta(microseconds=10 ** (6 - digits))))


def _offset(text: str) -> tzinfo:
    if text == "Z":
        return UTC
    sign = -1 if text[0] == "-" else 1
    return timezone(sign * timedelta(hours=int(text[1:3]), minutes=int(text[4:6])))


def _utc(instant: datetime) -> datetime:
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        return EARLIEST if instant.year == 1 else LATEST


def _later(start: datetime, span: timedelta) -> datetime:
    # Wall-clock arithmetic first: the day after a clock change is 23 or 25 hours later.
    try:
        return _utc(start + span)
    except OverflowError:
        return LATEST
