"""Stretches of a walk by date: one after the other they are what plain Python sorts, from any place on."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_server.model.plan import Has, Index, Order, Plan, Position, Reach, SortBy
from fhir_server.model.temporal import EARLIEST
from fhir_server.store.stretches import stretches

DAY = datetime(2024, 1, 1, tzinfo=UTC)
LONG = Has("token", ("long",))

Entry = tuple[datetime | None, bool]
"""The sort date of an entry, and whether it is marked as long."""

days = st.integers(0, 12).map(lambda day: DAY + timedelta(days=day))
entries = st.lists(
    st.tuples(st.none() | days, st.booleans()), max_size=8, unique_by=lambda one: one[0] or EARLIEST
)


def _plan(descending: bool, low: datetime | None, high: datetime | None, start: datetime | None) -> Plan:
    # A reach that ends before the lower bound would say nothing: no plan has one.
    reaches = start is not None and (low is None or low < start)
    return Plan(
        "Observation", (), "p", Index.OWNER_DATE, None, Order(SortBy.DATE, descending),
        sort_from=low, sort_before=high, reach=Reach(start, LONG) if start is not None and reaches else None,
    )  # fmt: skip


plans = st.builds(_plan, st.booleans(), st.none() | days, st.none() | days, st.none() | days)
places = st.none() | st.builds(lambda day, backward: (day, backward), st.none() | days, st.booleans())


def _matches(plan: Plan, entry: Entry) -> bool:
    date, long = entry
    low, high = plan.sort_from, plan.sort_before
    if low is not None and (date is None or date < low):
        return False
    if high is not None and date is not None and date >= high:
        return False
    return plan.reach is None or long or (date is not None and date >= plan.reach.start)


def _rank(plan: Plan, date: datetime | None) -> tuple[bool, timedelta]:
    """Return where a date is in the order: what has none is last in both directions."""
    since = timedelta() if date is None else date - DAY
    return date is None, -since if plan.order.descending else since


def _expected(plan: Plan, known: list[Entry]) -> list[datetime | None]:
    found = [date for date, _ in sorted(
        (one for one in known if _matches(plan, one)), key=lambda one: _rank(plan, one[0])
    )]  # fmt: skip
    if plan.after is None:
        return found
    place = _rank(plan, plan.after.sort)
    if plan.after.backward:
        return [date for date in reversed(found) if _rank(plan, date) < place]
    return [date for date in found if _rank(plan, date) > place]


def _walked(part: Plan, known: list[Entry]) -> list[datetime | None]:
    """Return what the query of one stretch finds: bounds, its token, and what is beyond its place."""
    stored = [(EARLIEST if date is None else date, long) for date, long in known]
    found = [date for date, long in stored if (long or LONG not in part.conditions)
             and (part.sort_from is None or date >= part.sort_from)
             and (part.sort_before is None or date < part.sort_before)]  # fmt: skip
    if part.after is not None:
        assert not part.after.backward
        place = EARLIEST if part.after.sort is None else part.after.sort
        found = [date for date in found if (date < place if part.order.descending else date > place)]
    return [None if date == EARLIEST else date for date in sorted(found, reverse=part.order.descending)]


@settings(max_examples=500, deadline=None)
@given(plan=plans, known=entries, place=places)
def test_stretches_are_the_rest_of_the_order_from_any_place(
    plan: Plan, known: list[Entry], place: tuple[datetime | None, bool] | None
) -> None:
    after = None if place is None else Position(place[0], 0, "x", backward=place[1])
    asked = replace(plan, after=after)
    found = [date for part in stretches(asked) for date in _walked(part, known)]
    assert found == _expected(asked, known)
