"""Dates and times moved by quantities of time.  Spec: https://hl7.org/fhirpath/N1/#datetime-arithmetic"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import ROUND_DOWN, Decimal
from types import MappingProxyType

from fhir_server.fhirpath.dates import DAY, MONTH, SECOND, YEAR, Moment, days_in_month, wall_clock
from fhir_server.fhirpath.errors import FhirPathError
from fhir_server.fhirpath.quantities import Quantity

_MILLISECONDS: Mapping[str, int] = MappingProxyType({
    "week": 604_800_000, "day": 86_400_000, "hour": 3_600_000, "minute": 60_000, "second": 1000,
    "millisecond": 1,
})  # fmt: skip
_WORD_OF_UCUM: Mapping[str, str] = MappingProxyType({
    "wk": "week", "d": "day", "h": "hour", "min": "minute", "s": "second", "ms": "millisecond",
})  # fmt: skip
# What a component is worth in milliseconds where a partial value has none finer.
_WORTH: Mapping[int, int] = MappingProxyType({
    YEAR: 365 * 86_400_000, MONTH: 30 * 86_400_000, DAY: 86_400_000, 4: 3_600_000, 5: 60_000,
})  # fmt: skip


def shift(moment: Moment, quantity: Quantity, sign: int) -> Moment | None:
    """Return the moment earlier (`sign` -1) or later by a quantity of time; None past the calendar.

    Raises FhirPathError for a unit that is no definite time: `'mo'` and `'a'` are averages in UCUM.
    """
    word = quantity.word or _WORD_OF_UCUM.get(quantity.unit)
    if word is None:
        raise FhirPathError(f"a date or time cannot be moved by a quantity of unit {quantity.unit!r}")
    if word in ("year", "month"):
        whole = int(quantity.value.to_integral_value(ROUND_DOWN))
        return _by_months(moment, sign * whole * (12 if word == "year" else 1))
    # Parts of a unit are dropped, but for seconds.
    amount = quantity.value if word == "second" else quantity.value.to_integral_value(ROUND_DOWN)
    return _by_milliseconds(moment, sign * int(amount * _MILLISECONDS[word]))


def _by_months(moment: Moment, months: int) -> Moment | None:
    if moment.kind == "Time":
        raise FhirPathError("a time of day cannot be moved by months or years")
    if moment.precision == YEAR:
        year, month = moment.parts[0] + int(Decimal(months) / 12), 1
    else:
        total = moment.parts[0] * 12 + moment.parts[1] - 1 + months
        year, month = total // 12, total % 12 + 1
    if not 1 <= year <= 9999:
        return None
    parts: tuple[int, ...] = (year, month)[: len(moment.parts)]
    if len(moment.parts) >= DAY:
        parts += (min(moment.parts[2], days_in_month(year, month)), *moment.parts[3:])
    return replace(moment, parts=parts)


def _by_milliseconds(moment: Moment, amount: int) -> Moment | None:
    if moment.kind == "Time":
        return _around_the_clock(moment, amount)
    if moment.precision in (YEAR, MONTH):
        units = int(Decimal(amount) / _WORTH[moment.precision])
        return _by_months(moment, units * (12 if moment.precision == YEAR else 1))
    if moment.precision < SECOND:
        worth = _WORTH[moment.precision]
        amount = int(Decimal(amount) / worth) * worth
    try:
        second = moment.second if moment.second is not None else Decimal(0)
        total = int(second * 1000) + amount
        moved = wall_clock(moment) + timedelta(milliseconds=total - total % 1000)
    except (ValueError, OverflowError):
        return None
    parts = moved.timetuple()[: len(moment.parts)]
    if moment.second is None:
        return replace(moment, parts=parts)
    fraction = Decimal(total % 1000).scaleb(-3)
    return replace(moment, parts=parts, second=_like(second, moved.second + fraction))


def _around_the_clock(moment: Moment, amount: int) -> Moment:
    if moment.precision < SECOND:
        worth = _WORTH[moment.precision]
        amount = int(Decimal(amount) / worth) * worth
    clock = (*moment.parts[3:], 0)[:2]
    second = moment.second if moment.second is not None else Decimal(0)
    total = (clock[0] * 3_600_000 + clock[1] * 60_000 + int(second * 1000) + amount) % 86_400_000
    parts = (0, 0, 0, total // 3_600_000, total // 60_000 % 60)[: len(moment.parts)]
    if moment.second is None:
        return replace(moment, parts=parts)
    return replace(moment, parts=parts, second=_like(second, Decimal(total % 60_000).scaleb(-3)))


def _like(model: Decimal, second: Decimal) -> Decimal:
    """Write a second with as many places as `model` has, more where the value needs them."""
    exponent = model.as_tuple().exponent
    places = -exponent if isinstance(exponent, int) else 0
    short = second.quantize(Decimal(1).scaleb(-places), rounding=ROUND_DOWN)
    return short if short == second or places >= 3 else second
