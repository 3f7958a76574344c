"""What date conditions imply for every range that satisfies them, so that walks can begin and end early."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from fhir_server.model.plan import Condition, DateWithin, Or


def common(condition: Condition) -> DateWithin | None:
    """Return the bounds that hold for every range by which `condition` can be satisfied; None: no bound."""
    match condition:
        case DateWithin():
            return _closed(condition)
        case Or(parts):
            return _weakest([common(part) for part in parts])
    return None


def merged(ranges: Iterable[DateWithin]) -> DateWithin | None:
    """Return what one and the same range satisfies when it satisfies all of `ranges`, all of one code."""
    known = list(ranges)
    if not known:
        return None
    return DateWithin(
        known[0].code,
        low_from=_max(each.low_from for each in known),
        low_before=_min(each.low_before for each in known),
        high_after=_max(each.high_after for each in known),
        high_to=_min(each.high_to for each in known),
    )


def _closed(within: DateWithin) -> DateWithin:
    # A range is never empty: its low lies before what bounds its high, and the other way round.
    return replace(
        within,
        low_before=_min((within.low_before, within.high_to)),
        high_after=_max((within.high_after, within.low_from)),
    )


def _weakest(parts: Sequence[DateWithin | None]) -> DateWithin | None:
    known = [part for part in parts if part is not None]
    if not known or len(known) != len(parts) or len({part.code for part in known}) != 1:
        return None
    weakest = DateWithin(
        known[0].code,
        low_from=_min_of_all([part.low_from for part in known]),
        low_before=_max_of_all([part.low_before for part in known]),
        high_after=_min_of_all([part.high_after for part in known]),
        high_to=_max_of_all([part.high_to for part in known]),
    )
    return weakest if weakest != DateWithin(known[0].code) else None


def _min(bounds: Iterable[datetime | None]) -> datetime | None:
    return min((bound for bound in bounds if bound is not None), default=None)


def _max(bounds: Iterable[datetime | None]) -> datetime | None:
    return max((bound for bound in bounds if bound is not None), default=None)


def _min_of_all(bounds: Sequence[datetime | None]) -> datetime | None:
    return None if None in bounds else _min(bounds)


def _max_of_all(bounds: Sequence[datetime | None]) -> datetime | None:
    return None if None in bounds else _max(bounds)
