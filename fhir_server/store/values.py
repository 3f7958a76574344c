"""Instants and decimals as BSON holds them: milliseconds, and 34 digits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal
from functools import lru_cache
from typing import Final

from bson.decimal128 import Decimal128, create_decimal128_context

from fhir_server.model.temporal import EARLIEST, LATEST

LAST_MILLISECOND: Final = LATEST.replace(microsecond=999_000)
_MILLISECOND: Final = timedelta(milliseconds=1)
EARLIEST_NAIVE: Final = EARLIEST.replace(tzinfo=None)
"""How what has no date is read from the order of dates."""


def _widest() -> Context:
    context = create_decimal128_context()
    context.clear_traps()
    return context


_WIDEST: Final = _widest()
"""Rounds to 34 digits and ends at infinity instead of raising: an exponent past 6,000 is no data."""


def millis_down(instant: datetime) -> datetime:
    """Return the last whole millisecond at or before an aware instant, in UTC."""
    utc = instant.astimezone(UTC)
    return utc.replace(microsecond=utc.microsecond // 1000 * 1000)


def millis_up(instant: datetime) -> datetime:
    """Return the first whole millisecond at or after an aware instant, in UTC, within the calendar."""
    down = millis_down(instant)
    if down == instant or down >= LAST_MILLISECOND:
        return down
    return down + _MILLISECOND


@lru_cache(maxsize=4096)
def decimal128(literal: str) -> Decimal128:
    """Return the decimal of a literal as BSON holds it.

    Kept for a while: an amount is written once for each way to ask for it, and the driver makes one digit
    by digit.
    """
    return Decimal128(_WIDEST.create_decimal(Decimal(literal)))


def is_one_decimal(low: str, high: str) -> bool:
    """Return whether two literals are the same amount, as BSON holds them."""
    return _WIDEST.create_decimal(low) == _WIDEST.create_decimal(high)


def amount_key(key: str, *, point: bool) -> str:
    """Return the stored key of an amount.  Those of two different ends are few and have keys of their own."""
    return key if point else f"~{key}"


def stored_sort_date(sort_date: datetime | None) -> datetime:
    """Return what orders a page by date: a resource without a date counts as the earliest."""
    return EARLIEST if sort_date is None else millis_down(sort_date)


def read_sort_date(stored: datetime | None) -> datetime | None:
    """Return the inverse of `stored_sort_date` for a naive instant; None for a deletion, which has none."""
    return None if stored is None or stored == EARLIEST_NAIVE else utc(stored)


def utc(naive: datetime) -> datetime:
    """Return an instant of the database, read without a zone, as what it is."""
    return naive.replace(tzinfo=UTC)
