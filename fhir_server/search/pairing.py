"""Parameters that stand side by side and that a composite joins: its index can drive a search for both.

`code=…&value-quantity=…` of an Observation has an amount of `code-value-quantity` for each pair of values,
so that the index of composites leads to what has both.  The parameters themselves are tested all the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Final

from fhir_server.model.plan import Condition, Or
from fhir_server.search.parameter import Filter, Parameter
from fhir_server.search.parameter_type import SystemsOf
from fhir_server.search.source import Source
from fhir_server.search.types import composite
from fhir_server.search.types.composite import TEXTS, CompositeValue
from fhir_server.search.types.token import TokenValue

FEW: Final = 20
"""Combinations of values, and of their spellings, that are worth a look into the index."""
EXACT: Final = frozenset({"quantity", "number"})
"""What stands in a composite to the same digit as beside it; dates are rounded in the one alone."""


@dataclass(frozen=True, slots=True)
class Pairing:
    """A composite over whole resources, one of whose parts is ordered.

    `beside` is the same for values that the parameters have and the composite's own expressions leave out
    (SampledData of an Observation): its facts are written under a name that no query can say.
    """

    composite: Parameter
    beside: Parameter | None


def pairings(by_code: Mapping[str, Parameter]) -> tuple[Pairing, ...]:
    """Return the pairings of a type's parameters."""
    found = (_pairing(parameter, by_code) for parameter in by_code.values() if _joins(parameter))
    return tuple(one for one in found if one is not None)


def paired(filters: Sequence[Filter], pairs: Iterable[Pairing], systems: SystemsOf) -> Iterator[Condition]:
    """Yield what filters imply together: conditions on composites, for few values in all."""
    for pair in pairs:
        values = list(_values(filters, pair.composite))
        if not 0 < len(values) <= FEW:
            continue
        conditions = [
            condition
            for parameter in (pair.composite, pair.beside)
            if parameter is not None
            for condition in composite.conditions(Filter(parameter, None, tuple(values)), systems)
        ]
        if 0 < len(conditions) <= FEW:
            yield conditions[0] if len(conditions) == 1 else Or(tuple(conditions))


def _joins(parameter: Parameter) -> bool:
    whole = parameter.type == "composite" and not any(source.hops for source in parameter.sources)
    ordered = [part.type for part in parameter.parts if part.type not in TEXTS]
    return whole and parameter.canonical and len(ordered) == 1 and ordered[0] in EXACT


def _pairing(parameter: Parameter, by_code: Mapping[str, Parameter]) -> Pairing | None:
    parts, lacking = list(parameter.parts), list[int]()
    for place, part in enumerate(parts):
        own = by_code.get(part.code)
        if own is None or own.computed is not None or part.from_resource:
            return None
        known = {(source.hops, source.type) for source in part.sources}
        more = tuple(source for source in own.sources if _fact(source) not in known)
        if more:
            parts[place] = replace(part, sources=more)
            lacking.append(place)
    if len(lacking) > 1:
        return None
    name = f"{parameter.code}!beside"
    beside = replace(parameter, code=name, names=(name,), parts=tuple(parts)) if lacking else None
    return Pairing(parameter, beside)


def _fact(source: Source) -> tuple[object, str]:
    return source.hops, source.type


def _values(filters: Sequence[Filter], joined: Parameter) -> Iterator[CompositeValue]:
    """Yield each combination of what the parts are asked for; of several filters of a part, the first."""
    of_parts = []
    for part in joined.parts:
        asked = (one for one in filters if one.parameter.code == part.code and one.modifier is None)
        first = next(asked, None)
        if first is None or not _codes(first.values):
            return
        of_parts.append(first.values)
    for values in product(*of_parts):
        yield CompositeValue(values)


def _codes(values: Iterable[object]) -> bool:
    """Whether every token names a code: composites do not know a system alone."""
    return all(value.code for value in values if isinstance(value, TokenValue))
