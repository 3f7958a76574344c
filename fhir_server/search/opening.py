"""Which index opens a plan: fixed tables, so that the choice and its cost tell nothing about the data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from fhir_server.model.plan import (
    AmountWithin,
    And,
    Condition,
    Has,
    IdIn,
    Index,
    Or,
    Order,
    OwnerIn,
    SortBy,
    StartsWith,
)
from fhir_server.search.selectivity import SELECTIVE, rank
from fhir_server.search.types.token import MAX_HAS


@dataclass(frozen=True, slots=True)
class Opening:
    """The index, the condition that drives it if any, and the order of the page.

    No index: several that the database joins, one for each part of the driver.
    """

    index: Index | None
    driver: Condition | None
    order: Order


def opening_in_record(conditions: Sequence[Condition], order: Order | None) -> Opening:
    """Return how a search inside one record opens."""
    order = order or Order()
    token = _best_token(conditions, order)
    if (by_id := _by_id(conditions)) is not None:
        return Opening(Index.ID, by_id, order)
    if token is not None:
        return Opening(Index.OWNER_TOKEN, token, order)
    by_updated = order.by is SortBy.UPDATED
    return Opening(Index.OWNER_UPDATED if by_updated else Index.OWNER_DATE, None, order)


def opening_across(
    conditions: Sequence[Condition], order: Order | None, *, by_token: bool, dates: Condition | None
) -> Opening:
    """Return how a search across persons opens.

    `by_token`: whether the type has the token index across persons.  `dates` bounds a date parameter.
    """
    by_date = order or Order()
    if (by_id := _by_id(conditions)) is not None:
        return Opening(Index.ID, by_id, by_date)
    token = _best_token(conditions, by_date) if by_token else None
    if token is not None:
        return Opening(Index.TOKEN, token, by_date)
    persons = next((condition for condition in conditions if _few_persons(condition)), None)
    if persons is not None:
        by_updated = by_date.by is SortBy.UPDATED
        return Opening(Index.OWNER_UPDATED if by_updated else Index.OWNER_DATE, persons, by_date)
    joined = next((condition for condition in conditions if _drives_together(condition)), None)
    if by_token and joined is not None and by_date.by is SortBy.DATE:
        return Opening(None, joined, by_date)
    by_update = order or Order(SortBy.UPDATED)
    if by_update.by is SortBy.UPDATED and order is not None:
        return Opening(Index.UPDATED, None, order)
    for index, suits in ACROSS:
        driver = next((condition for condition in conditions if suits(condition)), None)
        if driver is not None:
            return Opening(index, driver, by_update)
    return Opening(Index.DATE if dates is not None else Index.UPDATED, dates, by_update)


def _by_id(conditions: Iterable[Condition]) -> Condition | None:
    return next((condition for condition in conditions if isinstance(condition, IdIn)), None)


def _best_token(conditions: Iterable[Condition], order: Order) -> Has | None:
    suitable = [
        condition
        for condition in conditions
        if isinstance(condition, Has) and condition.field == "token" and 0 < len(condition.values) <= MAX_HAS
    ]
    best = min(suitable, key=lambda found: (rank(found.values[0]), len(found.values)), default=None)
    # The token indexes are in the order of dates: in another order results get sorted, so they must be few.
    if best is not None and order.by is SortBy.UPDATED and rank(best.values[0]) > SELECTIVE:
        return None
    return best


def _few_persons(condition: Condition) -> bool:
    return isinstance(condition, OwnerIn) and 0 < len(condition.owners) <= MAX_HAS


def _drives_together(condition: Condition) -> bool:
    """Whether each part of an alternative has an index in the order of dates, for few values in all."""
    if not isinstance(condition, Or) or not condition.parts or not all(map(_drives, condition.parts)):
        return False
    return sum(len(part.values) for part in condition.parts if isinstance(part, Has)) <= MAX_HAS


def _drives(part: Condition) -> bool:
    if isinstance(part, And):
        return any(map(_drives, part.parts))
    if isinstance(part, Has):
        return part.field == "token" and 0 < len(part.values) <= MAX_HAS
    return _few_persons(part)


def _amount(field: str) -> Callable[[Condition], bool]:
    def suits(condition: Condition) -> bool:
        if isinstance(condition, Or):
            return 0 < len(condition.parts) <= MAX_HAS and all(map(suits, condition.parts))
        return isinstance(condition, AmountWithin) and condition.field == field

    return suits


ACROSS: Sequence[tuple[Index, Callable[[Condition], bool]]] = (
    (Index.STRING, lambda condition: isinstance(condition, StartsWith) and condition.field == "string"),
    (Index.COMPOSITE, _amount("composite")),
    (Index.QUANTITY, _amount("quantity")),
    (Index.NUMBER, _amount("number")),
)
"""Indexes that only searches across persons use, and the conditions that bound a walk of them."""
