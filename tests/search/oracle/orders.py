"""Orders that `_sort` asks for, by looking at every value.  Spec: https://hl7.org/fhir/R4/search.html#sort"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cmp_to_key
from typing import Any

from fhir_server.search.sort_dates import SORT_DATES
from tests.search.oracle import amounts, links, texts, times
from tests.search.oracle.brute_force import BruteForce
from tests.search.oracle.parameters import Resource

SORTED = frozenset({"string", "token", "uri", "reference", "date", "number"})
"""Types of parameters whose values have one order; quantities have one within a unit."""
LONGEST = 100
"""Characters of a text that order it."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key of `_sort`."""

    code: str
    descending: bool = False

    @property
    def text(self) -> str:
        """The key as a query has it."""
        return f"-{self.code}" if self.descending else self.code


@dataclass(frozen=True, slots=True)
class Orders:
    """Puts what matched into an order; what is equal by all keys by its last update, then by its id."""

    force: BruteForce

    def value(self, resource: Resource, key: Key) -> Any:
        """Return what a resource is ordered by, None where it has nothing."""
        if key.code == "_id":
            return resource["id"]
        if key.code == "_lastUpdated":
            return resource["meta"]["lastUpdated"]
        known = list(self._values(resource, key.code))
        return (max if key.descending else min)(known, default=None)

    def first_of(self, resource: Resource, codes: Sequence[str], descending: bool) -> Any:
        """Return what the first of some parameters gives that says anything, None where none does."""
        known = (self.value(resource, Key(code, descending)) for code in codes)
        return next((value for value in known if value is not None), None)

    def ordered(self, resources: Sequence[Resource], keys: Sequence[Key]) -> list[str]:
        """Return the ids in order.

        The date of a type alone has an index: where a resource lacks it, the next one of its row counts.
        """
        known = {one["id"]: [self.value(one, key) for key in keys] for one in resources}
        dates = self._dates(resources, keys)
        for one in resources if dates else ():
            known[one["id"]][0] = self.first_of(one, dates, keys[0].descending)
        updated = {one["id"]: one["meta"]["lastUpdated"] for one in resources}
        last = keys[0].descending

        def compare(one: str, other: str) -> int:
            for key, mine, theirs in zip(keys, known[one], known[other], strict=True):
                if mine != theirs:
                    return before(mine, theirs, key.descending)
            return before((updated[one], one), (updated[other], other), last)

        return sorted(known, key=cmp_to_key(compare))

    def _dates(self, resources: Sequence[Resource], keys: Sequence[Key]) -> Sequence[str]:
        row = SORT_DATES.get(resources[0]["resourceType"], ()) if resources else ()
        alone = all(key == Key("_lastUpdated", keys[0].descending) for key in keys[1:])
        return row if alone and row and keys[0].code == row[0] else ()

    def _values(self, resource: Resource, code: str) -> Iterator[Any]:
        kind = resource["resourceType"]
        definition = self.force.values.definition(kind, code)
        for found in self.force.values.of(resource, code):
            match definition.type:
                case "string":
                    folded = (texts.bare(text)[:LONGEST] for text in texts.strings(found.value, found.type))
                    yield from (text for text in folded if text)
                case "token":
                    coded = self.force.codings(kind, code, found)
                    yield from (each[:LONGEST] for _, each in coded if each)
                case "reference":
                    yield from map(_named, links.links(found.value, found.type, self.force.base_url))
                case "uri":
                    yield found.value
                case "date":
                    span = times.stored_span(found.value, found.type)
                    if span is not None and span[0] != times.EVER:
                        yield span[0]
                case "number":
                    amount = amounts.stored(found.value, found.type)
                    if amount is not None:
                        yield amount.low


def _named(link: links.Link) -> str:
    local = link.type is not None and link.base is None
    return (f"{link.type}/{link.id}" if local else link.text)[:LONGEST]


def before(mine: Any, theirs: Any, descending: bool) -> int:
    """Return -1 where the first comes first, else 1; nothing is last in both directions."""
    if mine is None or theirs is None:
        return 1 if mine is None else -1
    return -1 if (mine > theirs) == descending else 1
