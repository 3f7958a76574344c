"""What the criteria of a search weigh together: what one document is compared with, at most.

A value that is looked up in a set (a code, a reference, a URL, an id) weighs little whatever the size of the
set; one that is compared (a date, an amount, the beginning or a part of a text) weighs one.  What an index
leads to is compared with all of it, so a request costs this weight for each document that it examines.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from fhir_server.model.outcome import refuse
from fhir_server.model.plan import And, Negation, Or
from fhir_server.search.filter_expression import Tree
from fhir_server.search.hops import Hop
from fhir_server.search.parameter import Filter

MOST_WEIGHT: Final = 250
"""Comparisons that a search may ask of one document; a whole parameter of values fits in."""
OF_A_SET: Final = 10
"""Values of a set that weigh as much as one comparison."""
OF_AN_EXPANSION: Final = 50
"""Codes of a value set or hierarchy that do."""

_LOOKED_UP: Final = frozenset({"token", "reference", "uri"})
_TEXT: Final = "text"


def check_weight(filters: Iterable[Filter], hops: Iterable[Hop]) -> None:
    """Refuse criteria that weigh too much.  Raises FhirError `too-costly`."""
    weight = sum(map(_of_filter, filters)) + sum(map(_of_hop, hops))
    if weight > MOST_WEIGHT:
        raise refuse(
            "too-costly",
            f"The parameters of this search together ask {weight} comparisons of each resource, and at most "
            f"{MOST_WEIGHT} are made. Ask for fewer values.",
        )


def _of_hop(hop: Hop) -> int:
    held = [one.held for one in hop.inner]
    return sum(_of_hop(each) if isinstance(each, Hop) else _of_filter(each) for each in held)


def _of_filter(filter: Filter) -> int:
    values = filter.values
    first = values[0]
    if isinstance(first, tuple):
        return 1 + sum(map(len, values)) // OF_AN_EXPANSION
    if filter.parameter.type in _LOOKED_UP and filter.modifier != _TEXT:
        return 1 + len(values) // OF_A_SET
    return sum(map(_of_value, values))


def _of_value(value: Any) -> int:
    """Return how many comparisons a value stands for: expressions and full texts stand for several."""
    match value:
        case Tree() | And() | Or():
            return sum(map(_of_value, value.parts))
        case Negation():
            return _of_value(value.part)
    return 1
