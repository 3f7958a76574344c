"""The one order of several types, by looking at every value.  Spec: https://hl7.org/fhir/R4/search.html#sort"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cmp_to_key
from typing import Any

from tests.search.oracle.orders import Key, Orders, before
from tests.search.oracle.parameters import Resource


@dataclass(frozen=True, slots=True)
class SystemOrders:
    """`dates` are the parameters that give the date of a type, which has an index, in the order of trial."""

    orders: Orders
    dates: Mapping[str, Sequence[str]]

    def ordered(self, kinds: Sequence[str], resources: Sequence[Resource], keys: Sequence[Key]) -> list[str]:
        """Return `Type/id` of resources of some kinds in order.

        What is equal by all keys is in the order of its last update, its type and its id.
        """
        by_date = self._by_date(kinds, keys)
        known = {
            address(one): [self._value(one, key, by_date and not nth) for nth, key in enumerate(keys)]
            for one in resources
        }
        ties = {
            address(one): (one["meta"]["lastUpdated"], one["resourceType"], one["id"]) for one in resources
        }

        def compare(one: str, other: str) -> int:
            for key, mine, theirs in zip(keys, known[one], known[other], strict=True):
                if mine != theirs:
                    return before(mine, theirs, key.descending)
            return before(ties[one], ties[other], keys[0].descending)

        return sorted(known, key=cmp_to_key(compare))

    def _value(self, resource: Resource, key: Key, by_date: bool) -> Any:
        if not by_date:
            return self.orders.value(resource, key)
        return self.orders.first_of(resource, self.dates[resource["resourceType"]], key.descending)

    def _by_date(self, kinds: Sequence[str], keys: Sequence[Key]) -> bool:
        """Return whether all kinds have an index in the order: then other dates stand in for the first."""
        if any(key != Key("_lastUpdated", keys[0].descending) for key in keys[1:]):
            return False
        return all(self.dates[kind][:1] == (keys[0].code,) for kind in kinds)


def address(resource: Resource) -> str:
    """Return `Type/id`."""
    return f"{resource['resourceType']}/{resource['id']}"
