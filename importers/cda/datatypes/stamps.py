"""The text of an HL7 point in time, `YYYYMMDDHHMMSS.UUUU+ZZZZ`, as a FHIR date or dateTime.

Nothing is made more precise than it was, but for seconds, which FHIR demands with a time.
Spec: https://hl7.org/fhir/R4/datatypes.html#dateTime
"""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Final

_SHAPE: Final = re.compile(
    r"(?P<digits>\d{4,14})(?:[.,](?P<fraction>\d{1,9})\d*)?(?P<offset>Z|[+-]\d{1,4}|[+-]\d\d:\d\d)?",
    re.ASCII,
)
_DIGITS_OF: Final = (4, 6, 8, 10, 12, 14)
_DATE: Final = 8
_WIDEST: Final = timedelta(hours=14)


@dataclass(frozen=True, slots=True)
class Stamp:
    """A point in time as FHIR writes it, and what had to be decided, one sentence each."""

    text: str
    decisions: tuple[str, ...] = ()


@lru_cache(maxsize=1024)
def stamp(text: str, zone: tzinfo) -> Stamp | None:
    """Return the date or dateTime that `text` stands for; None if it is no point in time.

    `zone` is that of a time without an offset, its summer time included.
    """
    found = _SHAPE.fullmatch(text.strip())
    if found is None or int(found["digits"][:4]) == 0:
        return None
    decisions: list[str] = []
    digits = _to_full_parts(found["digits"], decisions)
    date = _date(digits, decisions)
    if len(digits) <= _DATE or len(date) < len("YYYY-MM-DD"):
        if found["offset"] and not decisions:
            decisions.append("a date has an offset, which FHIR has no place for")
        return Stamp(date, tuple(decisions))
    time = _time(digits[_DATE:], found["fraction"], decisions)
    if time is None:
        return Stamp(date, tuple(decisions))
    offset = _offset(found["offset"], decisions) if found["offset"] else None
    if offset is None:
        offset = _in_zone(f"{date}T{time[:8]}", zone, decisions)
    return Stamp(f"{date}T{time}{offset}", tuple(decisions))


def _to_full_parts(digits: str, decisions: list[str]) -> str:
    length = max(length for length in _DIGITS_OF if length <= len(digits))
    if length < len(digits):
        decisions.append(f"{len(digits)} digits are no precision of a time, {length} were read")
    return digits[:length]


def _date(digits: str, decisions: list[str]) -> str:
    year, month, day = digits[:4], digits[4:6], digits[6:8]
    if not month:
        return year
    if not 1 <= int(month) <= 12:
        decisions.append("there is no such month, the year was kept")
        return year
    if not day:
        return f"{year}-{month}"
    if not 1 <= int(day) <= monthrange(int(year), int(month))[1]:
        decisions.append("there is no such day, the month was kept")
        return f"{year}-{month}"
    return f"{year}-{month}-{day}"


def _time(digits: str, fraction: str | None, decisions: list[str]) -> str | None:
    hour, minute, second = digits[:2], digits[2:4], digits[4:6]
    if not minute:
        decisions.append("an hour without minutes was cut to its date")
        return None
    if int(hour) > 23 or int(minute) > 59 or int(second or 0) > 59:
        decisions.append("there is no such time of day, the date was kept")
        return None
    if not second:
        if fraction is not None:
            decisions.append("a fraction without seconds was passed over")
        return f"{hour}:{minute}:00"
    return f"{hour}:{minute}:{second}" + (f".{fraction}" if fraction else "")


def _offset(text: str, decisions: list[str]) -> str | None:
    if text == "Z":
        return "Z"
    digits = text[1:].replace(":", "")
    if len(digits) in (1, 3):
        decisions.append(f"an offset of {len(digits)} digits was read with one digit for the hour")
        digits = f"0{digits}"
    hours, minutes = digits[:2], digits[2:] or "00"
    if int(minutes) > 59 or timedelta(hours=int(hours), minutes=int(minutes)) > _WIDEST:
        decisions.append("there is no such offset from UTC")
        return None
    return f"{text[0]}{hours}:{minutes}"


def _in_zone(text: str, zone: tzinfo, decisions: list[str]) -> str:
    local = datetime.fromisoformat(text).replace(tzinfo=zone)
    shift = local.utcoffset() or timedelta()
    decisions.append("a time without an offset was read in the time zone of the import")
    try:
        twice = local.replace(fold=1).utcoffset() != local.utcoffset()
        back = local.astimezone(UTC).astimezone(zone)
    except OverflowError:
        twice, back = False, local
    if back.replace(tzinfo=None) != local.replace(tzinfo=None):
        decisions.append("the clocks skipped that time, the offset before the change was used")
    elif twice:
        decisions.append("the clocks showed that time twice, the first was used")
    minutes = round(shift.total_seconds() / 60)
    sign = "-" if minutes < 0 else "+"
    return f"{sign}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


def shifted(text: str, seconds: int, months: int) -> str | None:
    """Return a FHIR date or dateTime moved on by `seconds` or by `months`, at its own precision.

    None where its precision is too small for the move, or the result no date.
    """
    try:
        if "T" not in text:
            return _shifted_date(text, seconds, months)
        moment = datetime.fromisoformat(text)
        moved = _months_on(moment, months) + timedelta(seconds=seconds)
    except (ValueError, OverflowError):
        return None
    zone = moved.strftime("%z")
    return f"{moved:%Y-%m-%dT%H:%M:%S}{zone[:3]}:{zone[3:5]}" if "Z" not in text else f"{moved:%FT%TZ}"


def _shifted_date(text: str, seconds: int, months: int) -> str | None:
    if len(text) == len("YYYY-MM-DD") and seconds % 86400 == 0:
        start = datetime.fromisoformat(text).replace(tzinfo=UTC)
        return (_months_on(start, months) + timedelta(seconds=seconds)).strftime("%Y-%m-%d")
    if len(text) == len("YYYY-MM") and not seconds:
        return _months_on(datetime.fromisoformat(f"{text}-01").replace(tzinfo=UTC), months).strftime("%Y-%m")
    return f"{int(text) + months // 12:04}" if len(text) == 4 and not seconds and months % 12 == 0 else None


def _months_on(moment: datetime, months: int) -> datetime:
    if not months:
        return moment
    whole = moment.year * 12 + moment.month - 1 + months
    return moment.replace(year=whole // 12, month=whole % 12 + 1)
