"""`_sort` over several types: each is ordered by keys of its own that compare with those of the others.

Where all types have an index in the order that is asked for, their pages come from it; else the keys of all
are computed, also of those that would have one.
Spec: https://hl7.org/fhir/R4/search.html#sort
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from fhir_server.model.outcome import FhirError, refuse
from fhir_server.model.plan import Order, SortBy, SortKind
from fhir_server.search.catalogue import Catalogue
from fhir_server.search.sorting import order_of, sort_key, sort_parts, sortable

MOST_NAMED: Final = 3
"""Types that a refusal names."""


def shared_orders(catalogue: Catalogue, types: Sequence[str], text: str) -> tuple[Order, ...]:
    """Return for each of several types the order that a value of `_sort` asks of all together.

    All of them have as many keys, of the same kinds and in the same directions.
    Raises FhirError `illegal-parameter-value` naming types that lack a key, and `too-costly`.
    """
    parts = list(dict.fromkeys(sort_parts(text)))
    if not parts:
        raise _refused(catalogue, types, "it has no value")
    for part in parts:
        _check_shared(catalogue, types, part.removeprefix("-"))
    orders = [order_of(catalogue, each, text) for each in types]
    if not any(order.keys for order in orders) and len(set(orders)) == 1:
        return tuple(orders)
    descending = parts[0].startswith("-")
    return tuple(
        Order(SortBy.DATE, descending, tuple(sort_key(catalogue, each, part) for part in parts))
        for each in types
    )


def _check_shared(catalogue: Catalogue, types: Sequence[str], code: str) -> None:
    lacking = [each for each in types if code not in sortable(catalogue, each)]
    if len(lacking) == len(types):
        raise _refused(catalogue, types, "there is a key that orders none of the types")
    if lacking:
        raise _refused(catalogue, types, f"{_listed(lacking)} cannot be ordered by `{code}`")
    by_kind: dict[SortKind, str] = {}
    for each in types:
        by_kind.setdefault(sort_key(catalogue, each, code).kind, each)
    if len(by_kind) > 1:
        read = " and ".join(
            f"a {catalogue.of(each).by_code[code].type} of {each}" for each in by_kind.values()
        )
        raise _refused(catalogue, types, f"`{code}` is {read}, which do not compare")


def _refused(catalogue: Catalogue, types: Sequence[str], why: str) -> FhirError:
    common = frozenset.intersection(*(sortable(catalogue, each) for each in types))
    names = ", ".join(f"`{code}`" for code in sorted(common))
    text = f"`_sort`: {why}. One order over several types is by what all of them have: {names}."
    return refuse("illegal-parameter-value", text)


def _listed(types: Sequence[str]) -> str:
    named = ", ".join(types[:MOST_NAMED])
    return named if len(types) <= MOST_NAMED else f"{named} and {len(types) - MOST_NAMED} further types"
