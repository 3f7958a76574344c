"""Durations of legal clocks: calendar years, months and days, as ISO 8601 writes them (`P14D`, `P1M`)."""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

_ISO: Final = re.compile(r"P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Duration:
    """Months are calendar months: a month after 31 January is the last day of February."""

    months: int = 0
    days: int = 0
    minutes: int = 0

    def after(self, start: datetime) -> datetime:
        """Return the instant at which the duration that began at `start` is over."""
        month = start.year * 12 + start.month - 1 + self.months
        year, month = divmod(month, 12)
        day = min(start.day, calendar.monthrange(year, month + 1)[1])
        moved = start.replace(year=year, month=month + 1, day=day)
        return moved + timedelta(days=self.days, minutes=self.minutes)


def parse_duration(text: str) -> Duration:
    """Return the duration that the text writes.  Raises ValueError where it is none, or empty.

    Spec: https://www.rfc-editor.org/rfc/rfc3339#appendix-A
    """
    found = _ISO.fullmatch(text)
    parts = [int(part or 0) for part in found.groups()] if found else []
    if not any(parts):
        raise ValueError(f"`{text}` is no duration like P1M, P14D or PT4H")
    years, months, days, hours, minutes = parts
    return Duration(years * 12 + months, days, hours * 60 + minutes)
