"""A page of several types in one order, made of a page of each of them.

Of each type as many are read as the page can hold, from the place of the cursor on; the first of all are the
page.  What is equal by all keys and by its last update is in the order of types and ids, so that every order
is total.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from fhir_server.interactions.context import Context
from fhir_server.interactions.planning import planned
from fhir_server.interactions.request import Request
from fhir_server.interactions.system_asking import SystemSearch, existing
from fhir_server.model.altering import replace
from fhir_server.model.document import Stored
from fhir_server.model.plan import KeyValue, Order, Page, Position

BEFORE_IDS: Final = ""
BEYOND_IDS: Final = "\x7f"
"""Comes after every id."""

Placed = tuple[Position, Stored]
"""An entry and where it is, its id as `Type/id`."""


@dataclass(slots=True)
class _Merged:
    """What was found so far that can be on the page, in order; `more`: there is something beyond."""

    order: Order
    count: int
    backward: bool
    found: list[Placed] = field(default_factory=list)
    more: bool = False

    def add(self, resource_type: str, page: Page) -> None:
        """Add what was found of one type."""
        places = [replace(place, id=f"{resource_type}/{place.id}") for place in page.places]
        self.found.extend(zip(places, page.entries, strict=True))
        _sort(self.found, self.order)
        self.more |= len(self.found) > self.count
        self.more |= (page.previous if self.backward else page.next) is not None
        self.found = self.found[-self.count :] if self.backward else self.found[: self.count]


def merged_page(context: Context, request: Request, search: SystemSearch, order: Order) -> Page:
    """Return the page of all types in one order.  One search of each type that exists.

    Raises FhirError `too-costly`.
    """
    after = search.after
    merged = _Merged(order, search.count, search.backward)
    for asked in existing(context, request, search):
        place = None if after is None else _place_in(after, asked.resource_type)
        bound = replace(planned(context, request, asked, place), count=search.count, placed=True)
        merged.add(asked.resource_type, context.records.search(bound, request.view))
    if not merged.found:
        return Page(())
    follows = merged.backward or merged.more
    precedes = merged.more if merged.backward else after is not None
    return Page(
        tuple(entry for _, entry in merged.found if not entry.deleted),
        merged.found[-1][0] if follows else None,
        replace(merged.found[0][0], backward=True) if precedes else None,
    )


def _place_in(after: Position, resource_type: str) -> Position:
    """Return a place among all types as one among those of a type."""
    at, _, id = after.id.partition("/")
    if at != resource_type:
        id = BEFORE_IDS if resource_type > at else BEYOND_IDS
    return replace(after, id=id)


def _sort(found: list[Placed], order: Order) -> None:
    """Sort by what counts last first: each pass leaves what is equal as it was."""
    found.sort(key=_by_tie, reverse=order.descending)
    if not order.keys:
        _sort_by(found, lambda place: place.sort, order.descending)
    for number, key in reversed(list(enumerate(order.keys))):
        _sort_by(found, partial(_value, number), key.descending)


def _sort_by(found: list[Placed], value: Callable[[Position], Any], descending: bool) -> None:
    """Sort by one value of the places; what has none is last in both directions."""

    def key(one: Placed) -> tuple[bool, Any]:
        known = value(one[0])
        return (known is None) is not descending, known

    found.sort(key=key, reverse=descending)


def _value(number: int, place: Position) -> KeyValue:
    return place.keys[number]


def _by_tie(one: Placed) -> tuple[int, str, str]:
    return one[1].seq, one[1].resource_type, one[1].id
