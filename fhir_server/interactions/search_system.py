"""search-system: one search over several types, of everything or of one compartment.

The types are searched one after the other in the order of their names, each in the order that its own search
has, so a page costs little more than what it shows; with `_sort`, all in one order.  Only parameters that
every type has can be asked for.

Spec: https://hl7.org/fhir/R4/http.html#search
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from fhir_server.interactions.answering import answer
from fhir_server.interactions.context import Context
from fhir_server.interactions.merging import merged_page
from fhir_server.interactions.paging import ESTIMATED_AT_MOST
from fhir_server.interactions.planning import planned
from fhir_server.interactions.request import Reply, Request
from fhir_server.interactions.search_type import check_compartment
from fhir_server.interactions.system_asking import SystemSearch, asked_of_system, existing
from fhir_server.model.altering import replace
from fhir_server.model.document import Stored
from fhir_server.model.plan import Page, Position
from fhir_server.search.request import SearchRequest

END: Final = Position(None, -(1 << 63), "", backward=True)
"""Behind all of a type, whose own order descends."""


def search_system(context: Context, request: Request) -> Reply:
    """Return a searchset of at most `_count` resources of the types in `_type`, or of all types.

    Without `_type` something else has to select, unless a compartment does.
    Raises FhirError as a search of one type, and `unknown-type` for what `_type` names.
    """
    check_compartment(context, request)
    search = asked_of_system(context, request)
    wanted = search.whole.page
    total: int | None
    if wanted.only_total:
        total = sum(_counts(context, request, search))
        return answer(context, request, search.whole, search.digest, Page(()), total)
    order = search.order
    found = _page(context, request, search) if order is None else merged_page(context, request, search, order)
    if wanted.total != "none" and search.after is None and found.next is None:
        total = len(found.entries)
    elif wanted.total == "accurate":
        total = sum(_counts(context, request, search))
    elif wanted.total == "estimate":
        total = _estimate(context, request, search)
    else:
        total = None
    return answer(context, request, search.whole, search.digest, found, total)


def _counts(context: Context, request: Request, search: SystemSearch) -> Iterator[int]:
    for asked in existing(context, request, search):
        yield context.records.count(planned(context, request, asked, None), request.view)


def _estimate(context: Context, request: Request, search: SystemSearch) -> int | None:
    total = 0
    for asked in existing(context, request, search):
        bound = planned(context, request, asked, None)
        total += context.records.count(bound, request.view, most=ESTIMATED_AT_MOST + 1 - total)
        if total > ESTIMATED_AT_MOST:
            return None
    return total


@dataclass(slots=True)
class _Found:
    """What was found so far, in order; `next` and `previous` lead on, with ids as `Type/id`."""

    search: SystemSearch
    entries: list[Stored] = field(default_factory=list)
    next: Position | None = None
    previous: Position | None = None
    begun: bool = False

    def add(self, resource_type: str, page: Page) -> None:
        """Add a page of the next type in the direction of the walk."""
        following, preceding = _of_type(resource_type, page.next), _of_type(resource_type, page.previous)
        backward = self.search.backward
        if not self.begun and (page.entries or following or preceding):
            self.begun = True
            if backward:
                self.next = following
            elif self.search.after is not None:
                self.previous = preceding or Position(None, 0, f"{resource_type}/", backward=True)
        if backward:
            self.entries[:0] = page.entries
            self.previous = preceding
        else:
            self.entries.extend(page.entries)
            self.next = following

    def is_full(self) -> bool:
        """Return whether the type that was added last has more than there is room for."""
        return (self.previous if self.search.backward else self.next) is not None

    def end_before(self, resource_type: str) -> None:
        """Let the page end: it is full, and the next type in the direction of the walk has something."""
        if self.search.backward:
            self.previous = Position(None, 0, f"{self.entries[0].resource_type}/", backward=True)
        else:
            self.next = Position(None, 0, f"{resource_type}/")


def _page(context: Context, request: Request, search: SystemSearch) -> Page:
    """Return what is found from the place of the cursor on, type after type, until the page is full."""
    found = _Found(search)
    for asked, after in _walk(context, request, search):
        bound = planned(context, request, asked, after)
        room = search.count - len(found.entries)
        if room:
            page = context.records.search(replace(bound, count=room), request.view)
            found.add(asked.resource_type, page)
            if found.is_full():
                break
        elif context.records.ids(replace(bound, after=None), request.view, 1):
            found.end_before(asked.resource_type)
            break
    return Page(tuple(found.entries), found.next, found.previous)


def _walk(
    context: Context, request: Request, search: SystemSearch
) -> Iterator[tuple[SearchRequest, Position | None]]:
    """Yield the types to search from the place of the cursor on, and where to begin in each."""
    after, backward = search.after, search.backward
    asked = list(existing(context, request, search))
    at, _, id = ("", "", "") if after is None else after.id.partition("/")
    for one in reversed(asked) if backward else asked:
        if one.resource_type == at:
            if after is not None and id:
                yield one, replace(after, id=id)
            elif not backward:
                yield one, None
        elif (one.resource_type < at) is backward:
            yield one, END if backward else None


def _of_type(resource_type: str, place: Position | None) -> Position | None:
    """Return a place of a type as one among all types."""
    return None if place is None else replace(place, id=f"{resource_type}/{place.id}")
