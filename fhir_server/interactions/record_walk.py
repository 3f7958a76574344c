"""A whole record page by page: the person, what is in their record, and what of the directory it points to.

The order is fixed: the Patient, then type after type by name, newest first, then the directory by `Type/id`.
A page begins behind the last entry of the page before it, so nothing comes twice, whatever is written
meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from fhir_server.interactions.context import Context
from fhir_server.interactions.request import Request
from fhir_server.model.document import Stored
from fhir_server.model.outcome import refuse
from fhir_server.model.plan import (
    Condition,
    DateWithin,
    IdIn,
    Index,
    Negation,
    Or,
    Plan,
    Pointers,
    Position,
    UpdatedWithin,
)
from fhir_server.model.predicate import Nothing
from fhir_server.model.temporal import EARLIEST
from fhir_server.search.sort_dates import sort_dates

PATIENT: Final = "Patient"
DIRECTORY: Final = (
    "Endpoint", "HealthcareService", "InsurancePlan", "Location", "Medication", "Organization",
    "OrganizationAffiliation", "Practitioner", "PractitionerRole", "Substance",
)  # fmt: skip
"""Types of no person that a record points to."""

MOST_REFERENCES: Final = 10_000
DIRECTORY_PART: Final = ("directory",)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What of a record is wanted; the period is `start <= t < end`, of care and not of what is stored."""

    person: str
    types: frozenset[str] | None = None
    since: datetime | None = None
    start: datetime | None = None
    end: datetime | None = None
    count: int = 20
    after: Position | None = None


@dataclass(frozen=True, slots=True)
class Walked:
    """One page: of the record, and of the directory."""

    record: tuple[Stored, ...]
    directory: tuple[Stored, ...] = ()
    next: Position | None = None


def walk(context: Context, request: Request, wanted: Wanted) -> Walked:
    """Return one page of the record inside the View.  Raises FhirError `too-costly`."""
    room = wanted.count + 1
    record = [] if _is_of_directory(wanted.after) else _some(_record(context, request, wanted), room)
    directory: list[Stored] = []
    if len(record) < room:
        directory = _some(_directory(context, request, wanted), room - len(record))
    found = record + directory
    last = found[wanted.count - 1] if len(found) > wanted.count else None
    return Walked(
        tuple(record[: wanted.count]),
        tuple(directory[: max(wanted.count - len(record), 0)]),
        None if last is None else _position(last, of_directory=len(record) < wanted.count),
    )


def _some(found: Iterable[Stored], count: int) -> list[Stored]:
    return [one for _, one in zip(range(count), found)]


def _position(last: Stored, *, of_directory: bool) -> Position:
    place = f"{last.resource_type}/{last.id}"
    return Position(last.sort_date, last.seq, place, DIRECTORY_PART if of_directory else ())


def _is_of_directory(after: Position | None) -> bool:
    return after is not None and after.keys == DIRECTORY_PART


def _record(context: Context, request: Request, wanted: Wanted) -> Iterator[Stored]:
    """Yield what is in the record, behind `after`, page by page as it is asked for."""
    after = wanted.after
    begun, id = ("", "") if after is None else tuple(after.id.split("/"))
    for plan in _plans(context, request, wanted):
        if after is not None and _rank(plan.resource_type) < _rank(begun):
            continue
        position = replace(after, id=id) if after is not None and plan.resource_type == begun else None
        while True:
            page = context.records.search(replace(plan, after=position), request.view)
            yield from page.entries
            if page.next is None:
                break
            position = page.next


def _rank(resource_type: str) -> tuple[bool, str]:
    return resource_type != PATIENT, resource_type


def _plans(context: Context, request: Request, wanted: Wanted) -> Iterator[Plan]:
    """Yield the plan of every type of the record that is wanted and of which the View may show something."""
    view = request.view
    for name in sorted(context.records.types(), key=_rank):
        chosen = wanted.types is None or name in wanted.types
        if not chosen or name in view.directory or isinstance(view.reads(name), Nothing):
            continue
        conditions: list[Condition] = []
        if wanted.since is not None:
            conditions.append(UpdatedWithin(wanted.since))
        if name == PATIENT:
            person = IdIn((wanted.person,))
            yield Plan(name, (*conditions, person), index=Index.ID, driver=person, count=1)
            continue
        conditions += _in_period(context, name, wanted)
        yield Plan(name, tuple(conditions), wanted.person, Index.OWNER_DATE, count=wanted.count + 1)


def _in_period(context: Context, resource_type: str, wanted: Wanted) -> list[Condition]:
    """Return what holds for what took place in the period; what has no date is of every period."""
    if wanted.start is None and wanted.end is None:
        return []
    parameters = context.indexer.catalogue.of(resource_type).by_code
    names = [name for code in sort_dates(resource_type, parameters) for name in parameters[code].names]
    if not names:
        return []
    within = [DateWithin(name, low_before=wanted.end, high_after=wanted.start) for name in names]
    dated = Or(tuple(DateWithin(name, high_after=EARLIEST) for name in names))
    return [Or((*within, Negation(dated)))]


def _directory(context: Context, request: Request, wanted: Wanted) -> Iterator[Stored]:
    """Yield what the record points to in the directory, behind `after`, by type and id."""
    chosen = set(DIRECTORY) if wanted.types is None else set(DIRECTORY) & wanted.types
    if not chosen:
        return
    after = wanted.after.id if wanted.after is not None and _is_of_directory(wanted.after) else ""
    named = sorted(one for one in _referenced(context, request, wanted) if one > after)
    places = [one.split("/") for one in named if one.partition("/")[0] in chosen]
    for begin in range(0, len(places), wanted.count + 1):
        yield from _read(context, request, places[begin : begin + wanted.count + 1], wanted.since)


def _read(
    context: Context, request: Request, places: Sequence[Sequence[str]], since: datetime | None
) -> Iterator[Stored]:
    for name in dict.fromkeys(place[0] for place in places):
        ids = [place[1] for place in places if place[0] == name]
        found = context.records.read_many(name, ids, request.view)
        for id in ids:
            stored = found.get(id)
            if stored is None or stored.deleted or stored.owner is not None:
                continue
            if since is None or stored.updated >= since:
                yield stored


def _referenced(context: Context, request: Request, wanted: Wanted) -> frozenset[str]:
    """Return what the record points to (`Type/id`).  Raises FhirError `too-costly`."""
    found: set[str] = set()
    for plan in _plans(context, request, replace(wanted, types=None, since=None)):
        parameters = context.indexer.catalogue.of(plan.resource_type).by_code.values()
        names = {name for each in parameters if each.type == "reference" for name in each.names}
        if not names:
            continue
        pointers = Pointers(tuple(f"{name}=" for name in sorted(names)))
        found.update(context.records.pointed(plan, request.view, pointers, MOST_REFERENCES).texts)
    if len(found) >= MOST_REFERENCES:
        text = "The record points to too much: ask for its types one by one with `_type`."
        raise refuse("too-costly", text)
    return frozenset(found)
