"""Conditions over search entries in plain Python: the brute force that the database is held against."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from fhir_server.model import plan
from fhir_server.model.document import Amount, Document, Range
from fhir_server.model.plan import Condition, Order, Position, SortBy

EARLIEST = datetime(1, 1, 1, tzinfo=UTC)
LATEST = datetime.max.replace(tzinfo=UTC)


def holds(condition: Condition, document: Document) -> bool:
    """Return whether a live document satisfies the condition."""
    entries = document.search
    match condition:
        case plan.Has(field, values):
            return any(value in values for value in getattr(entries, field))
        case plan.StartsWith(field, prefixes):
            return any(text.startswith(prefix) for text in getattr(entries, field) for prefix in prefixes)
        case plan.Contains(field, prefix, parts):
            return any(
                text.startswith(prefix) and part in text[len(prefix) :]
                for text in getattr(entries, field)
                for part in parts
            )
        case plan.DateWithin():
            return any(_date(condition, entry) for entry in entries.date)
        case plan.AmountWithin():
            return any(_amount(condition, entry) for entry in getattr(entries, condition.field))
        case plan.UpdatedWithin(from_, before):
            at = document.updated
            return (from_ is None or at >= from_) and (before is None or at < before)
        case plan.IdIn(ids):
            return document.facts.id in ids
        case plan.OwnerIn(owners):
            return document.facts.owner in owners
        case plan.And(parts):
            return all(holds(part, document) for part in parts)
        case plan.Or(parts):
            return any(holds(part, document) for part in parts)
        case plan.Negation(part):
            return not holds(part, document)


def ordered(documents: list[Document], order: Order) -> list[Document]:
    """Return the documents in the order of pages."""
    return sorted(documents, key=lambda document: place(document, order), reverse=order.descending)


def place(document: Document, order: Order) -> tuple[datetime, int, str]:
    """Return where a document stands in an order."""
    # What has no date is last in both directions.
    undated = EARLIEST if order.descending else LATEST
    at = document.updated if order.by is SortBy.UPDATED else document.search.sort_date or undated
    return at - timedelta(microseconds=at.microsecond % 1000), document.seq, document.facts.id


def beyond(document: Document, position: Position, order: Order) -> bool:
    """Return whether a document comes after a position."""
    here, there = place(document, order), (position.sort or EARLIEST, position.seq, position.id)
    return here < there if order.descending else here > there


def _date(wanted: plan.DateWithin, entry: Range) -> bool:
    return entry.key.rpartition(":")[0] == wanted.code and _between(
        entry.low, entry.high, wanted.low_from, wanted.low_before, wanted.high_after, wanted.high_to
    )


def _amount(wanted: plan.AmountWithin, entry: Amount) -> bool:
    bounds = (wanted.low_from, wanted.low_before, wanted.high_after, wanted.high_to)
    named = entry.key == wanted.key
    if wanted.begins:
        named = entry.key.startswith(wanted.key) and wanted.part in entry.key[len(wanted.key) :]
    return named and _between(
        Decimal(entry.low), Decimal(entry.high), *(None if text is None else Decimal(text) for text in bounds)
    )


def _between(low, high, low_from, low_before, high_after, high_to) -> bool:
    return (
        (low_from is None or low_from <= low)
        and (low_before is None or low < low_before)
        and (high_after is None or high_after < high)
        and (high_to is None or high <= high_to)
    )
