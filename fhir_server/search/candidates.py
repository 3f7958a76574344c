"""What else could drive a search across persons, so that the store may count a little and take the fewest.

Never inside one record: there the choice follows a fixed table, so that its cost tells nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from fhir_server.model.plan import Condition, Driver, Has, Index
from fhir_server.search.opening import ACROSS, Opening
from fhir_server.search.selectivity import SELECTIVE, rank
from fhir_server.search.types.token import MAX_HAS

MOST: Final = 4
"""Candidates that are counted."""

_WEIGHED: Final = frozenset({
    Index.TOKEN, Index.UPDATED, Index.STRING, Index.DATE, Index.NUMBER, Index.QUANTITY, Index.COMPOSITE,
})  # fmt: skip


def candidates(
    conditions: Sequence[Condition],
    opening: Opening,
    *,
    by_token: bool,
    dates: Condition | None,
    joined: Iterable[Condition] = (),
) -> tuple[Driver, ...]:
    """Return what could drive a search in place of what the table chose; nothing where that is good enough.

    A token that is selective by the table needs no count, and nothing is to be weighed where there is no
    choice.  `by_token` and `dates` as in `opening_across`; `joined` are what conditions imply for composites.
    """
    if opening.index not in _WEIGHED or _is_selective(opening.driver):
        return ()
    found = [Driver(Index.COMPOSITE, one) for one in joined]
    found += _drivers(conditions, by_token=by_token)
    if dates is not None:
        found.append(Driver(Index.DATE, dates))
    if [one.condition for one in found] == [opening.driver]:
        return ()
    return tuple(found[:MOST])


def _is_selective(driver: Condition | None) -> bool:
    return isinstance(driver, Has) and rank(driver.values[0]) <= SELECTIVE


def _drivers(conditions: Iterable[Condition], *, by_token: bool) -> Iterable[Driver]:
    conditions = list(conditions)
    tokens = [one for one in conditions if isinstance(one, Has) and one.field == "token" and by_token]
    for token in sorted(tokens, key=lambda one: rank(one.values[0]) if one.values else 0):
        if 0 < len(token.values) <= MAX_HAS:
            yield Driver(Index.TOKEN, token)
    for index, suits in ACROSS:
        yield from (Driver(index, one) for one in conditions if suits(one))
