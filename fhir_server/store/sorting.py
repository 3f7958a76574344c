"""Pages in a computed order: keys from the search entries of all that matches, sorted by the database.

The cost grows with what matches, so across persons it is counted first, up to a bound.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from pymongo import ASCENDING, DESCENDING

from fhir_server.model.document import Stored
from fhir_server.model.outcome import refuse
from fhir_server.model.plan import Page, Plan, Position
from fhir_server.store.bodies import Bodies
from fhir_server.store.catalogue import Catalogue
from fhir_server.store.documents import PROJECTION
from fhir_server.store.filters import Filter
from fhir_server.store.pages import page_of
from fhir_server.store.reads import NAIVE, QUERY_MS
from fhir_server.store.refusals import database_errors
from fhir_server.store.sort_keys import Expression, key_expression, read_key, stored_key

MAX_SORTED: Final = 10_000
"""Matches across persons that are put into a computed order."""
PROBE_MS: Final = 2_000
PLACE: Final = "place"

TOO_MANY: Final = (
    f"More than {MAX_SORTED:,} resources would have to be sorted: narrow the search, by person for instance, "
    "or sort by `_lastUpdated` or by the date of the type, which have an index in their order."
)


@dataclass(frozen=True, slots=True)
class SortedPages:
    """Finds pages in a computed order."""

    catalogue: Catalogue
    bodies: Bodies

    def page(self, plan: Plan, matching: Filter) -> Page:
        """Return the page of a plan whose order has keys; `matching` is its filter inside the View.

        One round trip inside one record, two across persons.  Raises FhirError `too-costly`.
        """
        collection = self.catalogue.current(plan.resource_type).with_options(codec_options=NAIVE)
        hint = self.catalogue.hint(plan.resource_type, plan.index)
        options: dict[str, Any] = {} if hint is None else {"hint": hint}
        with database_errors():
            if plan.owner is None:
                most = MAX_SORTED + 1
                found = collection.count_documents(matching, limit=most, maxTimeMS=PROBE_MS, **options)
                if found == most:
                    raise refuse("too-costly", TOO_MANY)
            rows = list(collection.aggregate(pipeline(plan, matching), maxTimeMS=QUERY_MS, **options))
            entries = self.bodies.restore(plan.resource_type, rows, keep_lost=True)
        return page_of(entries, lambda at: _position(entries[at], rows[at], plan), plan)


def pipeline(plan: Plan, matching: Filter) -> list[dict[str, Any]]:
    """Return the stages that give one entry more than the page has, in order, with their keys."""
    keys = {f"k{number}": key_expression(key) for number, key in enumerate(plan.order.keys)}
    stages: list[dict[str, Any]] = [{"$match": matching}, {"$set": {PLACE: keys}}]
    if plan.after is not None:
        stages.append({"$match": {"$expr": _beyond(plan, plan.after)}})
    return [
        *stages,
        {"$sort": dict(_sort(plan))},
        {"$limit": plan.count + 1},
        {"$project": {**PROJECTION, PLACE: 1}},
    ]


def _directions(plan: Plan) -> list[tuple[str, bool]]:
    """Return the fields of the order, and whether each descends on this page."""
    flipped = plan.after is not None and plan.after.backward
    keys = [(f"{PLACE}.k{number}", key.descending) for number, key in enumerate(plan.order.keys)]
    ties = [("seq", plan.order.descending), ("_id", plan.order.descending)]
    return [(field, descending is not flipped) for field, descending in keys + ties]


def _sort(plan: Plan) -> list[tuple[str, int]]:
    return [(field, DESCENDING if descending else ASCENDING) for field, descending in _directions(plan)]


def _beyond(plan: Plan, position: Position) -> Expression:
    """Return what tells whether a document comes after a position."""
    keys = zip(position.keys, plan.order.keys, strict=True)
    values = [
        *(stored_key(value, key) for value, key in keys),
        {"$literal": position.seq},
        {"$literal": position.id},
    ]
    fields = _directions(plan)
    return {
        "$or": [
            {
                "$and": [
                    *({"$eq": [f"${field}", value]} for (field, _), value in zip(fields[:nth], values)),
                    {"$lt" if fields[nth][1] else "$gt": [f"${fields[nth][0]}", values[nth]]},
                ]
            }
            for nth in range(len(fields))
        ]
    }


def _position(entry: Stored, row: dict[str, Any], plan: Plan) -> Position:
    keys = tuple(read_key(row[PLACE].get(f"k{number}")) for number in range(len(plan.order.keys)))
    return Position(None, entry.seq, entry.id, keys)
