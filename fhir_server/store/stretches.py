"""A walk by date in one record, in the two stretches that a `Reach` makes of it.

From its start on everything is walked in the order of dates; before it only what has its token, which is
found through the token index.  One after the other they are in the order of the page.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from fhir_server.model.plan import Index, Plan, SortBy
from fhir_server.store.values import stored_sort_date

_BY_DATE: Final = frozenset({Index.OWNER_DATE, Index.OWNER_TOKEN})


def stretches(plan: Plan) -> tuple[Plan, ...]:
    """Return the plans whose results, one after the other, are those of `plan`; `after` leaves out the first
    where it lies beyond."""
    reach = plan.reach
    if reach is None or plan.index not in _BY_DATE or plan.order.by is not SortBy.DATE:
        return (plan,)
    before = reach.start if plan.sort_before is None else min(plan.sort_before, reach.start)
    late = replace(plan, sort_from=reach.start, reach=None)
    early = replace(
        plan, conditions=(*plan.conditions, reach.token), index=Index.OWNER_TOKEN, driver=reach.token,
        sort_before=before, reach=None,
    )  # fmt: skip
    both = (late, early) if plan.order.descending else (early, late)
    if plan.after is None:
        return both
    last_is_early = stored_sort_date(plan.after.sort) < reach.start
    return both if last_is_early is (both[0] is early) else both[1:]
