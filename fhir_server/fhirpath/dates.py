"""Dates, dateTimes and times with the precision they were written with.

Spec: https://hl7.org/fhirpath/N1/#datetime
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Literal

MomentKind = Literal["Date", "DateTime", "Time"]

_CLOCK = (
    r"(?P<hour>[01][0-9]|2[0-3])(?::(?P<minute>[0-5][0-9])"
    r"(?::(?P<second>(?:[0-5][0-9]|60)(?:\.[0-9]+)?))?)?"
)
_DATE_TIME = re.compile(
    r"(?P<year>[0-9]{4})(?:-(?P<month>0[1-9]|1[0-2])(?:-(?P<day>0[1-9]|[12][0-9]|3[01]))?)?"
    rf"(?P<mark>T(?:{_CLOCK}(?P<zone>Z|[+-](?:0[0-9]|1[0-4]):[0-5][0-9])?)?)?\Z"
)
_TIME = re.compile(rf"{_CLOCK}\Z")
YEAR, MONTH, DAY, HOUR, MINUTE, SECOND = range(1, 7)
"""Precisions: how many components are known, counted from the year (a Time starts at HOUR)."""

# A clock without a zone can stand anywhere between UTC-12 and UTC+14.
_EAST_MINUTES = 14 * 60
_WEST_MINUTES = -12 * 60


@dataclass(frozen=True, slots=True)
class Moment:
    """A partial date, dateTime or time.

    `parts` are year, month, day, hour, minute (a Time has 0, 0, 0 for the first three) and `second` with
    its fraction; what is unknown is missing at the end.  `zone` is minutes east of UTC, None if unknown.
    """

    kind: MomentKind
    parts: tuple[int, ...]
    second: Decimal | None = None
    zone: int | None = None

    @property
    def precision(self) -> int:
        """One of YEAR … SECOND."""
        return SECOND if self.second is not None else len(self.parts)

    @property
    def digits(self) -> int:
        """How many digits the text has, as `precision()` counts them (milliseconds at most: 17)."""
        year_digits = (0, 4, 6, 8, 10, 12, 14)[self.precision]
        count = year_digits if self.kind != "Time" else year_digits - 8
        return count + (3 if self.second is not None and _fraction(self.second) else 0)

    def __str__(self) -> str:
        day, clock = self.parts[:3], self.parts[3:]
        written = "-".join([f"{day[0]:04d}", *(f"{part:02d}" for part in day[1:])])
        times = [f"{part:02d}" for part in clock]
        if self.second is not None:
            times.append(_second_text(self.second))
        if self.kind == "Time":
            return ":".join(times)
        if times:
            return f"{written}T{':'.join(times)}{_zone_text(self.zone)}"
        return written

    def in_utc(self) -> Moment:
        """Return the same instant in UTC where zone and minute are known, else the value itself."""
        if not self.zone or len(self.parts) < MINUTE:
            return self
        try:
            shifted = wall_clock(self) - timedelta(minutes=self.zone)
        except (ValueError, OverflowError):
            return self
        return replace(self, parts=shifted.timetuple()[:5], zone=0)


def parse_literal(text: str) -> Moment | None:
    """Return what `@text` stands for: `T…` is a Time, a `T` after the date makes a DateTime."""
    if text.startswith("T"):
        return parse_time(text[1:])
    match = _DATE_TIME.match(text)
    return None if match is None else _date_time(match, "DateTime" if match["mark"] else "Date")


@lru_cache(maxsize=4096)
def parse_date_time(text: str) -> Moment | None:
    """Return a DateTime of any precision, or None."""
    match = _DATE_TIME.match(text)
    return None if match is None else _date_time(match, "DateTime")


def parse_date(text: str) -> Moment | None:
    """Return a Date; None for anything else, a dateTime too."""
    match = _DATE_TIME.match(text)
    return None if match is None or match["mark"] else _date_time(match, "Date")


def parse_time(text: str) -> Moment | None:
    """Return a Time of any precision, or None."""
    match = _TIME.match(text)
    if match is None:
        return None
    clock = [int(match[name]) for name in ("hour", "minute") if match[name]]
    return Moment("Time", (0, 0, 0, *clock), Decimal(match["second"]) if match["second"] else None)


def from_datetime(instant: datetime) -> Moment:
    """Return an aware instant as a DateTime with milliseconds, in its own zone."""
    offset = instant.utcoffset() or timedelta()
    second = Decimal(instant.second) + Decimal(instant.microsecond // 1000).scaleb(-3)
    zone = int(offset.total_seconds()) // 60
    return Moment("DateTime", instant.timetuple()[:5], second.quantize(Decimal("0.001")), zone)


def wall_clock(moment: Moment) -> datetime:
    """Return the clock of a moment to the minute, zone left aside; what is unknown is its beginning.

    Raises ValueError for a Time.
    """
    year, month, day, hour, minute = (moment.parts + (1, 1, 0, 0)[len(moment.parts) - 1 :])[:5]
    return datetime(year, month, day, hour, minute, tzinfo=UTC)


def to_date(moment: Moment) -> Moment:
    """Return the day of a DateTime, or the Date itself."""
    return Moment("Date", moment.parts[:3])


def to_date_time(moment: Moment) -> Moment:
    """Return a Date as a DateTime of the same precision."""
    return replace(moment, kind="DateTime")


def compare(left: Moment, right: Moment) -> int | None:
    """Return -1, 0 or 1, or None where the precision or a missing zone leaves it open.

    Both must be Times, or neither.  Spec: https://hl7.org/fhirpath/N1/#comparison
    """
    if left.kind != "Time" and (left.zone is None) != (right.zone is None):
        return _compare_ranges(left, right)
    left, right = left.in_utc(), right.in_utc()
    for mine, other in zip(left.parts, right.parts):
        if mine != other:
            return -1 if mine < other else 1
    if left.precision != right.precision:
        return None
    if left.second is not None and right.second is not None and left.second != right.second:
        return -1 if left.second < right.second else 1
    return 0


def earliest(moment: Moment) -> tuple[date, Decimal]:
    """Return the first instant a moment can mean, as (day, seconds into the day), in UTC."""
    return _instant(moment, (1, 1, 0, 0), Decimal(0), _EAST_MINUTES)


def latest(moment: Moment) -> tuple[date, Decimal]:
    """Return the last instant a moment can mean, to the millisecond."""
    year, month = moment.parts[0], moment.parts[1] if len(moment.parts) > 1 else 12
    return _instant(moment, (12, days_in_month(year, month), 23, 59), Decimal("59.999"), _WEST_MINUTES)


def days_in_month(year: int, month: int) -> int:
    """Return 28 to 31."""
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month in (4, 6, 9, 11) else 31


def _compare_ranges(left: Moment, right: Moment) -> int | None:
    if latest(left) < earliest(right):
        return -1
    if earliest(left) > latest(right):
        return 1
    return None


def _instant(
    moment: Moment, rest: tuple[int, int, int, int], second: Decimal, zone: int
) -> tuple[date, Decimal]:
    parts = moment.parts + rest[len(moment.parts) - 1 :]
    offset = moment.zone if moment.zone is not None else zone
    minutes = parts[3] * 60 + parts[4] - offset
    seconds = (moment.second if moment.second is not None else second) + minutes % 1440 * 60
    day = date(*parts[:3]).toordinal() + minutes // 1440
    return date.fromordinal(min(max(day, 1), date.max.toordinal())), seconds


def _date_time(match: re.Match[str], kind: MomentKind) -> Moment | None:
    names = ("year", "month", "day", "hour", "minute")
    parts = tuple(int(match[name]) for name in names if match[name])
    if parts[0] == 0 or (len(parts) >= DAY and parts[2] > days_in_month(parts[0], parts[1])):
        return None
    if match["hour"] and len(parts) < HOUR:
        return None
    second = Decimal(match["second"]) if match["second"] else None
    return Moment(kind, parts, second, _zone(match["zone"]))


def _zone(text: str | None) -> int | None:
    if text is None:
        return None
    if text == "Z":
        return 0
    minutes = int(text[1:3]) * 60 + int(text[4:6])
    return -minutes if text[0] == "-" else minutes


def _zone_text(zone: int | None) -> str:
    if zone is None:
        return ""
    if zone == 0:
        return "Z"
    return f"{'-' if zone < 0 else '+'}{abs(zone) // 60:02d}:{abs(zone) % 60:02d}"


def _second_text(second: Decimal) -> str:
    whole, _, fraction = f"{second:f}".partition(".")
    return whole.zfill(2) + (f".{fraction}" if fraction else "")


def _fraction(second: Decimal) -> int:
    exponent = second.as_tuple().exponent
    return -exponent if isinstance(exponent, int) and exponent < 0 else 0
