"""What the date filters of a request imply for the sort date, so that a walk by date begins and ends early.

`date=ge2024` has no lower bound: a period that began in 1990 may last until 2024.  But such a period is long,
and long ones are marked with a token of their own: from a month before 2024 on everything is walked, and
before that only what is marked.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from fhir_server.model.plan import DateWithin, Has, Reach
from fhir_server.model.temporal import EARLIEST
from fhir_server.search.parameter import Parameter
from fhir_server.search.spelling import long_marker
from fhir_server.search.types.date import MONTH

Dates = Sequence[tuple[Parameter, DateWithin]]
"""Of each date filter, its parameter and what it implies for the ranges that satisfy it."""


def sort_bounds(dates: Dates) -> tuple[datetime | None, datetime | None]:
    """Return (from, before) of the sort date, which is the earliest low of its parameter.

    The upper bound of one range is one of the earliest; a lower bound only if there is one range at most.
    """
    lows = [range_.low_from for parameter, range_ in dates if parameter.sorts and parameter.single]
    highs = [range_.low_before for parameter, range_ in dates if parameter.sorts]
    return (
        max((low for low in lows if low is not None), default=None),
        min((high for high in highs if high is not None), default=None),
    )


def reach_of(dates: Dates) -> Reach | None:
    """Return where only long ranges remain, if the filters say so and no lower bound is as good."""
    ends = [
        (range_.high_after, range_.code)
        for parameter, range_ in dates
        if parameter.sorts and parameter.single and range_.high_after is not None
    ]
    after, code = max(ends, default=(EARLIEST, ""))
    if after - EARLIEST <= MONTH:
        return None
    start = after - MONTH
    start -= timedelta(microseconds=start.microsecond % 1000)
    low, _ = sort_bounds(dates)
    return None if low is not None and low >= start else Reach(start, Has("token", (long_marker(code),)))
