"""What a plan means, in plain Python over index entries: the brute-force oracle of search and store."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from fhir_server.model.document import Amount, Range, SearchEntries
from fhir_server.model.plan import (
    EARTH_RADIUS_M,
    AmountWithin,
    And,
    Condition,
    Contains,
    DateWithin,
    Has,
    IdIn,
    Negation,
    Or,
    OwnerIn,
    Plan,
    StartsWith,
    UpdatedWithin,
    WithinDistance,
)
from fhir_server.search.spelling import system_of


@dataclass(frozen=True, slots=True)
class Shelved:
    """A document as far as searches see it."""

    resource_type: str
    id: str
    owner: str | None
    entries: SearchEntries
    updated: datetime = datetime(2026, 1, 1, tzinfo=UTC)


def matches(plan: Plan, document: Shelved) -> bool:
    """Return whether the document is among the results of the plan, whatever its page."""
    if document.resource_type != plan.resource_type:
        return False
    if plan.owner is not None and document.owner != plan.owner:
        return False
    return all(holds(condition, document) for condition in plan.conditions)


def holds(condition: Condition, document: Shelved) -> bool:
    """Return whether a condition holds for a document."""
    entries = document.entries
    match condition:
        case Has(field, values):
            return any(entry in values for entry in getattr(entries, field))
        case StartsWith(field, prefixes):
            return any(entry.startswith(prefix) for entry in getattr(entries, field) for prefix in prefixes)
        case Contains(field, prefix, parts, at_end):
            tails = [entry[len(prefix) :] for entry in getattr(entries, field) if entry.startswith(prefix)]
            return any(tail.endswith(part) if at_end else part in tail for tail in tails for part in parts)
        case WithinDistance():
            named = [entry for entry in getattr(entries, condition.field) if entry.key == condition.key]
            return any(_metres(condition, entry) <= condition.metres for entry in named)
        case DateWithin():
            return any(_date_holds(condition, entry) for entry in entries.date)
        case AmountWithin():
            return any(_amount_holds(condition, entry) for entry in getattr(entries, condition.field))
        case UpdatedWithin(from_, before):
            return (from_ is None or document.updated >= from_) and (
                before is None or document.updated < before
            )
        case IdIn(ids):
            return document.id in ids
        case OwnerIn(owners):
            return document.owner in owners
        case And(parts):
            return all(holds(part, document) for part in parts)
        case Or(parts):
            return any(holds(part, document) for part in parts)
        case Negation(part):
            return not holds(part, document)


def _date_holds(wanted: DateWithin, entry: Range) -> bool:
    code, _, span = entry.key.rpartition(":")
    assert span in ("d", "m", "l")
    return (
        code == wanted.code
        and (wanted.low_from is None or wanted.low_from <= entry.low)
        and (wanted.low_before is None or entry.low < wanted.low_before)
        and (wanted.high_after is None or wanted.high_after < entry.high)
        and (wanted.high_to is None or entry.high <= wanted.high_to)
    )


def _amount_holds(wanted: AmountWithin, entry: Amount) -> bool:
    low, high = Decimal(entry.low), Decimal(entry.high)
    return (
        _key_holds(wanted, entry.key)
        and (wanted.low_from is None or Decimal(wanted.low_from) <= low)
        and (wanted.low_before is None or low < Decimal(wanted.low_before))
        and (wanted.high_after is None or Decimal(wanted.high_after) < high)
        and (wanted.high_to is None or high <= Decimal(wanted.high_to))
    )


def _metres(wanted: WithinDistance, entry: Amount) -> float:
    """Return the distance along the great circle, by the angle between two unit vectors."""
    here, there = (wanted.latitude, wanted.longitude), (float(entry.low), float(entry.high))
    vectors = []
    for latitude, longitude in (here, there):
        north, east = math.radians(latitude), math.radians(longitude)
        vectors.append((math.cos(north) * math.cos(east), math.cos(north) * math.sin(east), math.sin(north)))
    return 2 * math.asin(min(1.0, math.dist(*vectors) / 2)) * EARTH_RADIUS_M


def _key_holds(wanted: AmountWithin, key: str) -> bool:
    if not wanted.begins:
        return key == wanted.key
    return key.startswith(wanted.key) and wanted.part in key[len(wanted.key) :]


@dataclass(frozen=True, slots=True)
class ShelfSystems:
    """The systems of the tokens on a shelf, as the store records them."""

    documents: Sequence[Shelved]

    def of(self, resource_type: str, parameter: str) -> Sequence[str]:
        found = [
            system_of(entry)
            for document in self.documents
            if document.resource_type == resource_type
            for entry in document.entries.token
        ]
        return sorted({named[1] for named in found if named is not None and named[0] == parameter})


def ids_of(documents: Iterable[Shelved], plan: Plan) -> set[str]:
    """Return the ids of the documents that match."""
    return {document.id for document in documents if matches(plan, document)}
