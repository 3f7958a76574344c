"""A walk by date in stretches, which one after the other are in the order of the page.

A `Reach` makes two of a record: from its start on everything is walked in the order of dates; before it only
what has its token, which is found through the token index.  What has no date is last in both directions:
the index has it first, so an ascending walk takes it as a stretch of its own.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from fhir_server.model.altering import replace
from fhir_server.model.plan import Index, Order, Plan, SortBy
from fhir_server.model.temporal import EARLIEST
from fhir_server.store.values import millis_down, millis_up, stored_sort_date

_BY_DATE: Final = frozenset({Index.OWNER_DATE, Index.OWNER_TOKEN})
DATED: Final = EARLIEST + timedelta(milliseconds=1)
"""From here on what is stored is a date."""


def stretches(plan: Plan) -> tuple[Plan, ...]:
    """Return the plans whose results, one after the other, are those of `plan` in the direction of its walk.

    The page before another is walked against the order.  `after` leaves out the stretches before it; only
    the first plan has one.  The place of an entry of another type can be in no stretch: then none has one.
    """
    if plan.after is None:
        return _in_order(plan)
    parts, after = _in_order(replace(plan, after=None)), plan.after
    if after.backward:
        against = replace(plan.order, descending=not plan.order.descending)
        parts = tuple(replace(part, order=against) for part in reversed(parts))
    place = stored_sort_date(after.sort)
    begun = next((nth for nth, part in enumerate(parts) if _holds(part, place)), None)
    if begun is None:
        return tuple(part for part in parts if _is_later(part, place, plan.order) is not after.backward)
    return (replace(parts[begun], after=replace(after, backward=False)), *parts[begun + 1 :])


def counted(plan: Plan) -> tuple[Plan, ...]:
    """Return plans whose results, in whatever order, are all of `plan`."""
    return _in_order(replace(plan, after=None, order=replace(plan.order, descending=True, keys=())))


def _in_order(plan: Plan) -> tuple[Plan, ...]:
    if plan.order.by is not SortBy.DATE:
        return (plan,)
    ascending = _by_reach(plan)
    if plan.order.descending:
        return ascending[::-1]
    first, *others = ascending
    if first.sort_from is not None and first.sort_from >= DATED:
        return ascending
    before = DATED if first.sort_before is None else min(first.sort_before, DATED)
    return (replace(first, sort_from=DATED), *others, replace(first, sort_before=before))


def _by_reach(plan: Plan) -> tuple[Plan, ...]:
    reach = plan.reach
    if reach is None or plan.index not in _BY_DATE:
        return (plan,)
    before = reach.start if plan.sort_before is None else min(plan.sort_before, reach.start)
    late = replace(plan, sort_from=reach.start, reach=None)
    early = replace(
        plan, conditions=(*plan.conditions, reach.token), index=Index.OWNER_TOKEN, driver=reach.token,
        sort_before=before, reach=None,
    )  # fmt: skip
    return early, late


def _holds(part: Plan, place: datetime) -> bool:
    if part.order.by is not SortBy.DATE:
        return True
    return (part.sort_from is None or millis_down(part.sort_from) <= place) and (
        part.sort_before is None or place < millis_up(part.sort_before)
    )


def _is_later(part: Plan, place: datetime, order: Order) -> bool:
    """Return whether what a stretch has comes after a place that is not in it."""
    low = EARLIEST if part.sort_from is None else millis_down(part.sort_from)
    if order.descending:
        return low < place
    # What has no date is last here, too.
    return (low < DATED, low) > (place < DATED, place)
