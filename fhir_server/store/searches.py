"""Search plans as MongoDB queries: one filter, one hinted index, one scalar order, keyset pages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pymongo import ASCENDING, DESCENDING

from fhir_server.model.document import Stored
from fhir_server.model.plan import Condition, Has, IdIn, Index, Order, Page, Plan, Position, SortBy
from fhir_server.model.temporal import EARLIEST
from fhir_server.model.view import View
from fhir_server.store.filters import (
    Filter,
    all_of,
    condition_filter,
    predicate_filter,
    residual_filter,
)
from fhir_server.store.pages import is_backward, page_of
from fhir_server.store.values import millis_down, millis_up, stored_sort_date

SORT_FIELDS: Final = {SortBy.DATE: "search.sort.date", SortBy.UPDATED: "updated"}

# Only what is alive has a sort date, so behind these indexes the bound on it is the test, without a fetch.
_BY_SORT_DATE: Final = frozenset({Index.OWNER_DATE, Index.OWNER_TOKEN, Index.TOKEN})


@dataclass(frozen=True, slots=True)
class Query:
    """What goes to the database: a filter, the order and the index by name (None: its own choice)."""

    filter: Filter
    sort: list[tuple[str, int]]
    hint: Index | None


def matching(plan: Plan, view: View) -> Filter:
    """Return the filter of all that matches the plan inside the View, on whatever page."""
    scalar: Filter = {} if plan.owner is None else {"owner": {"$eq": plan.owner}}
    alive: Filter = {"deleted": {"$eq": False}}
    if plan.index in _BY_SORT_DATE or plan.order.by is SortBy.DATE:
        alive = {"search.sort.date": _sort_bounds(plan)}
    driver, others = _driver(plan)
    parts = [scalar, driver_filter(driver), alive, predicate_filter(view.reads(plan.resource_type))]
    return all_of([*parts, *(residual_filter(other) for other in others)])


def page_query(plan: Plan, view: View) -> Query:
    """Return the query of the plan's page, without its limit."""
    found = matching(plan, view)
    if plan.after is not None:
        found = all_of([found, _after(plan.after, plan.order)])
    return Query(found, _sort(plan.order), plan.index)


def tie_query(plan: Plan, view: View, last: Stored) -> Query:
    """Return the query of everything that has the place of `last` in the order, ids aside."""
    by = plan.order.by
    same = {SORT_FIELDS[by]: {"$eq": _place(last, by)}, "seq": {"$eq": last.seq}}
    parts = [matching(plan, view), same]
    after = plan.after
    if after is not None and (_instant(after.sort, by), after.seq) == (_place(last, by), last.seq):
        parts.append({"_id": {_beyond(descends(plan)): after.id}})
    return Query(all_of(parts), _sort(plan.order), plan.index)


def descends(plan: Plan) -> bool:
    """Return whether the walk of a page descends: that of the page before goes against the order."""
    return plan.order.descending is not is_backward(plan)


def is_cut(found: list[Stored], plan: Plan) -> bool:
    """Return whether the page ends between entries of one place: their order by id is not yet known."""
    if len(found) <= plan.count:
        return False
    last, beyond = found[plan.count - 1], found[plan.count]
    return _key(last, plan.order)[:-1] == _key(beyond, plan.order)[:-1]


def with_ties(found: list[Stored], ties: list[Stored]) -> list[Stored]:
    """Return the page's entries and all that share the last one's place, `ties`."""
    known = {entry.id for entry in ties}
    return [entry for entry in found if entry.id not in known] + ties


def in_order(found: list[Stored], plan: Plan) -> Page:
    """Return the page of what was found, one entry more than it holds or the whole last place included."""
    if len({entry.seq for entry in found}) < len(found):
        # The database knows no order within one place; sequence numbers that differ leave nothing to sort.
        found.sort(key=lambda entry: _key(entry, plan.order), reverse=descends(plan))
    return page_of(found, lambda at: _position(found[at], plan.order.by), plan)


def _sort_bounds(plan: Plan) -> Filter:
    bounds: Filter = {"$gte": millis_down(plan.sort_from or EARLIEST)}
    if plan.sort_before is not None:
        bounds["$lt"] = millis_up(plan.sort_before)
    return bounds


def _driver(plan: Plan) -> tuple[Condition | None, list[Condition]]:
    others = list(plan.conditions)
    if plan.driver is None:
        return None, others
    if plan.driver in others:
        others.remove(plan.driver)
    return plan.driver, others


def driver_filter(driver: Condition | None) -> Filter:
    """Return the filter of a condition in the form that bounds the walk of its index."""
    match driver:
        case None:
            return {}
        case Has(field, (value,)):
            return {f"search.{field}": {"$eq": value}}
        case IdIn((id,)):
            return {"_id": {"$eq": id}}
        case _:
            return condition_filter(driver)


def _after(position: Position, order: Order) -> Filter:
    field = SORT_FIELDS[order.by]
    beyond = _beyond(order.descending)
    place = _instant(position.sort, order.by)
    # The first bound is tight on the index; the rest says which entries of that instant are still to come.
    return {
        field: {beyond + "e": place},
        "$or": [
            {field: {beyond: place}},
            {"seq": {beyond: position.seq}},
            {"seq": {"$eq": position.seq}, "_id": {beyond: position.id}},
        ],
    }  # fmt: skip


def _beyond(descending: bool) -> str:
    return "$lt" if descending else "$gt"


def _sort(order: Order) -> list[tuple[str, int]]:
    direction = DESCENDING if order.descending else ASCENDING
    return [(SORT_FIELDS[order.by], direction), ("seq", direction)]


def _place(entry: Stored, by: SortBy) -> datetime:
    return stored_sort_date(entry.sort_date) if by is SortBy.DATE else entry.updated


def _key(entry: Stored, order: Order) -> tuple[bool, datetime, int, str]:
    # What has no date counts as the earliest, which is last in one direction; in the other it has to be told.
    undated = order.by is SortBy.DATE and not order.descending and entry.sort_date is None
    return undated, _place(entry, order.by), entry.seq, entry.id


def _position(entry: Stored, by: SortBy) -> Position:
    return Position(entry.sort_date if by is SortBy.DATE else entry.updated, entry.seq, entry.id)


def _instant(sort: datetime | None, by: SortBy) -> datetime:
    if by is SortBy.DATE:
        return stored_sort_date(sort)
    return EARLIEST if sort is None else millis_down(sort)
