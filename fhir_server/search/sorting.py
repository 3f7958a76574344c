"""`_sort`: the order that a query asks for, over any parameter that has an order.

The date of a type (see `sort_dates`) and `_lastUpdated` have an index in their order; everything else is
computed from the search entries when the page is made.  Of several values the earliest in the direction
counts, a range counts by its start, and what has no value is last in both directions.
Spec: https://hl7.org/fhir/R4/search.html#sort
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from fhir_server.model.outcome import FhirError, refuse
from fhir_server.model.plan import Order, SortBy, SortKey, SortKind
from fhir_server.search.catalogue import Catalogue
from fhir_server.search.parameter import Parameter
from fhir_server.search.sort_dates import sort_dates

MAX_KEYS: Final = 5

KINDS: Final[Mapping[str, SortKind]] = {
    "string": SortKind.TEXT,
    "token": SortKind.CODE,
    "uri": SortKind.NAMED,
    "reference": SortKind.NAMED,
    "date": SortKind.INSTANT,
    "number": SortKind.NUMBER,
    "quantity": SortKind.QUANTITY,
}
"""Type of a parameter → what its keys are made of."""

_OF_DOCUMENT: Final = {"_id": SortKind.ID, "_lastUpdated": SortKind.UPDATED}


def order_of(catalogue: Catalogue, resource_type: str, text: str) -> Order:
    """Return the order of a value of `_sort`.  Raises FhirError `illegal-parameter-value`, `too-costly`."""
    keys = [sort_key(catalogue, resource_type, part) for part in sort_parts(text)]
    if not keys:
        raise _not_sortable(catalogue, resource_type)
    first = keys[0]
    by = _index_backed(catalogue, resource_type, first)
    # What was written at the same instant is in the order of the update already.
    redundant = SortKey(SortKind.UPDATED, descending=first.descending)
    if by is not None and all(key == redundant for key in keys[1:]):
        return Order(by, first.descending)
    return Order(SortBy.DATE, first.descending, tuple(dict.fromkeys(keys)))


def sort_parts(text: str) -> list[str]:
    """Return the keys that a value of `_sort` names, as they are written.  Raises FhirError `too-costly`."""
    parts = [part for part in text.split(",") if part]
    if len(parts) > MAX_KEYS:
        raise refuse("too-costly", f"`_sort` takes at most {MAX_KEYS} keys.")
    return parts


def sortable(catalogue: Catalogue, resource_type: str) -> frozenset[str]:
    """Return the codes by which pages of a type can be ordered."""
    parameters = catalogue.of(resource_type).by_code
    return frozenset((*_OF_DOCUMENT, *(code for code, each in parameters.items() if _is_sortable(each))))


def spelled(order: Order | None) -> Sequence[Any]:
    """Return an order as plain values, for digests."""
    if order is None:
        return ()
    keys = [[key.kind.value, *key.names, key.target, key.descending] for key in order.keys]
    return [order.by.value, order.descending, *keys]


def _is_sortable(parameter: Parameter) -> bool:
    return parameter.type in KINDS and bool(parameter.sources or parameter.computed is not None)


def sort_key(catalogue: Catalogue, resource_type: str, part: str) -> SortKey:
    """Return what one key of `_sort` orders a type by.  Raises FhirError `illegal-parameter-value`."""
    code, descending = part.removeprefix("-"), part.startswith("-")
    if code in _OF_DOCUMENT:
        return SortKey(_OF_DOCUMENT[code], descending=descending)
    parameter = catalogue.parameter(resource_type, code)
    if parameter is None or not _is_sortable(parameter):
        raise _not_sortable(catalogue, resource_type)
    kind, owner = KINDS[parameter.type], parameter.owner if parameter.type == "reference" else "never"
    target = parameter.restrict or ""
    return SortKey(kind, parameter.names, descending, parameter.residual, owner, target)


def _index_backed(catalogue: Catalogue, resource_type: str, key: SortKey) -> SortBy | None:
    if key.kind is SortKind.UPDATED:
        return SortBy.UPDATED
    parameters = catalogue.of(resource_type).by_code
    dates = sort_dates(resource_type, parameters)
    if key.kind is SortKind.INSTANT and dates and parameters[dates[0]].names == key.names:
        return SortBy.DATE
    return None


def _not_sortable(catalogue: Catalogue, resource_type: str) -> FhirError:
    names = ", ".join(f"`{code}`" for code in sorted(sortable(catalogue, resource_type)))
    return refuse(
        "illegal-parameter-value",
        f"`_sort`: {resource_type} can be ordered by {names}; `-` before a name turns it round.",
    )
